"""What every traffic of an HAProxy does with its memory: change it under a lock, look and add up, refuse nonsense."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from mobius.adapters.traffic import haproxy_kept as kept_file
from mobius.adapters.traffic.haproxy_backend import HaproxyBackend
from mobius.adapters.traffic.haproxy_commands import MOST_WEIGHT
from mobius.adapters.traffic.haproxy_kept import Kept
from mobius.adapters.traffic.haproxy_reading import Row
from mobius.errors import MobiusError


class Remembering:
    """`<root>/run/haproxy.json`, and the one who may change it."""

    def __init__(self, root: Path, backend: HaproxyBackend) -> None:
        self._run = root / "run"
        self._file = self._run / "haproxy.json"
        self._backend = backend
        self._ours = backend.ours

    @contextlib.contextmanager
    def changing(self) -> Iterator[Kept]:
        """What is kept, while nobody else changes it."""
        with kept_file.locked(self._run):
            yield kept_file.load(self._file)

    def load(self) -> Kept:
        """What is kept, without a look at HAProxy."""
        return kept_file.load(self._file)

    def keep(self, kept: Kept) -> None:
        """Writes it."""
        kept_file.save(self._file, kept)

    def look(
        self, *, forgiven: str = "", also: Callable[[Kept], Kept] = lambda kept: kept
    ) -> tuple[Kept, Mapping[str, Row]]:
        """The counters, added to what was counted before; `also` adds what HAProxy does not count. Keeps nothing where
        no switch ever did. Raises `MobiusError` when HAProxy does not answer."""
        if not self._file.exists():
            self._backend.servers()  # nothing was counted, unless nobody can say
            return Kept(), {}
        with self.changing() as kept:
            look = self._backend.look()
            if kept.process and look.process != kept.process:
                look = self._backend.as_before(look, kept.stood)
            kept = also(kept.seen(look.process, look.rows, forgiven=forgiven))
            kept = kept.standing(look.servers, self._ours)
            self.keep(kept)
            return kept, look.rows


def refuse_weights(
    weights: Mapping[str, int], slots: Collection[str], unknown: Callable[[str], MobiusError]
) -> None:
    """Raises `MobiusError` for a slot that is none of these (as `unknown` says it), and for what is no weight."""
    for slot, weight in weights.items():
        if slot not in slots:
            raise unknown(slot)
        if not 0 <= weight <= MOST_WEIGHT:
            raise MobiusError(
                f"slot {slot} cannot have the weight {weight} in HAProxy", f"give 0 to {MOST_WEIGHT}"
            )
