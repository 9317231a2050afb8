"""How the content of a backup path changes places with the restored one: by one rename, or inside of a mount."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.durable import in_words
from mobius.archive.swap import SwapState, observe_swap, record_of, swap_back, swap_in
from mobius.archive.swap_inside import OURS, observe_inside, swap_back_inside, swap_inside, unfinished
from mobius.errors import MobiusError

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One backup path on its way back: where the restored content is laid out, and where the present one is kept."""

    live: Path
    new: Path
    old: Path
    laid_out_in: Path  # where the archive is extracted, on the same file system
    inside: bool  # `live` is a mount: its children change places

    @property
    def is_done(self) -> bool:
        """Whether the restored content is live."""
        if self.inside:
            return observe_inside(self.new, self.old) is SwapState.DONE
        return not os.path.lexists(self.new) and observe_swap(self.new, self.live, self.old) is SwapState.DONE

    @property
    def is_laid_out(self) -> bool:
        """Whether the restored content waits beside the live one, whole; or the exchange was begun."""
        return os.path.lexists(self.new) or record_of(self.old).exists()

    @property
    def kept(self) -> Path | None:
        """Where the content that was replaced is, None where there was none or it was removed."""
        return self.old if self.is_done and os.path.lexists(self.old) else None

    def lay_out(self, member: str, extract: Callable[[Path], None]) -> None:
        """Extracts beside, whole or not at all. Raises `MobiusError` (disk full, a damaged archive), nothing left."""
        shutil.rmtree(self.laid_out_in, ignore_errors=True)  # left by a kill, or by a try before
        if self.is_laid_out or self.is_done:
            return
        self._refuse_what_cannot_be_exchanged()
        with in_words(f"{self.live} could not be restored", self.live.parent):
            self.laid_out_in.parent.mkdir(parents=True, exist_ok=True)
            try:
                extract(self.laid_out_in)
                restored = self.laid_out_in / member
                if self.inside and not restored.is_dir():
                    raise MobiusError(
                        f"{self.live} is a mount, and the backup holds a file for it", "unmount it first"
                    )
                restored.rename(self.new)
            finally:
                shutil.rmtree(self.laid_out_in, ignore_errors=True)

    def exchange(self) -> None:
        """The restored content is live, the present one kept. May be repeated."""
        (swap_inside if self.inside else swap_in)(self.new, self.live, self.old)

    def take_back(self) -> None:
        """What was live is live again. May be repeated."""
        (swap_back_inside if self.inside else swap_back)(self.new, self.live, self.old)

    def forget(self) -> None:
        """Removes what was laid out and never used."""
        if not record_of(self.old).exists():
            with in_words(f"{self.new} could not be removed", self.new.parent):
                _remove(self.new)

    def let_go(self) -> bool:
        """Removes the content that was replaced; False where there is none, or the exchange is not done."""
        if not self.is_done:
            return False
        with in_words(f"{self.old} could not be removed", self.old.parent):
            _remove(self.old)
            record_of(self.old).unlink(missing_ok=True)
        return True

    def _refuse_what_cannot_be_exchanged(self) -> None:
        if inner := mounts_below(self.live):
            raise MobiusError(
                f"{self.live} cannot be restored: {inner[0]} below it is a mount of its own, and would go with"
                " the content that is replaced",
                "name in backup.paths what is on each of the two disks, side by side",
            )


def exchange_of(live: Path, key: str) -> Exchange:
    """How this path would be exchanged. Where it is a link, what it leads to: an operator may have put the data on
    another disk so."""
    live = live.resolve() if live.is_symlink() else live
    if is_mount(live):
        return Exchange(
            live, live / f"{OURS}new-{key}", live / f"{OURS}before-{key}", live / f"{OURS}laid-{key}", True
        )
    name = live.name
    return Exchange(
        live,
        live.with_name(f".{name}.new-{key}"),
        live.with_name(f".{name}.before-{key}"),
        live.with_name(f".{name}.restoring-{key}"),
        False,
    )


def replaced_of(live: Path) -> tuple[tuple[str, float], ...]:
    """Every exchange of this path whose record is still there: its key, and when it was begun (unix seconds)."""
    live = live.resolve() if live.is_symlink() else live
    found = [
        *live.parent.glob(f".{_escaped(live.name)}.before-*.swap.json"),
        *live.glob(f"{OURS}before-*.swap.json"),
    ]
    begun = {
        path.name.partition("before-")[2].removesuffix(".swap.json"): path.stat().st_mtime for path in found
    }
    return tuple(sorted(begun.items()))


def laid_out_of(live: Path) -> tuple[tuple[str, float], ...]:
    """What was laid out and never used, by key, with the time it was (unix seconds): its run was given up."""
    live = live.resolve() if live.is_symlink() else live
    found = [*live.parent.glob(f".{_escaped(live.name)}.new-*"), *live.glob(f"{OURS}new-*")]
    # Not the time of its content, which came out of the archive: when it got its name.
    return tuple((path.name.partition("new-")[2], path.lstat().st_ctime) for path in sorted(found))


def is_mount(path: Path) -> bool:
    """Whether something is mounted exactly here: it cannot be renamed."""
    return os.path.ismount(path) or os.fspath(path.resolve()) in _mounts()


def mounts_below(path: Path) -> tuple[str, ...]:
    """Mounts inside of `path`: a rename of it would take them along."""
    inner = os.fspath(path.resolve()).rstrip("/") + "/"
    return tuple(sorted(mount for mount in _mounts() if mount.startswith(inner)))


def half_done(live: Path) -> tuple[Path, ...]:
    """Exchanges inside of a mount that were begun and not finished."""
    live = live.resolve() if live.is_symlink() else live
    return unfinished(live) if is_mount(live) else ()


def _mounts() -> set[str]:
    """Empty where the system does not tell."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return set()
    return {_OCTAL.sub(lambda m: chr(int(m[1], 8)), line.split()[4]) for line in lines}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
