"""Writes docs/reference/commands.md from the help of every command: `python tests/docs/commands_page.py`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
COLUMNS = 90

INTRODUCTION = """# Commands

What `mobius COMMAND --help` says, command by command. This page is written from it by
`python tests/docs/commands_page.py`; a test keeps the two in step.

- `-e ENV` may be left out where `mobius.toml` has one environment. `mobius.toml` is looked for here and above.
- Data goes to stdout; errors, and the next thing to do where it is only advice, go to stderr. `--json` prints one
  object, or one object a line for what happens over time, each with `schema_version`; an error is one, too.
- Nothing is asked without a terminal: say `--yes`. Colour and lines updated in place appear on a terminal only;
  `--plain` and `NO_COLOR` switch them off.
- What the numbers mean that commands end with: [exit codes](exit-codes.md).
"""


def page() -> str:
    """The whole page, as it must lie in the repository."""
    return INTRODUCTION + "".join(f"\n## `{name}`\n\n```text\n{text}\n```\n" for name, text in helps())


def helps() -> Iterator[tuple[str, str]]:
    """(`mobius deploy`, its help) of every command that people call, sub-commands after their group."""
    from mobius.cli.main import COMMANDS, mobius

    top = _context(mobius, "mobius", None)
    yield "mobius", mobius.get_help(top).strip()
    for name, (module, _) in sorted(COMMANDS.items()):
        command = importlib.import_module(module).command
        yield from _help(command, f"mobius {name}", top)


def _help(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[str, str]]:
    context = _context(command, name.rpartition(" ")[2], parent)
    yield name, command.get_help(context).strip()
    if isinstance(command, click.Group):
        for inner in sorted(command.commands):
            yield from _help(command.commands[inner], f"{name} {inner}", context)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    names = {"help_option_names": ["-h", "--help"]}
    return click.Context(
        command, info_name=name, parent=parent, terminal_width=COLUMNS, max_content_width=COLUMNS, **names
    )  # type: ignore[arg-type]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} is written", file=sys.stderr)
