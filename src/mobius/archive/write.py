"""Writing a backup: trees, databases at one point in time, metadata and manifest; verified and published."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mobius.archive.captures import Captures
from mobius.archive.deflate import engine
from mobius.archive.durable import drop_cache, in_words, require_free_disk
from mobius.archive.fill import Filler, Progress
from mobius.archive.manifest import Source
from mobius.archive.niceness import Caller, run_nicely
from mobius.archive.pipeline import pool
from mobius.archive.publish import NameTaken, Sign, Workspace, publish, recorded_name, workspace
from mobius.archive.survey import Survey
from mobius.archive.tree import Skipped
from mobius.archive.verify import prove_file
from mobius.archive.zip_in_lines import Manifest
from mobius.archive.zip_out_file import ArchiveOut
from mobius.errors import BackupInvalid, UsageError

Complete = Callable[[Mapping[str, object]], Mapping[str, object]]

_A = TypeVar("_A")
_B = TypeVar("_B")
_PER_ENTRY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Written:
    """A published, verified backup."""

    path: Path
    sidecar: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    skipped: tuple[Skipped, ...]


def write_archive(
    target: Path,
    sources: Sequence[Source],
    metadata: Mapping[str, object],
    *,
    checksum_root: Path,
    progress: Progress | None = None,
    sign: Sign | None = None,
    nice: bool = False,
    threads: int | None = None,
    complete: Complete | None = None,
) -> Written:
    """Write, re-read, verify and then publish one backup, with its `.sha256` beside it; `target` must be new.

    `checksum_root` is the folder from which `sha256sum -c` shall find the archive. `metadata` must be JSON;
    the key "archive" is ours. `progress(done_bytes, total_bytes)` follows the reading of the sources. `sign` turns the
    content of the sidecar into its signature, which is published between the two. `complete` is told the format's facts
    once all is read, and returns what else the metadata says. `nice` lets the service go first: the threads of this
    backup get less processor and disk. What is given to be called is called in the calling thread. `threads` pack; two
    more than there are processors unless it is given. NameTaken is raised for a `target` that exists or is being
    written.

    On any failure nothing is published and the temporary file is gone. Raises MobiusError for what cannot be
    read, keeps changing, or does not fit on the disk; BackupInvalid for a malformed database, or when the
    disk gives back other bytes than were written.
    """
    _refuse_unusable(target)

    def write(caller: Caller) -> Written:
        def tell(done_bytes: int, total_bytes: int) -> None:
            caller.checkpoint()
            if progress:
                caller.tell(functools.partial(progress, done_bytes, total_bytes))

        def asked(what: Callable[[_A], _B]) -> Callable[[_A], _B]:
            return lambda given: caller.ask(lambda: what(given))

        with in_words(f"the backup {target.name} could not be written", target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(Survey(sources, target.parent)) as survey:
                _require_room(target, survey)
                with workspace(target) as space:
                    facts = {"published_as": recorded_name(target, checksum_root)}
                    ends = asked(complete) if complete else None
                    sha256 = _fill(space, survey, sources, metadata, facts, tell, threads, ends)
                    manifest = _reread(space, sha256, caller.checkpoint)
                    signs = asked(sign) if sign else None
                    sidecar = publish(space, target, sha256, checksum_root=checksum_root, sign=signs)
        skipped = tuple(survey.skipped)
        return Written(target, sidecar, sha256, manifest.archive_size_bytes, manifest, skipped)

    return run_nicely(write) if nice else write(Caller())


def _refuse_unusable(target: Path) -> None:
    if target.suffix != ".zip" or any(char in "\\\r\n" for char in target.name):
        raise UsageError(f"{target.name!r} cannot name a backup", "use a name that ends in .zip")
    if target.exists():
        raise NameTaken(f"the backup {target} exists already", "name the new one differently")


def _require_room(target: Path, survey: Survey) -> None:
    """Upper bounds: nothing shrinks, and every path costs its headers and its line."""
    needed = survey.allocated_bytes + survey.scratch_bytes + _PER_ENTRY_BYTES * (survey.paths + 100)
    require_free_disk(target.parent, needed, f"backup {target.name}")


def _fill(
    space: Workspace,
    survey: Survey,
    sources: Sequence[Source],
    metadata: Mapping[str, object],
    facts: Mapping[str, object],
    progress: Progress,
    threads: int | None,
    complete: Complete | None,
) -> str:
    """Write it all and return the SHA-256. At the end, also after a failure, no thread works any more."""
    folder = space.path.parent
    with (
        ArchiveOut(space.file, folder) as out,
        contextlib.closing(Captures(space, survey.databases)) as captures,
        contextlib.ExitStack() as after_the_threads,
        pool(threads) as workers,
    ):
        filler = Filler(out, survey, sources, captures, workers, engine(), progress)
        after_the_threads.callback(filler.close)
        filler.fill()
        said = {**filler.facts(), **facts}
        more = complete(said) if complete else {}
        return filler.finish({**metadata, **more, "archive": said}, folder)


def _reread(space: Workspace, sha256: str, checkpoint: Callable[[], None]) -> Manifest:
    """Read back from the disk what was written: the hash, every header, and every chunk by its own hash."""
    checkpoint()
    os.fsync(space.file.fileno())
    drop_cache(space.file.fileno())
    try:
        return prove_file(space.file, sha256, progress=lambda *_: checkpoint())
    except BackupInvalid as error:
        raise BackupInvalid(
            f"the backup was not published: the disk gave back other bytes than were written: {error}",
            "check the disk (dmesg, smartctl), then try again",
        ) from error
