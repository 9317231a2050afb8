"""A run as it happens, for a person: a growing tree on a terminal, or one line an event in a pipe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar, TextIO

from mobius.model.run import Event, Run, RunState
from mobius.model.sample import Sample
from mobius.report.live_json import LiveJson as LiveJson
from mobius.report.next_step import StepsSeen, next_step
from mobius.report.paint import BAD, BOLD, DIM, GOOD, WARN, Paint, sign_of
from mobius.report.pen import Pen
from mobius.report.progress import Progress
from mobius.report.staging import StageProgress
from mobius.report.told import reason_of, seconds_of, smoke_words, title_of, told
from mobius.report.watching import WindowScreen
from mobius.report.watching_text import look_line
from mobius.report.words import duration, iso, printable, shortened, wrapped

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LEAST_WIDTH = 30
TELL_EVERY_S = 60.0
PHASE = 14  # columns kept for the name of the phase


class LiveText:
    """Writes events as they come. With `tty` the last line is updated in place; without, nothing ever is.

    Its methods may be called from several threads. A closed pipe raises BrokenPipeError, as any write does:
    the caller decides whether to go on.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        color: bool = False,
        tty: bool = False,
        width: int = 80,
        tell_next: bool = True,
        screen: Callable[[int], WindowScreen] | None = None,
        size: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._pen = Pen(stream)
        self._lock = threading.Lock()
        self._paint = Paint(color and tty)
        self._tty = tty
        self._width = max(LEAST_WIDTH, width)
        self._tell_next = tell_next
        self._open_screen, self._size = screen, size
        self._screen: WindowScreen | None = None
        self._told_at = 0.0
        self._steps = StepsSeen()
        self._phase = ""
        self._named = False  # whether the phase stands in the margin already
        self._running: tuple[str, float] | None = None  # title of the step, begun at
        self._details: list[tuple[str, str]] = []  # what the running step said so far
        self._because = ""
        self._failed_for = ""  # as it was told under the last step that failed
        self._progress: Progress | StageProgress | None = None
        self._now = 0.0
        self._turn = 0

    def event(self, event: Event) -> None:
        """Writes what this event says; events come in the order of their `seq`."""
        with self._lock:
            self._now = max(self._now, event.at)
            self._steps.see(event)
            if self._tty:
                self._show(event)
                self._redraw()
            elif event.kind == "window opened":
                self._pen.line(f"{iso(event.at)} {printable(event.kind)}: {told(event)}")
                self._enter_window(event)
            elif event.kind != "so far":
                self._pen.line(f"{iso(event.at)} {printable(event.kind)}: {told(event)}")

    def sample(self, *samples: Sample) -> None:
        """Counts measurements of the open window; the line that tells of them is updated on a terminal."""
        with self._lock:
            if self._screen is not None and samples:
                self._screen.add(samples)
                self._now = max(self._now, *(sample.at for sample in samples))
                self._tell_figures()
            if self._progress is None:
                return
            for sample in samples:
                self._progress.add(sample)
                self._now = max(self._now, sample.at)
            self._redraw()

    def tick(self, now: float) -> None:
        """Turns the spinner and moves the clocks; call it a few times a second, or never."""
        with self._lock:
            self._now = max(self._now, now)
            self._turn += 1
            self._redraw()

    def resize(self, width: int) -> None:
        """From now on the terminal is this wide."""
        with self._lock:
            self._width = max(LEAST_WIDTH, width)

    def close(self, run: Run | None = None) -> None:
        """Ends the line in place and, with the run, says how it stands and what to do next."""
        with self._lock:
            self._running = self._progress = self._screen = None
            self._pen.wipe()
            if run is None:
                return
            style = {RunState.ACCEPTED: GOOD, RunState.OBSERVING: GOOD}.get(run.state, WARN)
            style = BAD if run.state in (RunState.FAILED, RunState.NEEDS_OPERATOR) else style
            told = self._failed_for if self._tty else ""
            for line in wrapped(ending(run, told), self._width if self._tty else 10_000):
                self._pen.line(self._paint(line, style))
            if self._tell_next:
                why, command = next_step(run, self._steps.begun, self._steps.failed)
                self._pen.line(f"{why}:")
                self._pen.line(f"  {command}")

    def _show(self, event: Event) -> None:
        show = self._ON.get(event.kind)
        if show is not None:
            show(self, event)
        elif event.kind not in self._QUIET and (self._phase or event.kind not in self._QUIET_FIRST):
            self._say("·", DIM, told(event))

    # What each kind of event looks like on a terminal.

    def _queued(self, event: Event) -> None:
        for line in wrapped(f"run {event.run_id}: {told(event)}", self._width):
            self._pen.line(self._paint(line, BOLD))

    def _step_begun(self, event: Event) -> None:
        self._running = (title_of(event), event.at)
        self._enter(str(event.data.get("phase", "")))

    def _step_done(self, event: Event) -> None:
        self._end_step(event, "✓", GOOD)

    def _step_failed(self, event: Event) -> None:
        title = self._end_step(event, "✗", BAD)
        self._failed_for = reason = reason_of(event, title)
        if reason != self._because:  # which the verdict has just said
            self._under(reason, BAD)

    def _gate(self, event: Event) -> None:
        outcome = str(event.data.get("outcome", ""))
        self._detail(f"{event.data.get('name', '')}: {event.data.get('message', '')}", *sign_of(outcome))

    def _smoke(self, event: Event) -> None:
        results = event.data.get("results") or ()
        good = all(one.get("outcome") == "PASS" for one in results)
        self._detail(smoke_words(event.data), *sign_of("PASS" if good else "FAIL"))

    def _of_the_step(self, event: Event) -> None:
        self._detail(told(event), "·", DIM)

    def _waiting(self, event: Event) -> None:
        self._say("…", WARN, told(event))

    def _window(self, event: Event) -> None:
        self._running = None
        self._enter("watch")
        self._say("·", DIM, told(event))
        self._progress = Progress(float(event.data.get("deadline") or 0))
        self._enter_window(event)

    def _enter_window(self, event: Event) -> None:
        self._told_at = event.at
        if self._open_screen is not None:
            self._screen = self._open_screen(event.run_id)

    def _tell_figures(self) -> None:
        """In a pipe, a line a minute."""
        if self._screen is not None and not self._tty and self._now >= self._told_at + TELL_EVERY_S:
            self._told_at = self._now
            self._pen.line(look_line(self._screen.looking.tick(self._now)))

    def _stage_opened(self, event: Event) -> None:
        self._progress = StageProgress(event.data, event.at)

    def _stage(self, event: Event) -> None:
        self._progress = None
        self._detail(told(event), "·", DIM)

    def _so_far(self, event: Event) -> None:
        if self._progress is None:
            self._progress = Progress(event.at + float(event.data.get("left_s") or 0))
        self._progress.reach(event.data)

    def _verdict(self, event: Event) -> None:
        self._progress = self._screen = None
        outcome, self._because = str(event.data.get("outcome", "")), str(event.data.get("sentence", ""))
        self._say(*sign_of(outcome), f"verdict {outcome}: {self._because}")

    def _rollback(self, event: Event) -> None:
        self._progress = self._running = self._screen = None
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
        "waiting": _waiting,
        "stage opened": _stage_opened,
        "stage": _stage,
        "split": _of_the_step,
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
    _QUIET_FIRST = frozenset({"runner started"})  # news only when a runner follows another

    # How it is laid out: the phase in the margin, a sign, what was done, how long it took.

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
        first, *rest = wrapped(title, room)
        self._pen.line(f"{self._margin()}{self._paint(sign, style)} {first:<{room}} {self._paint(took, DIM)}")
        for line in rest:
            self._pen.line(" " * (PHASE + 4) + line)
        for said, how in self._details if sign == "✓" else ():
            self._under(said, how, "  ")
        self._details.clear()
        return title

    def _say(self, sign: str, style: str, said: str) -> None:
        room = self._width - PHASE - 4
        first, *rest = wrapped(said, room)
        self._pen.line(f"{self._margin()}{self._paint(sign, style)} {first}")
        for line in rest:
            self._pen.line(" " * (PHASE + 4) + line)

    def _under(self, said: str, style: str, margin: str = "") -> None:
        for line in wrapped(said, self._width, " " * (PHASE + 4) + margin):
            self._pen.line(self._paint(line, style))

    def _margin(self) -> str:
        name = "" if self._named else shortened(self._phase, PHASE - 1)
        self._named = True
        return f"  {self._paint(f'{name:<{PHASE}}', DIM)}"

    def _redraw(self) -> None:
        if not self._tty:
            return
        spinner = SPINNER[self._turn % len(SPINNER)]
        if self._screen is not None and self._size is not None:
            width, height = self._size()
            self._pen.block(self._screen.lines(self._now, max(LEAST_WIDTH, width), height, spinner))
        elif self._progress is not None:
            self._pen.in_place(f"  {spinner} {self._progress.words(self._now, self._width - 5)}", self._width)
        elif self._running is not None:
            title, begun = self._running
            took = duration(max(0, round(self._now - begun)))
            self._pen.in_place(f"{' ' * (PHASE + 2)}{spinner} {title}, {took}", self._width)
        else:
            self._pen.wipe()


def ending(run: Run, told: str = "") -> str:
    """ "run 7 is rolled back: 4 checks in a row failed", without saying the state twice, nor the reason of a refusal
    that was `told` a moment ago."""
    name = f"run {run.id} is {run.state}" if run.id >= 0 else f"the emergency rollback is {_of_itself(run)}"
    if run.state is RunState.REFUSED and told and told.startswith(printable(run.sentence)):
        return name
    if run.sentence.startswith(str(run.state)):
        return f"run {run.id} is {run.sentence}"
    return name + (f": {run.sentence}" if run.sentence else "")


def _of_itself(run: Run) -> str:
    return "done" if run.state is RunState.ROLLED_BACK else str(run.state)
