"""What every `Gauge` promises: a number or the reason there is none, in time; no data is no data, and never 0."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters.checks.server import Script, answers, drips, raw, serving, silent, unused_port
from adapters.signals.reading import missing, read, reader
from host.sites import wait_for
from mobius.adapters.checks import lag
from mobius.ports import Unread

TIMEOUT_S = 1.5
Says = Callable[[str], dict[str, Any]]  # the settings of a signal behind which somebody says this
HTTP = ("prometheus", "json", "haproxy")

STRANGE = {
    "nothing": "",
    "not a number": "nonsense",
    "NaN": "NaN",
    "infinite": "Infinity",
    "minus infinite": "-Infinity",
    "huge": "1e300",
    "too many digits": "9" * 6000,
    "yes": "true",
    "null": "null",
    "a list": "[1]",
    "hexadecimal": "0x10",
    "several": "1 2 3",
    "control characters": "\x1b[31m7",
    "not UTF-8": "\udcff\udcfe",
}


def as_prometheus(said: str) -> bytes:
    text = said if said in ("null", "true", "[1]") else json.dumps(said)
    at = f"{time.time():.3f}"
    result = f'[{{"metric": {{}}, "value": [{at}, {text}]}}]' if said else "[]"
    return f'{{"status": "success", "data": {{"resultType": "vector", "result": {result}}}}}'.encode()


def as_page(said: str) -> bytes:
    page = '# HELP of somebody\nhaproxy_backend_current_queue{proxy="other"} 1\n'
    return (page + f'haproxy_backend_current_queue{{proxy="app"}} {said}\n').encode(
        "utf-8", "surrogateescape"
    )


def bodies(said: str) -> dict[str, bytes]:
    data = said.encode("utf-8", "surrogateescape")
    return {
        "prometheus": as_prometheus(said),
        "json": b'{"jobs": {"waiting": ' + data + b"}}",
        "haproxy": as_page(said),
    }


def settings_of(kind: str, url: str) -> dict[str, Any]:
    own = {
        "prometheus": {"query": "sum(jobs_waiting)"},
        "json": {"path": "jobs.waiting"},
        "haproxy": {"path": "current_queue"},
    }
    return {"kind": kind, "url": url, "timeout_s": TIMEOUT_S, **own[kind]}


@pytest.fixture(
    params=["prometheus", "json", "haproxy", "json file", "whole file", "command", "command json"]
)
def says(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Says]:
    kind = request.param
    with ExitStack() as servers:

        def made(said: str) -> dict[str, Any]:
            data = said.encode("utf-8", "surrogateescape")
            (tmp_path / "whole").write_bytes(data)
            (tmp_path / "json").write_bytes(b'{"jobs": {"waiting": ' + data + b"}}")
            path = {"path": "jobs.waiting"} if kind.endswith("json") or kind == "json file" else {}
            if kind in HTTP:
                url, _ = servers.enter_context(serving(answers(body=bodies(said)[kind])))
                return settings_of(kind, url)
            if kind.startswith("command"):
                name = "json" if kind.endswith("json") else "whole"
                return {"kind": "command", "run": ("cat", str(tmp_path / name)), "timeout_s": 5.0, **path}
            file = "json" if kind == "json file" else "whole"
            return {"kind": "json", "file": file, "timeout_s": TIMEOUT_S, **path}

        yield made


@pytest.mark.parametrize(("said", "value"), [("42", 42.0), ("0", 0.0), ("-1.5", -1.5), ("1e3", 1000.0)])
def test_a_number_is_read_as_it_is(says: Says, tmp_path: Path, said: str, value: float) -> None:
    sample = read(tmp_path, **says(said))

    assert (sample.value, sample.missing) == (value, "")


@pytest.mark.parametrize("said", STRANGE.values(), ids=STRANGE)
def test_what_is_no_number_is_missing_with_its_reason(says: Says, tmp_path: Path, said: str) -> None:
    reason = missing(tmp_path, **says(said))

    assert len(reason) < 300
    assert reason.isprintable()
    assert "broke" not in reason, reason


WAYS: dict[str, tuple[Script, str]] = {
    "an error": (answers("500 Internal Server Error", b"oops"), "500"),
    "a refusal": (answers("401 Unauthorized"), "answered 401: set token_env"),
    "a redirect": (
        answers("302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
        "redirects are not followed",
    ),
    "nothing at all": (silent, "within 1.5 s"),
    "a slow drip": (drips(), "within 1.5 s"),
    "a slow drip of a header": (drips(head=b"HTTP/1.1 200 OK\r\nX-Slow: "), "within 1.5 s"),
    "a body that is cut off": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), "cut off"),
    "a closed connection": (raw(b""), "closed the connection"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
    "more than anybody can want": (answers(body=b" " * (6 * 1024 * 1024)), "larger than 5 MB"),
    "another page": (answers(body=b"<html>Welcome</html>"), ""),
    "no page": (answers("404 Not Found", b"no"), "404"),
}


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("way", WAYS)
def test_a_strange_answer_is_missing_in_time(kind: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "LATE_S", 60.0)  # also on a machine that starves whoever asks
    script, words = WAYS[way]
    with serving(script) as (url, _):
        begun = time.monotonic()
        reason = missing(**settings_of(kind, url))

    assert words in reason
    assert time.monotonic() - begun < TIMEOUT_S + 6, "those that do not end would go on for a minute"


@pytest.mark.parametrize("kind", HTTP)
def test_nobody_there_and_a_name_that_nobody_knows_are_missing(kind: str) -> None:
    assert "connection refused" in missing(**settings_of(kind, f"http://127.0.0.1:{unused_port()}"))
    assert "looked up" in missing(
        **settings_of(kind, "http://no.such.host.invalid:9090") | {"timeout_s": 5.0}
    )


@pytest.mark.parametrize("kind", HTTP)
def test_the_token_goes_to_the_address_and_to_nobody_who_reads(kind: str) -> None:
    said = {"environ": {"QUEUE_TOKEN": "s3cr3t-value"}, "token_env": "QUEUE_TOKEN"}
    with serving(answers("403 Forbidden", b"s3cr3t-value")) as (url, requests):
        reason = missing(**settings_of(kind, f"{url}/?apikey=hunter22"), **said)

    assert b"\r\nAuthorization: Bearer s3cr3t-value\r\n" in requests[0]
    assert "is the token in QUEUE_TOKEN right?" in reason
    assert "s3cr3t-value" not in reason
    assert "hunter22" not in reason


@pytest.mark.parametrize("kind", HTTP)
def test_a_token_that_is_not_set_is_said_and_nothing_is_asked(kind: str) -> None:
    with serving(answers(body=bodies("1")[kind])) as (url, requests):
        reason = missing(**settings_of(kind, url), token_env="QUEUE_TOKEN")

    assert reason == "QUEUE_TOKEN, the variable with its token, is not set"
    assert requests == []


class Stubborn:
    """A third party's gauge that keeps no promise."""

    def __init__(self, settings: object, around: object) -> None:
        raised = [ValueError("boom s3cr3t"), Unread(""), SystemExit(3), Unread("a\nb" * 999)]
        self.answers = iter([float("nan"), "12", None, *raised])

    def read(self) -> float:
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]


