"""Everything that the supervisor notes all along: traffic, use, and what is usual at an hour."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from mobius.host.doors import Doors
from mobius.host.gauges import keep_gauges, live_alone
from mobius.host.history import FILE, keep_history
from mobius.host.slots import Slot
from mobius.host.usual import keep_usual


def noting(slots: Mapping[str, Slot], doors: Doors, run: Path) -> tuple[Coroutine[Any, Any, None], ...]:
    """Each runs until it is cancelled."""
    return (
        keep_history(doors, run),
        keep_usual(run / FILE, time.time),
        keep_gauges(lambda: live_alone(slots, doors.weights), run),
    )
