"""A run as it happens: a growing tree on a terminal, one line an event in a pipe, or NDJSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar, TextIO

from mobius.model.run import Event, Run, RunState
from mobius.model.sample import Sample
from mobius.report.next_step import next_step
from mobius.report.paint import BAD, BOLD, DIM, GOOD, WARN, Paint
from mobius.report.progress import Progress
from mobius.report.told import reason_of, seconds_of, smoke_words, title_of, told
from mobius.report.words import duration, iso, shortened, wrapped

LIVE_SCHEMA = 1
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PHASE = 12  # columns kept for the name of the phase


class LiveText:
    """Writes events for a person. With `tty` the last line is updated in place; without, nothing ever is.

    A write to a closed pipe raises BrokenPipeError, as any write does: the caller decides whether to go on.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        color: bool = False,
        tty: bool = False,
        width: int = 80,
        tell_next: bool = True,
    ) -> None:
        self._stream = stream
        self._paint = Paint(color and tty)
        self._tty = tty
        self._width = max(30, width)
        self._tell_next = tell_next
        self._phase = ""
        self._named = False  # whether the phase stands in the margin already
        self._running: tuple[str, float] | None = None  # title of the step, begun at
        self._details: list[tuple[str, str]] = []  # what the running step said so far
        self._because = ""
        self._progress: Progress | None = None
        self._now = 0.0
        self._turn = 0
        self._line_open = False

    def event(self, event: Event) -> None:
        """Writes what this event says; events come in the order of their `seq`."""
        self._now = max(self._now, event.at)
        if not self._tty:
            if event.kind != "so far":
                self._write(f"{iso(event.at)} {event.kind}: {told(event)}\n")
            return
        show = self._ON.get(event.kind)
        if show is not None:
            show(self, event)
        elif event.kind not in self._QUIET:
            self._say("·", DIM, told(event))
        self._redraw()

    def sample(self, *samples: Sample) -> None:
        """Counts measurements of the open window; the line that tells of them is updated on a terminal."""
        if self._progress is not None:
            for sample in samples:
                self._progress.add(sample)
                self._now = max(self._now, sample.at)
        self._redraw()

    def tick(self, now: float) -> None:
        """Turns the spinner and moves the clocks; call it a few times a second, or never."""
        self._now = max(self._now, now)
        self._turn += 1
        self._redraw()

    def close(self, run: Run | None = None) -> None:
        """Ends the line in place and, with the run, says how it stands and what to do next."""
        self._running = self._progress = None
        self._clear()
        if run is None:
            return
        style = {RunState.ACCEPTED: GOOD, RunState.OBSERVING: GOOD}.get(run.state, WARN)
        style = BAD if run.state in (RunState.FAILED, RunState.NEEDS_OPERATOR) else style
        width = self._width if self._tty else 10_000
        said = ending(run)
        self._write("".join(self._paint(line, style) + "\n" for line in wrapped(said, width)))
        if self._tell_next:
            why, command = next_step(run)
            self._write(f"{why}:\n  {command}\n")

    # What each kind of event looks like on a terminal.

    def _queued(self, event: Event) -> None:
        for line in wrapped(f"run {event.run_id}: {told(event)}", self._width):
            self._line(self._paint(line, BOLD))

    def _step_begun(self, event: Event) -> None:
        self._running = (title_of(event), event.at)
        self._enter(str(event.data.get("phase", "")))

    def _step_done(self, event: Event) -> None:
        self._end_step(event, "✓", GOOD)

    def _step_failed(self, event: Event) -> None:
        title = self._end_step(event, "✗", BAD)
        self._under(reason_of(event, title), BAD)

    def _gate(self, event: Event) -> None:
        outcome = str(event.data.get("outcome", ""))
        self._detail(f"{event.data.get('name', '')}: {event.data.get('message', '')}", *sign_of(outcome))

    def _smoke(self, event: Event) -> None:
        results = event.data.get("results") or ()
        good = all(one.get("outcome") == "PASS" for one in results)
        self._detail(smoke_words(event.data), *sign_of("PASS" if good else "FAIL"))

    def _of_the_step(self, event: Event) -> None:
        self._detail(told(event), "·", DIM)

    def _window(self, event: Event) -> None:
        self._running = None
        self._enter("watch")
        self._say("·", DIM, told(event))
        self._progress = Progress(float(event.data.get("deadline") or 0))

    def _so_far(self, event: Event) -> None:
        if self._progress is None:
            self._progress = Progress(event.at + float(event.data.get("left_s") or 0))
        self._progress.reach(event.data)

    def _verdict(self, event: Event) -> None:
        self._progress = None
        outcome, self._because = str(event.data.get("outcome", "")), str(event.data.get("sentence", ""))
        self._say(*sign_of(outcome), f"verdict {outcome}: {self._because}")

    def _rollback(self, event: Event) -> None:
        self._progress = self._running = None
        self._enter("way back")
        self._say("↩", WARN, self._once(told(event)))
        self._because = str(event.data.get("because") or self._because)

    def _back(self, event: Event) -> None:
        self._say("✓", GOOD, self._once(told(event)))

    def _page(self, event: Event) -> None:
        self._say("!", BAD, told(event))
        for choice in event.data.get("choices") or ():
            self._under(str(choice), BOLD)

    _ON: ClassVar[dict[str, Callable[[LiveText, Event], None]]] = {
        "run queued": _queued,
        "step begun": _step_begun,
        "step done": _step_done,
        "step failed": _step_failed,
        "gate": _gate,
        "smoke": _smoke,
        "backup": _of_the_step,
        "rehearsed": _of_the_step,
        "switched": _of_the_step,
        "drained": _of_the_step,
        "window opened": _window,
        "so far": _so_far,
        "verdict": _verdict,
        "rollback begun": _rollback,
        "traffic back": _back,
        "rolled back": _back,
        "accepted": _back,
        "page": _page,
    }
    _QUIET = frozenset({"run begun", "run ended"})  # their content comes with `close`

    # The pen: whole lines above, one line in place below.

    def _once(self, said: str) -> str:
        """Without the reason at its end, where that was told a moment ago."""
        return said.removesuffix(f": {self._because}") if self._because else said

    def _detail(self, said: str, sign: str, style: str) -> None:
        """Under its step once that has ended; at once where no step is running."""
        if self._running is None:
            self._say(sign, style, said)
        else:
            self._details.append((said, DIM if style == GOOD else style))

    def _enter(self, phase: str) -> None:
        if phase != self._phase:
            self._phase = phase
            self._named = False

    def _end_step(self, event: Event, sign: str, style: str) -> str:
        title, begun = self._running or (title_of(event), event.at)
        self._running = None
        self._enter(str(event.data.get("phase", "")))
        took = duration(seconds_of(event, begun))
        room = self._width - PHASE - 4 - len(took) - 1
        fits = f"{shortened(title, room):<{room}}"
        self._line(f"{self._margin()}{self._paint(sign, style)} {fits} {self._paint(took, DIM)}")
        for said, how in self._details if sign == "✓" else ():
            self._under(said, how, "  ")
        self._details.clear()
        return title

    def _say(self, sign: str, style: str, said: str) -> None:
        room = self._width - PHASE - 4
        first, *rest = wrapped(said, room)
        self._line(f"{self._margin()}{self._paint(sign, style)} {first}")
        for line in rest:
            self._line(" " * (PHASE + 4) + line)

    def _under(self, said: str, style: str, margin: str = "") -> None:
        for line in wrapped(said, self._width, " " * (PHASE + 4) + margin):
            self._line(self._paint(line, style))

    def _margin(self) -> str:
        name = "" if self._named else shortened(self._phase, PHASE)
        self._named = True
        return f"  {self._paint(f'{name:<{PHASE}}', DIM)}"

    def _line(self, text: str) -> None:
        self._clear()
        self._write(text.rstrip() + "\n")

    def _redraw(self) -> None:
        if not self._tty:
            return
        if self._progress is not None:
            told_now = self._progress.words(self._now, self._width - 4)
        elif self._running is not None:
            title, begun = self._running
            told_now = f"{title}, {duration(max(0, round(self._now - begun)))}"
        else:
            self._clear()
            return
        spinner = SPINNER[self._turn % len(SPINNER)]
        line = (
            f"{' ' * (PHASE + 2)}{spinner} {told_now}"
            if self._progress is None
            else f"  {spinner} {told_now}"
        )
        self._clear()
        self._write(shortened_keeping_blanks(line, self._width - 1))
        self._line_open = True

    def _clear(self) -> None:
        if self._line_open:
            self._write("\r\x1b[2K")
            self._line_open = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class LiveJson:
    """Writes one JSON object a line: every event, every sample when asked, and the run at the end."""

    def __init__(self, stream: TextIO, *, samples: bool = False) -> None:
        self._stream = stream
        self._samples = samples

    def event(self, event: Event) -> None:
        """`event` is the kind; the data keeps its own keys under `data`."""
        self._write(
            {
                "event": event.kind,
                "seq": event.seq,
                "run": event.run_id,
                "time": iso(event.at),
                "at": event.at,
                "message": event.message,
                "who": event.who,
                "data": event.data,
            }
        )

    def sample(self, *samples: Sample) -> None:
        """Nothing, unless samples were asked for."""
        for sample in samples if self._samples else ():
            self._write({"event": "sample", **asdict(sample)})

    def tick(self, now: float) -> None:
        """Nothing: time is no event."""

    def close(self, run: Run | None = None) -> None:
        """The run as it stands, with the next command."""
        if run is None:
            return
        why, command = next_step(run)
        self._write(
            {
                "event": "run",
                "run": run.id,
                "environment": run.environment,
                "kind": run.kind,
                "state": str(run.state),
                "ended": run.ended,
                "exit_code": run.exit_code,
                "sentence": run.sentence,
                "next": {"why": why, "command": command},
            }
        )

    def _write(self, document: dict[str, Any]) -> None:
        ordered = {"schema_version": LIVE_SCHEMA, **document}
        self._stream.write(json.dumps(ordered, ensure_ascii=False, default=str) + "\n")
        self._stream.flush()


def shortened_keeping_blanks(line: str, width: int) -> str:
    """As `shortened`, but the margin in front stays."""
    body = line.lstrip(" ")
    margin = len(line) - len(body)
    return " " * margin + shortened(body, width - margin)


def sign_of(outcome: str) -> tuple[str, str]:
    """The sign of an outcome and its colour."""
    return {"PASS": ("✓", GOOD), "FAIL": ("✗", BAD)}.get(outcome, ("?", WARN))


def ending(run: Run) -> str:
    """ "run 7 is rolled back: 4 checks in a row failed", without saying the state twice."""
    if run.sentence.startswith(str(run.state)):
        return f"run {run.id} is {run.sentence}"
    return f"run {run.id} is {run.state}" + (f": {run.sentence}" if run.sentence else "")
