"""Every error that the code can raise has words, a next step that exists, an exit code, and its line in the page."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

from mobius.cli.main import COMMANDS
from mobius.cli.main import mobius as top
from mobius.errors import MobiusError

HERE = Path(__file__).parent
CODES = {1, 2, 3, 4, 10, 11, 12, 13, 130}
PROPER = (
    "PostgreSQL",
    "Apprise",
    "MOBIUS",
    "GitHub",
    "Alembic",
    "Django",
    "HAProxy",
    "Windows",
    "ARTIFACT_DIR",
    "MANIFEST.jsonl",
)
# Reasons: each is told behind a subject by the one that catches it, with the next step that it knows.
REASONS = (
    "mobius/archive/",
    "mobius/adapters/backups/comparing",
    "mobius/adapters/rehearsal/",
    "mobius/adapters/migrations/cut_off_files.py",
    "mobius/adapters/migrations/runner_cut_off.py",
    "mobius/adapters/remote_",
    "mobius/adapters/signals/access_log_whose.py",
    "mobius/adapters/scanners/",
    "mobius/rules/scanning/",
    "mobius/rules/media/",
    "mobius/ports/",
)


def _load(name: str) -> ModuleType:
    if f"docs_{name}" not in sys.modules:
        spec = importlib.util.spec_from_file_location(f"docs_{name}", HERE / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[f"docs_{name}"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[f"docs_{name}"]


found_in_code, errors_page = _load("errors_found"), _load("errors_page")


@cache
def everything() -> list[found_in_code.Found]:
    return [one for one in found_in_code.found() if "memory.py:" not in one.where]


def test_the_page_of_errors_is_what_the_code_says() -> None:
    written = errors_page.PAGE.read_text("utf-8")
    assert written == errors_page.page(), "write it again: python tests/docs/errors_page.py"


def test_every_error_has_a_message_a_next_step_and_a_documented_exit_code() -> None:
    assert len(everything()) > 900
    for one in everything():
        assert one.message.strip(), one.where
        assert one.hint.strip(), one.where
        assert one.exit_code in CODES, one.where


def test_who_raises_an_error_that_people_read_says_the_next_step_itself() -> None:
    silent = [
        f"{one.where}: {one.message}"
        for one in everything()
        if not one.own_hint and not one.passed_on and not one.where.startswith(REASONS)
    ]
    assert silent == []


def test_all_messages_are_written_by_one_hand() -> None:
    wrong = [f"{one.where}: {one.message}" for one in everything() if _clumsy(one.message)]
    assert wrong == []


def test_no_next_step_ends_like_a_sentence_or_begs() -> None:
    wrong = [f"{one.where}: {one.hint}" for one in everything() if _begs(one.hint)]
    assert wrong == []


def _clumsy(message: str) -> bool:
    """Begins with a capital, ends with a full stop, shouts, blames, or speaks as programs do to programs."""
    capital = message[:1].isupper() and not message.startswith(PROPER)
    jargon = re.search(r"\b(invalid|illegal|fatal|abort(ed|ing)|exception|traceback|errno)\b", message, re.I)
    return capital or message.endswith((".", "!", ":")) or bool(jargon) or _begs(message)


def _begs(text: str) -> bool:
    blame = re.search(
        r"\b(please(?! report)|sorry|oops|you (must|should|forgot|failed)|simply|obviously)\b", text, re.I
    )
    return bool(blame) or (text.endswith((".", "!")) and not text.endswith("…"))


@pytest.mark.parametrize(
    "word", ["Cannot read it", "it failed.", "please wait", "invalid value", "what now!"]
)
def test_what_is_not_our_hand_is_seen(word: str) -> None:
    assert _clumsy(word)


def test_every_command_that_a_next_step_names_can_be_typed() -> None:
    named = [(one.where, words) for one in everything() for words in _commands(one.hint)]
    assert len(named) > 150
    assert [f"{where}: {' '.join(words)}" for where, words in named if not _can_be_typed(words)] == []


def test_a_command_that_does_not_exist_is_seen() -> None:
    assert not any(_can_be_typed(words) for words in (["begin"], ["status", "--loudly"], ["backup", "burn"]))
    assert _can_be_typed(["backup", "list", "--verified"])
    assert list(_commands("look: mobius status -e ‹name›; or mobius accept")) == [
        ["status", "-e", "‹name›"],
        ["accept"],
    ]


def _commands(hint: str) -> Iterator[list[str]]:
    """The words behind each `mobius` that is typed, and is not the subject of a sentence."""
    for typed in re.findall(
        r"(?:^|: |; |\bor |\bthen |\bsudo )mobius ([^;,()]+?)(?=$|[;,()]| or | and )", hint
    ):
        yield typed.replace(" …", "").split()


def _can_be_typed(words: list[str]) -> bool:
    while words and words[0] == "--on":
        words = words[2:]
    if not words or words[0].isupper() or words[0].startswith("‹"):
        return True
    if words[0] not in COMMANDS:
        return words[0] in ("--help", "--version")
    command = importlib.import_module(COMMANDS[words[0]][0]).command
    rest = words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    if isinstance(command, click.Group) and rest and not rest[0].startswith(("-", "‹")) and rest[0].islower():
        return False
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    known |= {"--help", "-h", *(name for option in top.params for name in option.opts)}
    return all(word.partition("=")[0] in known for word in rest if re.match(r"--?[a-z]", word))


def test_an_error_that_says_nothing_of_what_to_do_says_what_its_kind_can() -> None:
    assert MobiusError("it stopped").hint == "what stands now: mobius status"
    assert MobiusError("it stopped", "start it").hint == "start it"
