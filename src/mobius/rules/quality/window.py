"""What the gates of a window said, as checks of one report: each gate, the smoke tests, and the window itself."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.sample import Sample
from mobius.model.verdict import CheckResult, Outcome

WINDOW = "window"
GATE, SMOKE = "gate:", "smoke"


def checks_of_window(samples: Sequence[Sample], outcome: Outcome, sentence: str) -> tuple[CheckResult, ...]:
    """A gate passes by its last answer; one that never answered is inconclusive. `outcome` and `sentence`: how the
    window ended."""
    answers: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.signal.startswith(GATE) or sample.signal == SMOKE:
            answers.setdefault(sample.signal, []).append(sample)
    found = [_of(signal, own) for signal, own in sorted(answers.items())]
    return (*found, CheckResult(WINDOW, outcome, sentence, 0.0))


def _of(signal: str, samples: Sequence[Sample]) -> CheckResult:
    name = signal.removeprefix(GATE)
    told = [sample for sample in samples if sample.ok is not None]
    if not told:
        return CheckResult(name, Outcome.INCONCLUSIVE, f"it never answered: {samples[-1].missing}", 0.0)
    good, last = sum(bool(sample.ok) for sample in told), told[-1]
    times = f"{good} of {len(told)} passed"
    if last.ok:
        return CheckResult(name, Outcome.PASS, times, 0.0)
    return CheckResult(name, Outcome.FAIL, f"{last.note} ({times})" if last.note else times, 0.0)