def test_a_gauge_of_somebody_else_that_keeps_no_promise_is_held_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mobius.adapters.signals.configured.OURS", {"stubborn": Stubborn})
    one = reader(kind="stubborn", redact=lambda text: text.replace("s3cr3t", "…"))
    told = [one.read() for _ in range(7)]

    assert [(sample.value, sample.missing) for sample in told if sample] == [
        (None, "NaN"),
        (12.0, ""),
        (None, "no number: null"),
        (None, "the signal broke: ValueError('boom …')"),
        (None, "no reason given"),
        (None, "the signal broke: SystemExit(3)"),
        (None, ("a b" * 999)[:400]),
    ]


def test_a_gauge_that_does_not_end_is_left_behind_and_never_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, begun = threading.Event(), []

    class Endless:
        def __init__(self, settings: object, around: object) -> None: ...

        def read(self) -> float:
            begun.append(1)
            let_go.wait(60)
            return 1.0

    monkeypatch.setattr("mobius.adapters.signals.configured.OURS", {"endless": Endless})
    monkeypatch.setattr("mobius.adapters.signals.configured.GRACE_S", 0.05)
    one = reader(kind="endless", timeout_s=0.05)
    told = [one.read() for _ in range(4)]

    told_of = [re.sub(r"of \d+ s ago", "of a while ago", sample.missing) for sample in told if sample]
    assert told_of == ["not read within 0.1 s", *["the reading of a while ago has not ended"] * 3]
    assert len(begun) == 1
    let_go.set()
    wait_for("it to end", lambda: (sample := one.read()) is not None and sample.value == 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in the file system there")
def test_a_file_that_is_none_or_never_ends_is_missing_in_time(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "large").write_bytes(b"1" * (6 * 1024 * 1024))
    said = {
        name: missing(tmp_path, kind="json", file=name) for name in ("pipe", "link", "large", ".", "gone")
    }

    assert said == {
        "pipe": "pipe: it is no file",
        "link": "link: No such file or directory",
        "large": "large: it is larger than 5 MB",
        ".": ".: it is no file",
        "gone": "gone: No such file or directory",
    }
