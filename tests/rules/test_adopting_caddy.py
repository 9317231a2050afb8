"""Caddyfiles as people have them: what is changed so that Caddy dials our socket, and what is left alone."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mobius.model.adoption import ProxyFound
from mobius.rules.adopting_caddy import find, imports
from mobius.rules.adopting_nginx import with_edits

OURS = "/srv/app/.mobius/production/live/web.sock"
OFF = "transport http {\n\t\t\tkeepalive off\n\t\t}"


def changed(text: str) -> tuple[str, ProxyFound]:
    found = find({"/etc/caddy/Caddyfile": text}, (3000,), ("/run/app.sock",), OURS)
    return with_edits(text, found.edits), found


def test_one_line_becomes_a_block_without_kept_connections() -> None:
    after, found = changed("app.example.org {\n\treverse_proxy localhost:3000 # the app\n\tencode gzip\n}\n")
    assert after == (
        f"app.example.org {{\n\treverse_proxy unix/{OURS} {{\n\t\t{OFF}\n\t}} # the app\n\tencode gzip\n}}\n"
    )
    assert (found.url, found.dials, found.blockers) == ("https://app.example.org:443", "localhost:3000", ())


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("reverse_proxy /api/* 127.0.0.1:3000", f"reverse_proxy /api/* unix/{OURS} {{\n\t\t{OFF}\n\t}}"),
        ("reverse_proxy @it http://:3000", f"reverse_proxy @it unix/{OURS} {{\n\t\t{OFF}\n\t}}"),
        ("reverse_proxy unix//run/app.sock", f"reverse_proxy unix/{OURS} {{\n\t\t{OFF}\n\t}}"),
        (
            "reverse_proxy :3000 {\n\t\theader_up A B\n\t}",
            f"reverse_proxy unix/{OURS} {{\n\t\t{OFF}\n\t\theader_up A B\n\t}}",
        ),
        (
            "reverse_proxy {\n\t\tto localhost:3000\n\t}",
            f"reverse_proxy {{\n\t\t{OFF}\n\t\tto unix/{OURS}\n\t}}",
        ),
        (
            "reverse_proxy :3000 {\n\t\ttransport http {\n\t\t\tkeepalive 30s\n\t\t\tdial_timeout 1s\n\t\t}\n\t}",
            f"reverse_proxy unix/{OURS} {{\n\t\ttransport http {{\n\t\t\tkeepalive off\n\t\t\tdial_timeout 1s"
            "\n\t\t}\n\t}",
        ),
        (
            "reverse_proxy :3000 {\n\t\ttransport http\n\t}",
            f"reverse_proxy unix/{OURS} {{\n\t\t{OFF}\n\t}}",
        ),
    ],
)
def test_every_way_to_say_it_is_understood(before: str, expected: str, tmp_path: Path) -> None:
    after, found = changed(f":80 {{\n\t{before}\n}}\n")
    assert after == f":80 {{\n\t{expected}\n}}\n"
    assert not found.blockers and found.url == "http://127.0.0.1:80"
    if shutil.which("caddy"):
        assert_caddy_takes(after, tmp_path)


def assert_caddy_takes(text: str, folder: Path) -> None:
    file = folder / "Caddyfile"
    file.write_text(text.replace("@it", "/it"))
    argv = ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "because"),
    [
        (
            "reverse_proxy localhost:3000 localhost:3001",
            "it dials others as well: mobius moves all traffic or none",
        ),
        ("reverse_proxy h2c://localhost:3000", "it dials the service by h2c; a release is reached by http"),
        (
            "reverse_proxy localhost:3000 {\n\t\tdynamic srv x\n\t}",
            "it dials others as well: mobius moves all traffic or none",
        ),
    ],
)
def test_what_cannot_be_moved_is_said(line: str, because: str) -> None:
    _, found = changed(f":80 {{\n\t{line}\n}}\n")
    assert found.blockers == (f"/etc/caddy/Caddyfile:2: {because}",)


def test_what_only_looks_like_it_is_left_alone() -> None:
    text = (
        "# reverse_proxy localhost:3000\n:80 {\n\trespond `\nreverse_proxy localhost:3000\n`\n"
        '\trespond /x "reverse_proxy localhost:3000"\n\treverse_proxy localhost:30000\n}\n'
    )
    after, found = changed(text)
    assert after == text and not found.edits


def test_windows_line_ends_are_kept() -> None:
    after, _ = changed(":80 {\r\n  reverse_proxy :3000\r\n}\r\n")
    assert after.count("\r\n") == after.count("\n") == 7


@pytest.mark.parametrize(
    ("label", "url"),
    [
        ("example.org, www.example.org", "https://example.org:443"),
        ("http://example.org:8080", "http://example.org:8080"),
        ("localhost:8080", "https://localhost:8080"),
        ("http://localhost", "http://127.0.0.1:80"),
        (":9000", "http://127.0.0.1:9000"),
        ("{$SITE}", ""),
        ("*.example.org", ""),
    ],
)
def test_the_address_is_read_from_the_site(label: str, url: str) -> None:
    assert changed(f"{label} {{\n\treverse_proxy :3000\n}}\n")[1].url == url


def test_imported_files_are_named() -> None:
    assert imports("import sites/*.caddy\n:80 {\n\timport common\n}\n") == ("sites/*.caddy", "common")


def test_garbage_is_read_without_an_error() -> None:
    chance = random.Random(7)
    for _ in range(500):
        changed(
            "".join(
                chance.choices(["{", "}", "\n", " ", '"', "`", "reverse_proxy", ":3000", "\\", "to"], k=30)
            )
        )


def test_what_is_deep_inside_keeps_its_indentation() -> None:
    text = "{\n\tadmin off\n}\n:80 {\n\thandle_path /api/* {\n\t\treverse_proxy localhost:3000\n\t}\n}\n"
    after, found = changed(text)
    assert after == text.replace(
        "localhost:3000", f"unix/{OURS} {{\n\t\t\ttransport http {{\n\t\t\t\tkeepalive off\n\t\t\t}}\n\t\t}}"
    )
    assert found.url == "http://127.0.0.1:80"
