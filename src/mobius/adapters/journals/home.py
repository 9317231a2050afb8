"""Where an environment's processes live, for a journal that machines share: only there are they changed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from mobius.adapters.records import holder
from mobius.errors import MobiusError, UsageError
from mobius.ports import Journal, Note

HOME = "home"  # an event's kind


@dataclass(frozen=True, slots=True)
class Place:
    """One root on one machine. `machine`: its id, "" where it has none."""

    host: str
    machine: str
    root: str
    project: str

    def is_same(self, told: dict[str, Any]) -> bool:
        """Whether that is here. A machine may get another name; its id and the root stay."""
        same_machine = self.machine == told.get("machine") if self.machine else self.host == told.get("host")
        return same_machine and self.root == told.get("root")


class Home:
    """Of one environment, as this place sees it."""

    def __init__(self, journal: Journal, environment: str, place: Place) -> None:
        self._journal = journal
        self._environment = environment
        self._place = place
        self.here = _words(place.host, place.root)

    def where(self) -> str:
        """In words, "" where nobody has said it yet."""
        told = self._told()
        return _words(told["host"], told["root"]) if told else ""

    def refuse_elsewhere(self) -> None:
        """It is here, from now on if nobody was first. Raises `UsageError` where it is elsewhere. A journal that cannot
        be asked refuses nobody: without it nothing goes forward, and a way back waits for nothing."""
        try:
            told = self._told() or self._claimed()
        except UsageError:
            raise
        except MobiusError:
            return
        if self._place.is_same(told):
            return
        on = f"{told['host']}:{told['project']}"
        raise UsageError(
            f"{self._environment} lives {_words(told['host'], told['root'])}:"
            f" its processes are changed there alone, and this is {self._place.host}",
            f"mobius --on {on} COMMAND; when it has moved here for good: mobius journal home -e {self._environment}",
        )

    def move(self) -> None:
        """It is here from now on."""
        note = Note(HOME, f"{self._environment} lives {self.here}", asdict(self._place))
        self._journal.say(None, self._environment, note, now=time.time(), who=str(holder()))

    def _told(self) -> dict[str, Any]:
        event = self._journal.last_event(self._environment, (HOME,))
        return dict(event.data) if event is not None else {}

    def _claimed(self) -> dict[str, Any]:
        """By whoever is first; where runs were made before that was written down, by their machine."""
        newest = self._journal.runs(self._environment, 1)
        made_on = newest[0].holder.host if newest and newest[0].holder else self._place.host
        if made_on != self._place.host:
            raise UsageError(
                f"the last run of {self._environment} was made on {made_on}, where its processes are,"
                f" and this is {self._place.host}",
                f"do it there; when it has moved here for good: mobius journal home -e {self._environment}",
            )
        note = Note(HOME, f"{self._environment} lives {self.here}", asdict(self._place))
        self._journal.say(None, self._environment, note, now=time.time(), who=str(holder()))
        return dict(self._journal.events(environment=self._environment, kinds=(HOME,))[0].data)


def _words(host: str, root: str) -> str:
    return f"on {host}, in {root}"
