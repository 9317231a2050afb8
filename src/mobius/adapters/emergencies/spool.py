"""The spool of one environment on this machine: the local epoch, and each way back that no journal has yet."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from mobius.adapters.emergencies.epoch import read_epoch, write_epoch
from mobius.adapters.emergencies.journal import SpoolJournal
from mobius.adapters.emergencies.lines import Lines, read_lines
from mobius.adapters.journals import rows
from mobius.adapters.journals.tables import clock
from mobius.archive.durable import in_words
from mobius.errors import Fenced, MobiusError
from mobius.host.file_lock import lock
from mobius.model.emergency import Epoch, Spooled
from mobius.model.run import ENDED, Run
from mobius.ports import Journal

SCHEMA = 1
WAITING, TAKEN_IN = ".jsonl", ".recorded"


class FileSpool:
    """In `folder`, which is made by the first emergency. A file keeps its name until a journal has it, and is renamed
    then: `KEY.jsonl` becomes `KEY.recorded`."""

    def __init__(self, folder: Path, redact: Callable[[str], str]) -> None:
        self._folder = folder
        self._redact = redact
        self._held: list[int] = []

    # -- who may act -----------------------------------------------------------------------------------------

    def epoch(self) -> Epoch:
        return read_epoch(self._folder / "epoch.json")

    def raise_epoch(self, epoch: Epoch) -> None:
        if epoch.token > self._known_epoch():
            write_epoch(self._folder / "epoch.json", epoch)

    def check(self, run: Run) -> None:
        raised = self.epoch()
        if run.token < raised.token:
            raise Fenced(
                f"run {run.id} may not act on {run.environment} any more: an emergency of {raised.by}"
                f" at {clock(raised.at)} went past the journal",
                f"see what is live: mobius status -e {run.environment}",
            )

    def _known_epoch(self) -> int:
        try:
            return self.epoch().token
        except MobiusError:
            return 0  # what cannot be read fences nobody, and is replaced

    def close(self) -> None:
        """As if this process had ended: what it has begun may be carried on by another."""
        while self._held:
            os.close(self._held.pop())

    # -- what was done ---------------------------------------------------------------------------------------

    def begin(self, run: Run) -> Journal:
        key = f"{int(run.started_at * 1000):015d}-{secrets.token_hex(6)}"
        self._hold(key)
        lines = Lines(self._path(key))
        lines.begin(_first(run))
        return SpoolJournal(run, lines, (), self._redact)

    def carry_on(self, spooled: Spooled, by: Run, *, now: float) -> tuple[Run, Journal]:
        self._hold(spooled.key)
        lines = Lines(self._path(spooled.key))
        lines.carry_on()
        run = replace(spooled.run, token=by.token, holder=by.holder)
        journal = SpoolJournal(run, lines, spooled.lines, self._redact)
        return journal.carried_on(run, now=now), journal

    def waiting(self) -> tuple[Spooled, ...]:
        return tuple(self._each())

    def settle(self, spooled: Spooled) -> None:
        path = self._path(spooled.key)
        with in_words(f"{path} cannot be renamed", self._folder), contextlib.suppress(FileNotFoundError):
            path.rename(path.with_suffix(TAKEN_IN))
        path.with_suffix(".lock").unlink(missing_ok=True)

    def _each(self) -> Iterator[Spooled]:
        try:
            found = sorted(path for path in self._folder.iterdir() if path.suffix == WAITING)
        except OSError:
            return
        for path in found:
            is_going_on = self._is_held(path)
            with contextlib.suppress(FileNotFoundError):  # somebody else has just settled it
                if (spooled := self._read(path, is_going_on)) is not None:
                    yield spooled

    def _read(self, path: Path, is_going_on: bool) -> Spooled | None:
        lines, damage = read_lines(path)
        if not lines:
            if damage:
                raise MobiusError(
                    f"an emergency was written down in {path}, which is damaged from its first line on",
                    "keep the file for whoever looks into it, under another name; see logs/deployment.log",
                )
            return None  # cut off before it began: nothing was done
        run = _run_of(lines[0], path)
        ended = any(line.get("do") == "move" and _ends(str(line.get("state"))) for line in lines[1:])
        tokens = [int(line["token"]) for line in lines[1:] if line.get("do") == "carried_on"]
        run = replace(run, token=max([run.token, *tokens]))
        return Spooled(path.stem, run, tuple(lines[1:]), ended, is_going_on, damage)

    def _hold(self, key: str) -> None:
        """For as long as this process lives, everybody sees that it does."""
        with in_words(f"{self._folder} cannot be written", self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path(key).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            self._held.append(file)
            lock(file, shared=False)

    def _is_held(self, path: Path) -> bool:
        try:
            file = os.open(path.with_suffix(".lock"), os.O_RDWR)
        except OSError:
            return False
        try:
            return not lock(file, shared=True)
        finally:
            os.close(file)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{WAITING}"


def _first(run: Run) -> dict[str, object]:
    told = msgspec.to_builtins(replace(run, plan=None), enc_hook=str)  # type: ignore[arg-type]
    return {"do": "queue", "schema": SCHEMA, "run": told, "plan": rows.plan_text(run.plan)}


def _run_of(line: object, path: Path) -> Run:
    try:
        told = dict(line["run"])  # type: ignore[index]
        if line["schema"] != SCHEMA:  # type: ignore[index]
            raise ValueError(f"schema {line['schema']}")  # type: ignore[index]
        plan = rows.plan_from(line["plan"], int(told["id"]))  # type: ignore[index]
        return msgspec.convert({**told, "plan": msgspec.to_builtins(plan, enc_hook=str)}, Run)
    except (KeyError, TypeError, ValueError) as problem:
        raise MobiusError(
            f"{path} is of another version of mobius", "use the one that wrote it", details=(str(problem),)
        ) from problem


def _ends(state: str) -> bool:
    return state in {str(each) for each in ENDED}
