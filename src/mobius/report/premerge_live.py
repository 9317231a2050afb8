"""A validation as it happens: a tree that is drawn in place, lines in a pipe, or NDJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from mobius.model.premerge import ENDED, Premerge, StepResult, StepState
from mobius.model.verdict import Outcome
from mobius.report.live import SPINNER
from mobius.report.paint import BAD, BOLD, DIM, GOOD, WARN, Paint
from mobius.report.pen import Pen
from mobius.report.premerge import next_words, outcome_of, premerge_json, skipped_in
from mobius.report.words import duration, printable, shortened, wrapped

NAME = 11
SIGNS = {
    StepState.WAITING: ("·", DIM),
    StepState.PASS: ("✓", GOOD),
    StepState.FAIL: ("✗", BAD),
    StepState.ERROR: ("?", BAD),
    StepState.INCONCLUSIVE: ("?", WARN),
    StepState.SKIPPED: ("-", WARN),
}
VERDICTS = {"PASS": ("may be merged", GOOD), "FAIL": ("must not be merged", BAD)}


class PremergeText:
    """Draws each change. With `tty` the tree stands in place; without, each step is one line when it has ended."""

    def __init__(self, stream: TextIO, *, color: bool, tty: bool, width: int) -> None:
        self._pen = Pen(stream)
        self._paint = Paint(color and tty)
        self._tty, self._width = tty, max(30, width)
        self._turn = 0
        self._told: set[str] = set()

    def __call__(self, validation: Premerge, latest: Mapping[str, str]) -> None:
        self._turn += 1
        if validation.ended_at:
            self._close(validation)
        elif self._tty:
            self._pen.block([self._row(step, latest) for step in validation.steps])
        else:
            self._tell(validation)

    def stop(self) -> None:
        """Takes away what is drawn in place."""
        self._pen.wipe()

    def _tell(self, validation: Premerge) -> None:
        for step in validation.steps:
            if step.state in ENDED and step.name not in self._told:
                self._told.add(step.name)
                self._pen.line(self._row(step, {}, whole=True))

    def _close(self, validation: Premerge) -> None:
        self._pen.wipe()
        self._told = set() if self._tty else self._told
        self._tell(validation)
        for step in validation.steps:
            for check in step.checks:
                if check.outcome is not Outcome.PASS:
                    said = f"{step.name}: {check.name}: {printable(check.message)}"
                    for line in wrapped(said, self._width, "  ", "    "):
                        self._pen.line(line)
                    if check.advice:
                        for line in wrapped(printable(check.advice), self._width, "    ", "    "):
                            self._pen.line(self._paint(line, DIM))
        word, style = VERDICTS.get(outcome_of(validation), ("not known whether it may be merged", WARN))
        commit = validation.commit[:12] or "this checkout"
        self._pen.line(self._paint(f"{commit} {word}{skipped_in(validation)}", f"{BOLD};{style}"))

    def _row(self, step: StepResult, latest: Mapping[str, str], *, whole: bool = False) -> str:
        sign, style = SIGNS.get(step.state, (SPINNER[self._turn % len(SPINNER)], ""))
        said = latest.get(step.name, "") if step.state is StepState.RUNNING else step.said
        if step.skipped is not None:
            said = f"skipped by {step.skipped.by}: {step.skipped.reason}"
        took = duration(step.seconds) if step.state in ENDED and step.seconds else ""
        room = self._width - NAME - len(took) - 8
        said = " ".join(printable(said).split())
        shown = said if whole else shortened(said, room).ljust(room)
        return f"  {self._paint(sign, style)} {step.name:<{NAME}} {shown} {self._paint(took, DIM)}".rstrip()


class PremergeJson:
    """One object for each step when it begins and ends, and the report last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._states: dict[str, StepState] = {}

    def __call__(self, validation: Premerge, latest: Mapping[str, str]) -> None:
        told = premerge_json(validation)
        for step, facts in zip(validation.steps, told["steps"], strict=True):
            if self._states.get(step.name) is not step.state and step.state is not StepState.WAITING:
                self._say({"event": "step", **facts})
            self._states[step.name] = step.state
        if validation.ended_at:
            self._say({"event": "premerge", **told, "next": next_words(validation)})

    def stop(self) -> None:
        """Nothing stands in place."""

    def _say(self, facts: Mapping[str, object]) -> None:
        self._stream.write(json.dumps({"schema_version": 1, **facts}, ensure_ascii=False) + "\n")
        self._stream.flush()
