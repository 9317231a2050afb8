"""What the supervisor does all the time: sees who accepts by now, lets a proxy's group in, turns grown logs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from mobius.host.logs import rotate_grown
from mobius.host.reach import is_open_to_group, let_group_connect
from mobius.host.slots import Slot

READINESS_EVERY_S = 0.05
LOGS_EVERY_S = 5.0


async def watch_readiness(slots: Mapping[str, Slot], run: Path) -> None:
    """Marks each web process that accepts connections since its last start."""
    while True:
        for slot in list(slots.values()):
            address = slot.address()
            if address is not None and address.socket is not None and is_open_to_group(run):
                let_group_connect(Path(address.socket))
            for process in list(slot.processes.values()):
                if process.spec.kind == "web" and process.is_alive and not process.accepts:
                    process.accepts = await accepts(process.port, process.socket)
        await asyncio.sleep(READINESS_EVERY_S)


async def watch_logs(run: Path) -> None:
    """Turns the logs that have grown."""
    while True:
        await asyncio.sleep(LOGS_EVERY_S)
        await asyncio.to_thread(rotate_grown, run)


async def accepts(port: int | None, path: str | None) -> bool:
    """Whether something accepts connections there now."""
    if path is not None and Path(path).exists():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
            return True
    if port is not None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
    return False
