"""One lane: films measured one after the other, each in a child of a warm process (`warm`)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.media import child
from mobius.adapters.media.child import Limits
from mobius.adapters.media.opening import INSTALL
from mobius.errors import GateUnknown

WARM = "mobius.adapters.media.warm"
PIECE = 1 << 16
TO_START_S = 120.0  # on a machine that is very busy


class Lane:
    """For one thread at a time, but for `stop`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._warm: subprocess.Popen[bytes] | None = None
        self._left = b""
        self._meter: Mapping[str, Any] = {}

    def meter(self) -> Mapping[str, Any]:
        """Who measures. Raises `GateUnknown` where media cannot be measured here."""
        self._start()
        return self._meter

    def ask(self, job: str, file: Path, options: Mapping[str, Any], cwd: str = "") -> Any:
        """As `child.ask`; `cwd`: what paths are relative to, if not to where this process was started."""
        warm = self._start()
        assert warm.stdin is not None
        try:
            warm.stdin.write(child.asked(job, file, options, self._limits, cwd) + b"\n")
            warm.stdin.flush()
            told = self._line(warm, self._limits.wall_s)
        except TimeoutError:
            self._stop()
            raise child.too_long(job, file, self._limits) from None
        except (OSError, ValueError) as gone:
            self._stop()
            why = f"{file.name}: {job} broke off: who measured it is gone"
            raise GateUnknown(why, "memory may be short: measure fewer at a time, with --workers") from gone
        return child.answer(job, file, told["code"], told["out"].encode(), told["err"].encode())

    def kill(self) -> None:
        """Ends what is being measured, at once; for any thread. Whoever asked for it gets its error."""
        warm = self._warm
        if warm is not None and warm.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(warm.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the warm process; for the thread that asks."""
        self._stop()

    def _stop(self) -> str:
        """Ends the warm process, and says what it complained of."""
        self.kill()
        warm, self._warm, self._left = self._warm, None, b""
        if warm is None:
            return ""
        _, said = warm.communicate()
        return said.decode(errors="replace").strip().rpartition("\n")[2][:200]

    def _start(self) -> subprocess.Popen[bytes]:
        if self._warm is not None and self._warm.poll() is None:
            return self._warm
        self._stop()
        warm = self._warm = child.started(WARM)
        try:
            told = self._line(warm, TO_START_S)
        except (OSError, ValueError) as gone:
            why = self._stop() or str(gone)
            raise GateUnknown(f"media cannot be measured here: {why}", INSTALL) from gone
        if problem := told.get("error"):
            self._stop()
            raise GateUnknown(problem["message"], problem["hint"])
        self._meter = told["meter"]
        return warm

    def _line(self, warm: subprocess.Popen[bytes], within_s: float) -> dict[str, Any]:
        """The next line. Raises `TimeoutError`, and `ValueError` where the process is gone."""
        assert warm.stdout is not None
        until = time.monotonic() + within_s
        while b"\n" not in self._left:
            left_s = until - time.monotonic()
            if left_s <= 0 or not select.select([warm.stdout], [], [], left_s)[0]:
                raise TimeoutError
            piece = os.read(warm.stdout.fileno(), PIECE)
            if not piece:
                raise ValueError("it ended")
            self._left += piece
        line, _, self._left = self._left.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told
