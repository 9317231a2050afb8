"""Writes docs/reference/errors.md from every error that the code can raise: `python tests/docs/errors_page.py`."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"

INTRODUCTION = """# Errors

Every error that mobius can end with: what it says, the [exit code](exit-codes.md), and what to do. This page is written
from the code by `python tests/docs/errors_page.py`; a test keeps the two in step.

Search it for the words that do not change. `‹name›` stands for what is put in at run time: a file, a tag, a number,
what another program said. Where a message is one of several, ` / ` stands between them. A message without its subject
("it is truncated") comes behind one: `backup notes_20261122.zip cannot be used: it is truncated`.

An error is printed on stderr as message, details, next step; with `--json` also as one object on stdout. The mistakes
of a `mobius.toml` are listed together as details, each with its place; [every setting](configuration.md) says what it
takes.

"""

TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Taking over a service that runs", ("*/adopting", "flows/adopt", "flows/give_back", "cli/adopt")),
    ("Films", ("*/media", "report/media", "cli/media", "wiring/media", "rules/media")),
    (
        "Migrations",
        ("adapters/migrations", "adapters/sql_text", "flows/migrat", "rules/migration", "cli/migrat"),
    ),
    (
        "Rehearsals",
        ("adapters/rehearsal", "adapters/scratch", "flows/rehears", "wiring/scratch", "cli/rehears"),
    ),
    ("Databases", ("adapters/databases", "wiring/database")),
    (
        "Copies of backups elsewhere",
        ("adapters/stores", "flows/fetching", "flows/off_site", "cli/backup_store"),
    ),
    ("Backups", ("archive/", "adapters/backups", "flows/backup", "cli/backup", "flows/restor")),
    ("Releases and their sources", ("adapters/releases", "adapters/repository", "flows/stag")),
    ("Traffic", ("adapters/traffic", "report/snippets", "cli/traffic")),
    ("The supervisor and what it runs", ("host/", "adapters/targets", "adapters/launchers", "cli/host")),
    ("systemd units", ("adapters/systemd", "report/unit")),
    ("Other hosts", ("adapters/remote", "adapters/fleet", "cli/on", "cli/relay", "flows/fleet")),
    ("Checks before a merge, and scans", ("*/premerge", "*/scan")),
    ("GitHub, and whether a release is ready", ("*/forge", "*/github", "*/ready")),
    ("Telling people", ("*/notif", "*/notic", "flows/confirming")),
    ("Evidence, audit and export", ("*/evidence", "*/export", "cli/audit", "adapters/journals/chain")),
    ("The journal and its lock", ("adapters/journals", "adapters/locks", "adapters/records")),
    ("Watching and signals", ("adapters/signals", "flows/monitor", "flows/watch", "cli/monitor", "*/load")),
    ("Settings", ("config/",)),
)
OTHERS = "Planning, deploying, going back"


def page() -> str:
    """The whole page, as it must lie in the repository."""
    rows: dict[str, dict[tuple[str, int, str], None]] = {
        name: {} for name in (*(n for n, _ in TOPICS), OTHERS)
    }
    for one in sorted(_found().found(), key=lambda one: (one.exit_code, one.message)):
        if one.passed_on or one.where.endswith("memory.py") or "/memory.py:" in one.where:
            continue
        rows[_topic(one.where)][(one.message, one.exit_code, one.hint)] = None
    tables = (_table(name, list(lines)) for name, lines in rows.items() if lines)
    return INTRODUCTION + _families() + "\n".join(tables)


def _families() -> str:
    """What is said where nothing better can be: by kind of error."""
    from mobius import errors

    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    lines = [f"| `{kind.__name__}` | {kind.exit_code} | {_plain(kind.next_step)} |" for kind in _known(kinds)]
    head = "Where an error knows no better next step, its kind has one:\n\n| Kind | Exit | Next step |\n|---|---|---|\n"
    return head + "\n".join(lines) + "\n\n"


def _known(kinds: list[Any]) -> list[Any]:
    return [kind for kind in kinds if hasattr(kind, "next_step")]


def _topic(where: str) -> str:
    path = where.removeprefix("mobius/")
    for name, prefixes in TOPICS:
        for prefix in prefixes:
            if path.startswith(prefix) or (prefix.startswith("*") and prefix[1:] in f"/{path}"):
                return name
    return OTHERS


def _table(name: str, lines: list[tuple[str, int, str]]) -> str:
    rows = [f"| {_plain(message)} | {code} | {_plain(hint)} |" for message, code, hint in lines]
    return f"## {name}\n\n| Message | Exit | What to do |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    """Text in a cell of a table, with nothing in it that Markdown would take for its own."""
    one_line = " ".join(text.removeprefix("try: ").split())
    for sign in "\\`*_[]|":
        one_line = one_line.replace(sign, f"\\{sign}")
    # An address with a placeholder in it is none that anybody could open.
    return re.sub(r"(https?)://(?=\S*‹)", r"\1&#58;//", one_line.replace("<", "&lt;").replace(">", "&gt;"))


def _found() -> ModuleType:
    if __name__ != "__main__" and "docs_errors_found" in sys.modules:
        return sys.modules["docs_errors_found"]
    spec = importlib.util.spec_from_file_location(
        "docs_errors_found", Path(__file__).with_name("errors_found.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_errors_found"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} is written", file=sys.stderr)
