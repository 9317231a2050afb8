"""Runs a program of ours cut off by bubblewrap: it reads this machine, writes one folder, and reaches nobody."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from mobius.adapters.rehearsal.bubblewrap import PROGRAM, covered_proc, namespaces, own_programs
from mobius.adapters.scratch.files import Bound

HIDDEN = ("/tmp", "/run", "/var/run", "/var/tmp", "/dev/shm")  # sockets of what serves lie there


def cut_off(
    words: Sequence[str],
    *,
    place: Path,
    hidden: Sequence[Path],
    shown: Sequence[Path],
    bound: Sequence[Bound] = (),
    sockets: Sequence[Path] = (),
) -> list[str]:
    """The command line. `place` can be written; `hidden` folders are empty there, except for it; `shown` can be read
    wherever they lie; `bound` cover what is live; `sockets` are folders of sockets that may be asked."""
    program = shutil.which(PROGRAM)
    assert program is not None
    covers = [Path(folder) for folder in HIDDEN if _is_folder(Path(folder))]
    return [
        program,
        *namespaces(with_user=False),
        "--new-session",
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *covered_proc()),
        *(word for folder in covers for word in ("--tmpfs", str(folder))),
        *(word for path in _once([*own_programs(), *shown]) for word in ("--ro-bind", str(path), str(path))),
        *(word for folder in hidden if _is_folder(folder) for word in ("--tmpfs", str(folder))),
        *("--bind", str(place), str(place), "--chdir", str(place)),
        *(word for each in bound for word in ("--bind", str(each.source), str(each.at))),
        *(word for path in sockets for word in ("--ro-bind", str(path), str(path))),
        *words,
    ]


def why_not_here() -> str:
    """Why nothing can be cut off on this machine; "" where it can."""
    from mobius.adapters.rehearsal.bubblewrap import Bubblewrap

    return Bubblewrap().why_not()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _once(paths: Sequence[Path]) -> list[Path]:
    """Those that are covered, outer ones first: only they need to be shown again."""
    covered = [
        path
        for path in dict.fromkeys(Path(os.path.realpath(each)) for each in paths)
        if path.exists() and any(path.is_relative_to(folder) for folder in HIDDEN)
    ]
    if sys.executable and any(Path(sys.executable).is_relative_to(folder) for folder in HIDDEN):
        covered.append(Path(sys.executable).parent.parent)
    return sorted(set(covered), key=lambda path: len(path.parts))
