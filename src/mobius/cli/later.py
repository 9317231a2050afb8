"""Commands that are not there yet: each says what will do it, and that nothing was measured (exit 4).

The scripts of a project name their final commands already, so none has to be written anew when one arrives.
A command that arrives leaves this table; when it is empty, this file goes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from mobius.errors import GateUnknown

LATER = {
    "export": "the export of configuration and artefacts",
}


@click.command("later", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...]) -> int:
    """Raises GateUnknown; a JUnit file that was asked for says the same."""
    path = ctx.command_path.split()[1:]
    name = " ".join(path)
    action = " ".join([*path, *_leading_words(words)][:3])
    message = f"mobius {action} is not available in this version: nothing was measured"
    if file := _asked_for("--junit", words):
        _write_junit(Path(file), action, message)
    raise GateUnknown(message, f"it will do {LATER[name]}")


def _leading_words(words: Sequence[str]) -> list[str]:
    """The words before the first option or file: `golden check`."""
    leading = []
    for word in words:
        if not word.isalpha():
            break
        leading.append(word)
    return leading[:2]


def _asked_for(option: str, words: Sequence[str]) -> str:
    """What stands after the option, or behind its "="."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            return after
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return ""


def _write_junit(file: Path, action: str, message: str) -> None:
    from mobius.model.verdict import CheckResult, Outcome
    from mobius.report.junit import junit

    file.parent.mkdir(parents=True, exist_ok=True)
    result = CheckResult(action, Outcome.ERROR, message, 0.0)
    file.write_text(junit(action, [result], at=time.time()), encoding="utf-8")
