"""What a command that came over a line does besides: it says which run it shows, and may show one again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

import click

from mobius.adapters.remote_frames import Seen
from mobius.model.run import Event, Run, RunState
from mobius.model.sample import Sample

if TYPE_CHECKING:
    from mobius.wiring import App, Viewer


@dataclass(slots=True)
class Line:
    """The line of a command: where the other end says it leads (what is typed after --on, and the host alone), how to
    say in one frame what is shown and which event it is of, and the run to show again."""

    to: str
    host: str
    together: Callable[[dict[str, Any]], AbstractContextManager[None]]
    again: Seen | None = None


class Telling:
    """A viewer that shows as `viewer` does, and tells the line which event that was."""

    def __init__(self, line: Line, environment: str, viewer: Viewer | None) -> None:
        self._line = line
        self._environment = environment
        self._viewer = viewer

    def event(self, event: Event) -> None:
        """Shown and told as one: neither arrives without the other."""
        with self._line.together(asdict(Seen(self._environment, event.run_id, event.seq))):
            if self._viewer is not None:
                self._viewer.event(event)

    def sample(self, *samples: Sample) -> None:
        """As the viewer does."""
        if self._viewer is not None:
            self._viewer.sample(*samples)

    def tick(self, now: float) -> None:
        """As the viewer does."""
        if self._viewer is not None:
            self._viewer.tick(now)


def line() -> Line | None:
    """The line that the present command came over; None for one that was typed here."""
    context = click.get_current_context(silent=True)
    found = context.ensure_object(dict).get("line") if context is not None else None
    return found if isinstance(found, Line) else None


def acts_again(run: Seen) -> Callable[[Viewer | None], Run]:
    """In place of beginning anything: looks on at this run, after the last event that was shown, for as long as the
    present command would have."""
    context = click.get_current_context()
    the_app: App = context.ensure_object(dict)["app"]
    given = context.params
    until_window = bool(
        given.get("detach") or given.get("to_the_end") is False or context.info_name == "resume"
    )

    def look_on(viewer: Viewer | None) -> Run:
        found = the_app.journal(run.environment).run(run.id)
        if found.state is RunState.QUEUED:  # whoever wrote it down died before its runner was launched
            launcher = the_app.ports(run.environment).launcher
            if not launcher.alive(found):
                launcher.launch(found)
        return the_app.follow(found, viewer=viewer, until_window=until_window, after=run.seq)

    return look_on


def typed() -> str:
    """What a person types for `mobius` where they are: with `--on` when the command came over a line."""
    here = line()
    return f"mobius --on {here.to}" if here else "mobius"


def pass_on(stream: TextIO, text: str) -> None:
    """Writes what somebody else wrote, byte for byte; what a stream of another encoding does not know is shown as
    "?"."""
    encoding = stream.encoding or "ascii"
    buffer = getattr(stream, "buffer", None)
    if encoding.lower().replace("-", "") != "utf8":
        shown = text.encode("utf-8", "surrogateescape").decode(errors="replace")
        stream.write(shown.encode(encoding, "replace").decode(encoding))
    elif buffer is None:
        stream.write(text)
    else:
        stream.flush()
        buffer.write(text.encode("utf-8", "surrogateescape"))
    stream.flush()
