"""What a question was answered with: findings, and the verdict they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The four answers; only PASS is a yes, and doubt is never one."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"  # not enough data
    ERROR = "ERROR"  # could not measure


class Severity(StrEnum):
    """How much one finding weighs: only FAIL and ERROR stop a deployment."""

    INFO = "INFO"
    WARNING = "WARNING"
    FAIL = "FAIL"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found by one check. `advice` is the next step, empty where there is nothing to do."""

    check: str
    severity: Severity
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, the one sentence that explains it, and the rule that decided (empty for a pass)."""

    outcome: Outcome
    sentence: str
    rule: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is yes."""
        return self.outcome is Outcome.PASS


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check that was made: what it found, how long it took, and the line a person reads."""

    name: str
    outcome: Outcome
    message: str
    duration_ms: float
    advice: str = ""
    output: str = ""
    group: str = ""


def worst(outcomes: list[Outcome]) -> Outcome:
    """FAIL before ERROR before INCONCLUSIVE before PASS; nothing measured at all is INCONCLUSIVE."""
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASS if outcomes else Outcome.INCONCLUSIVE
