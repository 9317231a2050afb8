"""Locks on open files that go with their process: flock where there is one, LockFileEx on Windows."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from mobius.host.file_lock_windows import lock as lock
    from mobius.host.file_lock_windows import unlock as unlock
else:
    import fcntl

    def lock(file: int, *, shared: bool) -> bool:
        """Whether the lock was free (of exclusive holders, when shared) and is now ours. Raises OSError where files
        cannot be locked at all."""
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(file: int) -> None:
        """Lets go."""
        fcntl.flock(file, fcntl.LOCK_UN)
