"""Smoke tests of a slot or of the live address, with their record in the artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.errors import GateUnknown, MobiusError
from mobius.flows.record import Record
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.report.junit import junit
from mobius.report.smoke import smoke_text

AGAIN_AFTER_S = 1.0
LOG, JUNIT = "postdeploy-smoketests.log", "postdeploy-smoketests.xml"


def smoke_tests(slot: str, record: Record, *, advisory: bool) -> Mapping[str, Any]:
    """Runs every smoke test. Raises `MobiusError` when one failed or could not be made, unless advisory."""
    ports = record.ports
    url = ports.target.slot_url(slot) if slot else ports.settings.url
    results = ports.checks.smoke(url)
    if not slot and any(result.outcome is not Outcome.PASS for result in results):
        # The front door may have been killed under them, and is back in a moment; a broken release stays broken.
        record.say("smoke", "not all passed; once more in a second", {"results": [], "when": "live"})
        ports.clock.wait(AGAIN_AFTER_S)
        results = ports.checks.smoke(url)
    answers = [
        {
            "name": r.name,
            "outcome": str(r.outcome),
            "message": r.message,
            "duration_ms": round(r.duration_ms, 1),
        }
        for r in results
    ]
    bad = [result for result in results if result.outcome is not Outcome.PASS]
    told = f"{len(results) - len(bad)} of {len(results)} passed"
    record.say("smoke", told, {"results": answers, "when": "before traffic" if slot else "live"})
    if not slot:
        _keep(results, record, told)
    if bad and not advisory:
        raise _broken(slot, bad)
    if bad:
        record.say(
            "page", f"smoke tests after the rollback: {told}", {"sentence": _words(bad)[0]}, topic="alert"
        )
    return {"passed": len(results) - len(bad), "of": len(results)}


def _keep(results: Sequence[CheckResult], record: Record, told: str) -> None:
    """The two files. The journal has the results already: a full disk here takes nothing back, and stops nothing."""
    ports = record.ports
    try:
        ports.artifact(LOG, smoke_text(results))
        ports.artifact(JUNIT, junit("smoke tests", results, at=ports.clock.now()))
    except (OSError, MobiusError) as problem:
        record.log(f"smoke tests: {told}, but {LOG} and {JUNIT} could not be written: {problem}")


def _broken(slot: str, bad: list[CheckResult]) -> MobiusError:
    where = f"in {slot}, before traffic" if slot else "on the live address"
    known = worst([result.outcome for result in bad]) is Outcome.FAIL
    error = MobiusError if known else GateUnknown
    return error(f"{len(bad)} smoke test(s) not passed {where}", bad[0].advice, details=_words(bad))


def _words(bad: list[CheckResult]) -> tuple[str, ...]:
    return tuple(f"{result.name}: {result.outcome} {result.message}" for result in bad)
