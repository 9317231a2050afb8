"""Where a scratch PostgreSQL lies: a folder of its own, that whoever runs the server may enter, gone at the end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.databases.leftovers import own_folder
from mobius.errors import MobiusError

_LONGEST_FOLDER = 107 - len("/pg-0123456789ab/socket/.s.PGSQL.5432")
_TRIES = 10
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


@dataclass(frozen=True, slots=True)
class ScratchPlace:
    """A folder of its own for one scratch cluster, that whoever runs the server may enter."""

    folder: Path
    uid: int  # who runs PostgreSQL; -1: ourselves

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """The folder of its socket."""
        return self.folder / "socket"

    @property
    def environment(self) -> dict[str, str]:
        """All that its programs find: no PG* variable, no address, no home with a .pgpass."""
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": str(self.folder), "LC_ALL": "C", "PGPASSFILE": os.devnull}

    def own(self, path: Path, mode: int = 0o700) -> Path:
        """Makes a folder that belongs to whoever runs the server."""
        path.mkdir(mode=mode, exist_ok=True)
        path.chmod(mode)
        if self.uid >= 0:
            import pwd  # not on Windows, where nobody is root

            os.chown(path, self.uid, pwd.getpwuid(self.uid).pw_gid)
        return path


@contextlib.contextmanager
def scratch_place(root: Path) -> Iterator[ScratchPlace]:
    """A new place; what is left of those whose process died is swept first. `root` is the environment's."""
    with contextlib.ExitStack() as stack:
        place = ScratchPlace(_folder(root, stack), server_uid())
        place.own(place.socket, 0o711)
        yield place


def _folder(root: Path, stack: contextlib.ExitStack) -> Path:
    """Made in a base that the last one removes when it leaves: where that was just now, in a new one."""
    for _ in range(_TRIES):
        base = base_of(root)
        try:
            folder = stack.enter_context(own_folder(base, "pg", 0o711))
        except FileNotFoundError:
            continue
        inner = stack.pop_all()
        stack.callback(_remove_if_empty, base)
        stack.push(inner.__exit__)
        return folder
    raise MobiusError(f"no scratch folder could be made in {base}", "try again")


def _remove_if_empty(base: Path) -> None:
    with contextlib.suppress(OSError):
        base.rmdir()


def base_of(root: Path) -> Path:
    """Where scratch clusters of an environment lie: in its `run/`; where the server's user may not go there, or the
    name is too long for a socket, in /var/tmp under a name that is the same each time."""
    uid = server_uid()
    inside = root.absolute() / "run" / "scratch"
    fits = len(str(inside)) <= _LONGEST_FOLDER and bool(_PLAIN.fullmatch(str(inside)))
    if fits and _may_enter(inside.parent, uid):
        inside.mkdir(mode=0o711, parents=True, exist_ok=True)
        inside.chmod(0o711)
        return inside
    mark = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    outside = Path("/var/tmp") / f"mobius-{os.geteuid()}-{mark}"
    outside.mkdir(mode=0o711, exist_ok=True)
    seen = outside.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
        raise MobiusError(f"{outside} is not ours", "remove it, if you know whose it is")
    outside.chmod(0o711)
    return outside


def server_uid() -> int:
    """Who runs the server when we are root, which PostgreSQL refuses; -1: ourselves."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return -1
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise MobiusError("there is no user that a scratch PostgreSQL could run as", "adduser --system postgres")


def _may_enter(folder: Path, uid: int) -> bool:
    """Whether that user may go through every folder above, as far as it exists."""
    for each in [folder, *folder.parents]:
        try:
            seen = each.stat()
        except FileNotFoundError:
            continue
        mine = uid in (-1, seen.st_uid)
        if not seen.st_mode & (stat.S_IXUSR if mine else stat.S_IXOTH):
            return False
    return True
