"""Renames that either happen whole or not at all: exclusive, and exchanging two names in one step."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from mobius.archive.durable import libc

_AT_FDCWD = -100
_NOREPLACE = 1
_EXCHANGE = 2
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def rename_exclusively(old: Path, new: Path) -> None:
    """Rename, or FileExistsError when `new` exists (checked by the kernel where it can)."""
    if _renameat2(old, new, _NOREPLACE):
        return
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    old.rename(new)


def exchange(one: Path, other: Path) -> bool:
    """Let the two names change places in one step; False, and nothing done, where the system cannot."""
    return _renameat2(one, other, _EXCHANGE)


def _renameat2(old: Path, new: Path, flags: int) -> bool:
    call = getattr(libc(), "renameat2", None)
    if call is None:
        return False
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(old), None, str(new))
