"""A page is followed: every command block of it that is not marked, typed into one bash from top to bottom.

    told = follow("docs/how-to/roll-back.md", shop, as_={"shop_20261120_222311.zip": "$BACKUP"})
    assert "going back" in told.after("mobius rollback")

What the page cannot know (a port, the name of a backup) is written in by `as_`; what happens between its commands in
the world, and not by the reader's hand, is a piece of shell in `before`; a command that does not end with 0 is named in
`codes`, and one that asks a person, who would say yes, in `yes`. What is left running is the caller's to end.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from pages import reading

AT_MOST_S = 1200.0  # on a machine that does other things, too
END = "END-OF-THE-FILE"
CODE = "\x1e"  # before the exit code of a command, in the output
# `pip install 'mobius[…]'` is answered by the installed product itself: it has the extra, and all that belongs to it.
PRELUDE = """
export PYTHONDONTWRITEBYTECODE=1
mobius() { command "$PYTHON" -m mobius "$@"; }
pip() { command "$PYTHON" "$PAGES/extras.py" "$@"; }
sudo() { "$@"; }
"""
# What it writes into scene.env, the commands after it know.
SCENE = """
( set -e
{shell}
) >>{folder}/scenes.log 2>&1
[ "$?" = 0 ] || echo 'before: {where}'
[ ! -e {folder}/scene.env ] || . {folder}/scene.env
"""


_FILE = re.compile(r"(?://|#|--) ((?:[\w-][\w./-]*)?\.[a-z]+)\n")


@dataclass(frozen=True, slots=True)
class Typed:
    """One command, as it was typed, with its exit code and what was printed."""

    where: str
    command: str
    code: int
    out: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that was typed, in order."""

    every: tuple[Typed, ...]

    def after(self, command: str, which: int = 0) -> str:
        """What the first command that begins so printed, or a later one of them."""
        return [typed.out for typed in self.every if typed.command.startswith(command)][which]

    def __str__(self) -> str:
        return "\n".join(
            f"{one.where}\n$ {one.command.rstrip()}\n{one.out}[{one.code}]" for one in self.every
        )


def follow(
    page: str,
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    as_: Mapping[str, str] | None = None,
    before: Mapping[str, str] | None = None,
    codes: Mapping[str, int | Sequence[int]] | None = None,
    yes: Sequence[str] = (),
    at_most_s: float = AT_MOST_S,
) -> Told:
    """Types the page in `folder`. Fails with all that was said where a command ends otherwise than it should."""
    commands = list(commands_of(page))
    assert commands, f"{page} has no command block that is run"
    scenes = dict(before or {})
    script, expected = [PRELUDE], []
    for where, command in commands:
        for said in [start for start in scenes if command.startswith(start)][:1]:
            script.append(SCENE.format(shell=scenes.pop(said), where=where, folder=shlex.quote(str(folder))))
        typed = written(_agreed(command, yes), as_ or {}).rstrip()
        script.append(f"{typed}\nprintf '{CODE}%s{CODE}\\n' \"$?\"")
        expected.append(_codes_of(command, codes or {}))
    assert not scenes, f"no command of {page} begins so: {list(scenes)}"
    said = _bash("\n".join(script), folder, environ or {}, at_most_s)
    told = _told(commands, said)
    wrong = [
        (typed.where, typed.command, typed.code)
        for typed, may in zip(told.every, expected, strict=False)
        if typed.code not in may
    ]
    assert not wrong and len(told.every) == len(commands), f"{wrong}\n{told}\nand then: {said[-500:]}"
    assert "\nbefore: " not in f"\n{said}", f"{said}\n{(folder / 'scenes.log').read_text()}"
    return told


def commands_of(page: str) -> Iterator[tuple[str, str]]:
    """Where each command stands, and what is typed. A block whose first line is a comment with the name of a file is
    that file, which the reader saves."""
    for block in reading.all_blocks(reading.ROOT / page):
        if block.language in reading.SHELL and not block.reason:
            yield from ((str(block), command) for command in lines(block.typed))
        elif named := _FILE.match(block.code):
            name = shlex.quote(named[1])
            folder = shlex.quote(str(Path(named[1]).parent))
            yield str(block), f"mkdir -p {folder} && cat >{name} <<'{END}'\n{block.code}{END}\n"


def lines(code: str) -> list[str]:
    """The commands of a block: as many lines as bash takes for one."""
    found, pending = [], ""
    for line in code.splitlines():
        pending += f"{line}\n"
        if not line.strip() or line.lstrip().startswith("#"):
            pending = pending if pending.strip() and not pending.lstrip().startswith("#") else ""
            continue
        checked = subprocess.run(["bash", "-n"], input=pending, capture_output=True, text=True)
        if checked.returncode == 0 and not pending.endswith("\\\n"):
            found.append(pending)
            pending = ""
    assert not pending.strip(), f"bash does not take it: {pending}"
    return found


def written(command: str, as_: Mapping[str, str]) -> str:
    """The command with what the page could not know; the longest name first."""
    for name in sorted(as_, key=len, reverse=True):
        command = command.replace(name, as_[name])
    return command


def _agreed(command: str, yes: Sequence[str]) -> str:
    """Nobody sits at the terminal: the answer is on the line."""
    if not any(command.startswith(start) for start in yes):
        return command
    words, mark, comment = command.rstrip().partition(" #")
    return f"{words.rstrip()} --yes{mark}{comment}"


def _codes_of(command: str, codes: Mapping[str, int | Sequence[int]]) -> Sequence[int]:
    found = [codes[start] for start in sorted(codes, key=len, reverse=True) if command.startswith(start)]
    if not found:
        return (0,)
    return (found[0],) if isinstance(found[0], int) else found[0]


def _bash(script: str, folder: Path, environ: Mapping[str, str], at_most_s: float) -> str:
    """What it printed; everything it started in its own session is ended."""
    out = folder / "said.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOBIUS_")}
    ours = {"PYTHON": sys.executable, "PAGES": str(Path(__file__).parent)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with out.open("wb") as said:  # not a pipe: what outlives a command would hold it open
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env={**kept, "PATH": path, **ours, **environ},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(at_most_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not within {at_most_s:g} s\n{out.read_text(errors='replace')}") from None
        finally:  # what it left in the background, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    return out.read_text("utf-8", errors="replace")


def _told(commands: Sequence[tuple[str, str]], said: str) -> Told:
    parts = re.split(f"{CODE}(\\d+){CODE}\\n?", said)
    answers = zip(commands, parts[::2], parts[1::2], strict=False)
    return Told(tuple(Typed(where, command, int(code), out) for (where, command), out, code in answers))


def missing_of(extra: str) -> list[str]:
    """The packages of an extra of mobius that are not installed, or not in the version it wants."""
    told = importlib.metadata.metadata("mobius")
    assert extra in (told.get_all("Provides-Extra") or []), f"mobius has no extra {extra}"
    needs = [Requirement(line) for line in importlib.metadata.requires("mobius") or []]
    mine = [need for need in needs if need.marker and need.marker.evaluate({"extra": extra})]
    return [str(need) for need in mine if not _is_here(need)]


def _is_here(need: Requirement) -> bool:
    try:
        return importlib.metadata.version(need.name) in need.specifier
    except importlib.metadata.PackageNotFoundError:
        return False
