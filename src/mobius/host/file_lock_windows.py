"""Locks of files on Windows, by LockFileEx: exclusive or shared, at once or not at all, gone with the handle.

Windows keeps everybody else from reading the bytes that are locked. So one byte is, far behind what the file holds:
whoever finds it locked can still read who has it. See LockFileEx in Microsoft's documentation of fileapi.h.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

FAIL_IMMEDIATELY, EXCLUSIVE = 0x1, 0x2
LOCK_VIOLATION, IO_PENDING, NOT_LOCKED = 33, 997, 158
FAR_LOW, FAR_HIGH = 0xFFFFFFF0, 0x7FFFFFFF


class Overlapped(ctypes.Structure):
    """OVERLAPPED: here, only where in the file the lock begins."""

    _fields_ = (
        ("Internal", ctypes.c_void_p),
        ("InternalHigh", ctypes.c_void_p),
        ("Offset", ctypes.c_uint32),
        ("OffsetHigh", ctypes.c_uint32),
        ("hEvent", ctypes.c_void_p),
    )


def lock(file: int, *, shared: bool) -> bool:
    """Whether the lock was free (of exclusive holders, when shared) and is now ours. One who has it shared does not get
    it exclusively before letting go. Raises OSError where files cannot be locked at all."""
    kernel32, at = _kernel32(), _far()
    flags = FAIL_IMMEDIATELY | (0 if shared else EXCLUSIVE)
    if kernel32.LockFileEx(_handle_of(file), flags, 0, 1, 0, ctypes.byref(at)):
        return True
    problem = _last_error()
    if problem in (LOCK_VIOLATION, IO_PENDING):
        return False
    raise OSError(problem, f"LockFileEx failed with error {problem}")


def unlock(file: int) -> None:
    """Lets go; what is not locked is a success."""
    kernel32, at = _kernel32(), _far()
    if not kernel32.UnlockFileEx(_handle_of(file), 0, 1, 0, ctypes.byref(at)):
        problem = _last_error()
        if problem != NOT_LOCKED:
            raise OSError(problem, f"UnlockFileEx failed with error {problem}")


def _far() -> Overlapped:
    return Overlapped(None, None, FAR_LOW, FAR_HIGH, None)


def _kernel32() -> Any:
    """The library with its signatures. A handle is as wide as a pointer: without them it would be cut to an int."""
    if sys.platform != "win32":
        raise OSError("LockFileEx is there on Windows only")
    library = ctypes.WinDLL("kernel32", use_last_error=True)
    dword, handle = ctypes.c_uint32, ctypes.c_void_p
    library.LockFileEx.argtypes = (handle, dword, dword, dword, dword, ctypes.POINTER(Overlapped))
    library.UnlockFileEx.argtypes = (handle, dword, dword, dword, ctypes.POINTER(Overlapped))
    library.LockFileEx.restype = library.UnlockFileEx.restype = ctypes.c_int
    return library


def _handle_of(file: int) -> int:
    if sys.platform != "win32":
        raise OSError("handles are there on Windows only")
    import msvcrt

    return msvcrt.get_osfhandle(file)


def _last_error() -> int:
    if sys.platform != "win32":
        raise OSError("GetLastError is there on Windows only")
    return ctypes.get_last_error()
