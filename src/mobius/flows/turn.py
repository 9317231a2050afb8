"""Takes the environment's lock, and gives whoever was just superseded the moment it needs to let go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mobius.errors import Locked
from mobius.ports import Ports

PATIENCE_S = 10.0


@contextmanager
def turn(ports: Ports) -> Iterator[None]:
    """Holds the lock inside the `with`.

    A run that the journal let in may still find the lock held: a monitor takes it before it learns, from the
    next line it writes, that a newer run took over. So this waits a little. Raises `Locked` naming the holder
    when that was not enough.
    """
    until = ports.clock.monotonic() + PATIENCE_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(ports.lock.held())
                break
            except Locked:
                if ports.clock.monotonic() >= until:
                    raise
                ports.clock.wait(0.2)
        yield
