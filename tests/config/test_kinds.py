"""Each kind of value as tables: what is read as what, and what is refused."""

from __future__ import annotations

import math

import pytest

from mobius.config.checks import listen_of
from mobius.config.kinds import Duration, Flag, Number, Size, Text, WrongError
from mobius.config.shapes import Inside, Url
from mobius.config.showing import REDACTED, redacted


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (5, 5.0),
        (0.5, 0.5),
        ("60m", 3600.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("2d", 172_800.0),
        ("1.5s", 1.5),
    ],
)
def test_a_duration_is_seconds_or_text_with_units(raw: object, seconds: float) -> None:
    assert Duration().read(raw) == seconds


@pytest.mark.parametrize(
    "raw",
    [0, -1, True, None, "", "60", "1 h", "h", "1h-5m", "٣s", math.nan, math.inf, 10**400, "9" * 60 + "d", []],
)
def test_anything_else_is_no_duration(raw: object) -> None:
    with pytest.raises(WrongError):
        Duration().read(raw)


@pytest.mark.parametrize(
    ("raw", "size_bytes"), [(1, 1), ("64KiB", 65_536), ("10 MB", 10_000_000), ("1GiB", 2**30)]
)
def test_a_size_is_bytes_or_text_with_a_unit(raw: object, size_bytes: int) -> None:
    assert Size().read(raw) == size_bytes


@pytest.mark.parametrize("raw", [0, -1, 1.5, True, "1", "1KIB", "iB", "1iB", "999999999999GiB"])
def test_anything_else_is_no_size(raw: object) -> None:
    with pytest.raises(WrongError):
        Size().read(raw)


@pytest.mark.parametrize("raw", [True, "5", math.nan, math.inf, -1, 101, 10**400, None])
def test_a_number_is_finite_and_in_its_bounds(raw: object) -> None:
    with pytest.raises(WrongError):
        Number(0, 100).read(raw)


def test_variables_say_yes_and_no_in_four_ways() -> None:
    assert [Flag().read_text(text) for text in ("true", "1", "FALSE", "0")] == [True, True, False, False]


@pytest.mark.parametrize("raw", ["a\nb", "a\x00", "\x1b[31m", "\udcff", "", "x" * 5000, 5])
def test_text_is_of_one_line_and_can_be_printed(raw: object) -> None:
    with pytest.raises(WrongError):
        Text().read(raw)


@pytest.mark.parametrize(
    "raw", ["/etc", "..", "a/../b", "C:x", "C:/x", "a\\b", "~/x", ".", "", "\\\\host\\share"]
)
def test_a_path_inside_does_not_leave_its_folder_on_any_system(raw: str) -> None:
    with pytest.raises(WrongError):
        Inside().read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "ftp://x",
        "//x",
        "http://",
        "http://u:p@x",
        "http://x?q",
        "http://x#f",
        "http://x:0",
        "http://x:",
        "http://x y",
        "http://[::1",
    ],
)
def test_anything_but_a_plain_http_address_is_refused(raw: str) -> None:
    with pytest.raises(WrongError):
        Url().read(raw)


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://127.0.0.1:5001", "127.0.0.1:5001"),
        ("http://localhost:5001/base", "127.0.0.1:5001"),
        ("http://127.0.0.5", "127.0.0.5:80"),
        ("http://[::1]:5001", "[::1]:5001"),
        ("https://api.example.org", "0.0.0.0:443"),
    ],
)
def test_the_front_door_binds_the_port_of_the_url_on_loopback_if_that_is_what_it_names(
    url: str, listen: str
) -> None:
    assert listen_of(url) == listen


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("process[1].env.API_TOKEN", "s3cr3t"),
        ("process[1].env.PGPASSWORD", "s3cr3t"),
        ("process[1].env.DATABASE_URL", "postgres://me:s3cr3t@db/x"),
        ("process[1].env.STRIPE_KEY", "s3cr3t"),
        ("process[1].env.SENTRY_DSN", "s3cr3t"),
        ("slack_webhook", "s3cr3t"),
        ("smoke[1].headers", {"Authorization": "Bearer s3cr3t", "Accept": "*/*"}),
        ("smoke[1].headers", {"X-Api-Key": "s3cr3t"}),
        ("smoke[1].body", '{"password": "s3cr3t"}'),
        ("smoke[1].get", "https://x/?api_key=s3cr3t&a=b"),
        ("process[1].start", ["run", "--token", "s3cr3t"]),
        ("process[1].start", ["run", "--password=s3cr3t"]),
        ("gate[1].run", ["curl", "-H", "Authorization: Bearer s3cr3t"]),
        ("smoke[1].post", "https://hooks.example.org/s3cr3t"),
        ("notify.channel[1].url_env", "https://chat.example.org/services/s3cr3t"),
        ("notify.channel[1].password_env", "s3cr3t-word"),
        ("process[1].pass_env[2]", "API_KEY=s3cr3t"),
    ],
)
def test_what_looks_like_a_secret_is_never_printed(path: str, raw: object) -> None:
    shown = redacted(path, raw)
    assert "s3cr3t" not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("door.tls_key", "/etc/key.pem"),
        ("process[1].pass_env", ["API_KEY"]),
        ("smoke[1].name", "monkey"),
        ("notify.channel[1].url_env", "SLACK_URL"),
    ],
)
def test_what_only_names_a_secret_is_printed(path: str, raw: object) -> None:
    assert REDACTED not in redacted(path, raw)
