"""Many films: how far it is, a line for each, and at the end a table with the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mobius.model.verdict import Outcome, worst
from mobius.report.paint import Paint, sign_of
from mobius.report.words import count, counted, duration, printable, shortened

BAR = 24
ORDER = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)
MOST_ROWS = 60  # of films that passed; all others are in the table in any case
LEAST_NAME = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One film: its first trouble ("" where there is none), how many gates did not pass, and the seconds it took;
    `is_known`: nothing was measured, all was known from before."""

    name: str
    outcome: Outcome
    trouble: str = ""
    gates: int = 0
    took_s: float = 0.0
    is_known: bool = False


class Course:
    """How far it is, and how long it will take."""

    def __init__(self, films: int, began: float) -> None:
        self._films, self._began = films, began
        self._done: list[Row] = []

    def add(self, row: Row) -> None:
        """One more is done."""
        self._done.append(row)

    def words(self, now: float, width: int) -> str:
        """One line that fits."""
        done = len(self._done)
        full = BAR * done // self._films if self._films else BAR
        parts = [f"{done} of {counted(self._films, 'film')}", *self._troubles()]
        if left := self._left(now):
            parts.append(f"about {duration(left)} left")
        return shortened(f"{'█' * full}{'━' * (BAR - full)} {' · '.join(parts)}", width)

    def _troubles(self) -> list[str]:
        failed = sum(row.outcome is Outcome.FAIL for row in self._done)
        unknown = sum(row.outcome in (Outcome.ERROR, Outcome.INCONCLUSIVE) for row in self._done)
        told = [f"{count(failed)} failed"] if failed else []
        return [*told, f"{count(unknown)} not measured"] if unknown else told

    def _left(self, now: float) -> int:
        """Seconds, once two films were measured; those that were known say nothing about the others."""
        measured = sum(not row.is_known for row in self._done)
        rest = self._films - len(self._done)
        return round((now - self._began) / measured * rest) if measured >= 2 and rest else 0


def line(row: Row, number: int, films: int, width: int) -> str:
    """One film, as it is done."""
    sign, _ = sign_of(str(row.outcome))
    took = "known" if row.is_known else duration(row.took_s)
    trouble = f": {printable(row.trouble)}" if row.trouble else ""
    words = f"[{number:>{len(str(films))}}/{films}] {sign} {printable(row.name)} ({took}){trouble}"
    return shortened(words, width) if width else words


def table(rows: Sequence[Row], width: int, paint: Paint) -> str:
    """The worst first, then by name, and a sum below."""
    ordered = sorted(rows, key=lambda row: (ORDER.index(row.outcome), -row.gates, row.name))
    shown = [row for row in ordered if row.outcome is not Outcome.PASS]
    passed = ordered[len(shown) :]
    shown += passed[:MOST_ROWS]
    names = [printable(row.name) for row in shown]
    room = max(LEAST_NAME, width // 2)
    widest = min(room, max((len(name) for name in names), default=0))
    lines = []
    for row, name in zip(shown, names, strict=True):
        more = f" (+{row.gates - 1})" if row.gates > 1 else ""
        text = (
            printable(row.trouble) + more
            if row.trouble
            else "known"
            if row.is_known
            else duration(row.took_s)
        )
        rest = shortened(text, max(LEAST_NAME, width - widest - 4))
        lines.append(f"{paint.mark(str(row.outcome))} {_cut(name, widest):<{widest}}  {rest}")
    if len(passed) > MOST_ROWS:
        lines.append(f"{paint.mark('PASS')} and {counted(len(passed) - MOST_ROWS, 'more film')} passed")
    return "\n".join([*lines, summary(rows)])


def summary(rows: Sequence[Row]) -> str:
    """One sentence."""
    many = {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    unknown = many[Outcome.ERROR] + many[Outcome.INCONCLUSIVE]
    known = sum(row.is_known for row in rows)
    parts = [f"{count(many[Outcome.PASS])} passed", f"{count(many[Outcome.FAIL])} failed"]
    parts += [f"{count(unknown)} could not be measured"] if unknown else []
    parts += [f"{count(known)} known from before"] if known else []
    return f"{counted(len(rows), 'film')}: {', '.join(parts)}"


def film_json(row: Row, file: str) -> dict[str, Any]:
    """One film, as an object of a stream."""
    return {
        "schema_version": 1,
        "event": "film",
        "file": file,
        "outcome": str(row.outcome),
        "message": row.trouble,
        "gates_not_passed": row.gates,
        "seconds": round(row.took_s, 3),
        "known": row.is_known,
    }


def suite_json(rows: Sequence[Row], films: int) -> dict[str, Any]:
    """The end of the stream. `films`: how many were asked for; fewer are done where it was stopped."""
    many = {str(outcome): sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    known = sum(row.is_known for row in rows)
    outcome = worst([row.outcome for row in rows]) if len(rows) == films else Outcome.ERROR
    about = {"films": films, "done": len(rows), "known": known, "outcomes": many, "outcome": str(outcome)}
    return {"schema_version": 1, "event": "suite", **about}


def _cut(name: str, width: int) -> str:
    """The end of a long path says more than its beginning."""
    return name if len(name) <= width else "…" + name[-(width - 1) :]
