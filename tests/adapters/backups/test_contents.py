"""What a backup says of the processes of its release: all that starts them, and none of their secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mobius.adapters.backups.contents import Moment, metadata_of, with_secrets_of
from mobius.adapters.redaction import SHOWN
from mobius.model.settings import EnvironmentSettings, ProcessSettings

START = ("serve", "--token=hunter-of-41", "--api-key", "hunter-of-42", "--port", "8000", "--fast")
PROCESS = ProcessSettings("api", START, env={"DB_PASSWORD": "hunter-of-43", "MODE": "fast"})


def told(process: ProcessSettings) -> tuple[str, tuple[ProcessSettings, ...]]:
    """The metadata as text, and the processes that somebody reads out of it."""
    settings = EnvironmentSettings("production", "http://127.0.0.1:1", Path("/r"))
    said = metadata_of("shop", settings, Moment("release", None, 1, (process,)), {})
    return json.dumps(said), msgspec.convert(said["processes"], tuple[ProcessSettings, ...])


def test_no_secret_of_a_command_line_or_a_variable_is_in_the_metadata() -> None:
    text, (read,) = told(PROCESS)
    assert "hunter" not in text
    assert read.start == ("serve", f"--token={SHOWN}", "--api-key", SHOWN, "--port", "8000", "--fast")
    assert told(replace(PROCESS, start=("serve", "--token"), env={}))[1][0].start == ("serve", "--token")


def test_it_is_started_as_it_was_with_the_secrets_of_today() -> None:
    _, read = told(PROCESS)
    assert with_secrets_of(read, [PROCESS]) == (PROCESS,)
    today = replace(PROCESS, start=("serve2", "--api-key", "new-one-42", "--token=new-one-41", "--slow"))
    assert with_secrets_of(read, [today])[0].start == (
        "serve", "--token=new-one-41", "--api-key", "new-one-42", "--port", "8000", "--fast",
    )  # fmt: skip


@pytest.mark.parametrize("today", [[], [replace(PROCESS, start=("serve",), env={})]])
def test_an_option_whose_secret_nobody_knows_any_more_is_left_out(today: list[ProcessSettings]) -> None:
    (process,) = with_secrets_of(told(PROCESS)[1], today)
    assert process.start == ("serve", "--port", "8000", "--fast")
    assert process.env == {"MODE": "fast"}


def test_a_command_line_without_secrets_is_taken_as_it_is() -> None:
    plain = replace(PROCESS, start=("serve", "--port", "8000"), env={})
    today = replace(PROCESS, start=("other", "--port", "9000"))
    assert with_secrets_of(told(plain)[1], [today]) == (plain,)
