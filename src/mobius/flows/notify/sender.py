"""The sender: looks, sends through every channel at once, and goes on until nothing is left to be told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mobius.errors import MobiusError
from mobius.flows.notify.look import escalate, route_new, tell_of_dead
from mobius.flows.notify.send import send_next
from mobius.flows.notify.telling import Telling
from mobius.model.notices import ChannelSettings
from mobius.ports.notifying import Notifier

LOOK_EVERY_S = 0.5
IDLE_S = 5.0  # after so long without anything to do a sender of its own ends


@dataclass(slots=True)
class Sender:
    """One environment's. A channel whose receiver hangs holds up no other."""

    telling: Telling
    _busy: dict[str, threading.Thread] = field(default_factory=dict)
    _next: dict[str, float | None] = field(default_factory=dict)
    _told: str = ""

    def look(self) -> bool:
        """Once around; whether there is, or will be, something to do. Never raises for what the world does."""
        try:
            route_new(self.telling)
            tell_of_dead(self.telling)
            later = escalate(self.telling)
            route_new(self.telling)
        except MobiusError as problem:
            self._say_once(problem)
            return True
        goes_on = later is not None
        for channel, notifier in self.telling.notifiers:
            thread = self._busy.get(channel.name)
            if thread is None or not thread.is_alive():
                goes_on |= self._next.get(channel.name, 0.0) is not None
                self._busy[channel.name] = self._begun(channel, notifier)
            else:
                goes_on = True
        return goes_on

    def _begun(self, channel: ChannelSettings, notifier: Notifier) -> threading.Thread:
        thread = threading.Thread(target=self._send, args=(channel, notifier), daemon=True, name=channel.name)
        thread.start()
        return thread

    def _send(self, channel: ChannelSettings, notifier: Notifier) -> None:
        """Everything that is due in this channel, one message after the other."""
        try:
            while (at := send_next(self.telling, channel, notifier)) == 0.0:
                pass
            self._next[channel.name] = at
        except MobiusError as problem:
            self._say_once(problem)

    def _say_once(self, problem: MobiusError) -> None:
        if problem.message != self._told:
            self.telling.say(f"{problem.message}; {problem.hint}" if problem.hint else problem.message)
        self._told = problem.message

    def finish(self, within_s: float) -> None:
        """Waits for what is under way, no longer than this."""
        until = time.monotonic() + within_s
        for thread in self._busy.values():
            thread.join(max(0.0, until - time.monotonic()))


def send_until_done(sender: Sender, *, may_go_on: Callable[[], bool] = lambda: True) -> None:
    """Looks until there has been nothing to do for a while, or `may_go_on` says no."""
    clock = sender.telling.clock
    idle_since = clock.monotonic()
    while may_go_on():
        if sender.look():
            idle_since = clock.monotonic()
        elif clock.monotonic() - idle_since > IDLE_S:
            return
        clock.wait(LOOK_EVERY_S)
