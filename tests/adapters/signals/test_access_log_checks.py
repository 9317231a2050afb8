"""Before a deployment: an access log that the window could not read is told of, with the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.signals import access_log_checks
from mobius.adapters.signals.access_log_checks import access_log_checks as checks
from mobius.model.settings import TrafficSettings
from mobius.model.verdict import Outcome

GOOD = b'{"time":"1795273681.250","status":"200","uri":"/","request_time":"0.1"}\n'
UNTIMED = b'{"time":"1795273681.250","status":"200","uri":"/"}\n'
SNIPPET = "include what `mobius traffic snippet` prints"


def told(path: Path, log_format: str = "auto") -> tuple[Outcome, str, str]:
    [found] = checks(TrafficSettings("nginx", access_log=path, access_log_format=log_format))  # type: ignore[arg-type]
    assert found.name == "access log"
    return found.outcome, found.message.replace(str(path.parent), "FOLDER"), found.advice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, (Outcome.PASS, "FOLDER/a.log can be read, with response times", "")),
        (b"", (Outcome.PASS, "FOLDER/a.log can be read, and has no request yet", "")),
        (b"x" * 70_000 + b"\n" + GOOD, (Outcome.PASS, "FOLDER/a.log can be read, with response times", "")),
        (
            UNTIMED,
            (
                Outcome.PASS,
                "FOLDER/a.log can be read; its lines have no response times, so those of the health checks are judged",
                SNIPPET,
            ),
        ),
        (
            GOOD + b"hello\n" * 3 + b"cut off in the mid",
            (
                Outcome.FAIL,
                "FOLDER/a.log: 3 of the last 4 lines are not understood "
                "(neither combined nor HAProxy's httplog nor JSON)",
                f"{SNIPPET}, or set access_log_format",
            ),
        ),
    ],
)
def test_the_newest_lines_say_whether_it_is_understood(
    tmp_path: Path, text: bytes, expected: tuple[Outcome, str, str]
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(text)

    assert told(log) == expected


def test_a_log_that_is_not_there_yet_is_no_mistake_and_a_folder_that_is_not_is_one(tmp_path: Path) -> None:
    assert told(tmp_path / "a.log") == (
        Outcome.PASS,
        "FOLDER/a.log is not there yet: some proxies make it with their first request",
        "",
    )
    assert told(tmp_path / "no" / "a.log") == (
        Outcome.FAIL,
        "there is no folder FOLDER for the access log",
        "check access_log in [traffic]",
    )


def test_a_log_that_may_not_be_read_says_who_must_let_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(GOOD)

    def refuse(path: object, *rest: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(access_log_checks.os, "open", refuse)  # root may read anything

    assert told(log) == (
        Outcome.FAIL,
        "FOLDER/a.log cannot be read: Permission denied",
        "let the user that mobius runs as read it (its group is often adm)",
    )


def test_a_folder_in_place_of_a_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()

    assert told(tmp_path / "a.log")[:2] == (
        Outcome.FAIL,
        "FOLDER/a.log cannot be read: it is no regular file",
    )


def test_without_a_log_there_is_nothing_to_check() -> None:
    assert checks(TrafficSettings("nginx")) == ()
