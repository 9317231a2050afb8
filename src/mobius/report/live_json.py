"""A run as it happens, for programs: NDJSON, one object a line, each with its `schema_version`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO

from mobius.model.run import Event, Run
from mobius.model.sample import Sample
from mobius.report.next_step import StepsSeen, next_step
from mobius.report.watching import Looking
from mobius.report.watching_json import tick_json
from mobius.report.words import iso

LIVE_SCHEMA = 1


class LiveJson:
    """Writes one JSON object a line: every event, every sample when asked, the figures of every look of a window where
    `looking` opens it, and the run at the end."""

    def __init__(
        self, stream: TextIO, *, samples: bool = False, looking: Callable[[int], Looking] | None = None
    ) -> None:
        self._stream = stream
        self._samples = samples
        self._open = looking
        self._looking: Looking | None = None
        self._steps = StepsSeen()

    def event(self, event: Event) -> None:
        """`event` is the kind; the data keeps its own keys under `data`."""
        self._steps.see(event)
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
        if event.kind == "window opened" and self._open is not None:
            self._looking = self._open(event.run_id)
        elif event.kind in ("verdict", "rollback begun", "accepted"):
            self._looking = None

    def sample(self, *samples: Sample) -> None:
        """The samples where they were asked for, and what they come to."""
        for sample in samples if self._samples else ():
            self._write({"event": "sample", **asdict(sample)})
        if self._looking is not None and samples:
            self._looking.add(samples)
            tick = self._looking.tick(max(sample.at for sample in samples))
            self._write(tick_json(tick, self._looking.run))

    def tick(self, now: float) -> None:
        """Nothing: time is no event."""

    def close(self, run: Run | None = None) -> None:
        """The run as it stands, with the next command."""
        if run is None:
            return
        why, command = next_step(run, self._steps.begun, self._steps.failed)
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
