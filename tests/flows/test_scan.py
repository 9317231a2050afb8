"""A scan asks whoever there is, and judges what it is told."""

from __future__ import annotations

from mobius.adapters.scanners.memory import MemoryScanners
from mobius.flows.scan import scan
from mobius.model.scan import Asked, Known, NotKnown, ScanSettings
from mobius.model.verdict import Outcome

FACTS = {
    "service": "dhash",
    "environment": "production",
    "commit": "c" * 40,
    "dirty": False,
    "at": 1_795_305_600.0,
}


def test_each_source_is_judged_by_itself_and_bound_to_the_commit() -> None:
    answers = MemoryScanners(
        [Asked("npm", "a", Known((), 0.0, 3)), Asked("pip", "b", NotKnown("no network"))]
    )
    made = scan(answers, ScanSettings(), **FACTS)  # type: ignore[arg-type]
    assert [each.outcome for each in made.sources] == [Outcome.PASS, Outcome.ERROR]
    assert (made.commit, made.dirty) == ("c" * 40, False)


def test_nobody_to_ask_is_no_pass() -> None:
    made = scan(MemoryScanners(), ScanSettings(), **FACTS)  # type: ignore[arg-type]
    assert [each.outcome for each in made.sources] == [Outcome.ERROR]
