"""Checks that answer from a script, for tests of what stands above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mobius.model.verdict import CheckResult, Outcome


def good(name: str = "health") -> CheckResult:
    """A check that passed."""
    return CheckResult(name, Outcome.PASS, "200 in 1 ms", 1.0)


def bad(name: str = "health", message: str = "[status == 200] was 503") -> CheckResult:
    """A check that failed."""
    return CheckResult(name, Outcome.FAIL, message, 1.0)


def unknown(name: str = "health", message: str = "too many open files here") -> CheckResult:
    """A check that could not be made."""
    return CheckResult(name, Outcome.ERROR, message, 1.0)


@dataclass(slots=True)
class MemoryChecks:
    """Answers each question with the next of its scripted results, and goes on with the last.

    `by_url` answers health of one address (a slot's) apart from the others. `asked` tells what was asked, and
    `files` of which files gates were.
    """

    healths: Sequence[CheckResult] = field(default_factory=lambda: [good()])
    smokes: Sequence[Sequence[CheckResult]] = field(default_factory=lambda: [[good("smoke")]])
    gates: Mapping[str, Sequence[CheckResult]] = field(default_factory=dict)
    by_url: Mapping[str, Sequence[CheckResult]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def health(self, base_url: str) -> CheckResult:
        """The next scripted answer of this address."""
        turn = self._turn("health", base_url, apart=base_url in self.by_url)
        script = self.by_url.get(base_url, self.healths)
        return script[min(turn, len(script) - 1)]

    def health_of_each(self, base_urls: Sequence[str]) -> tuple[CheckResult, ...]:
        """Of each address in turn."""
        return tuple(self.health(url) for url in base_urls)

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        """The next scripted round."""
        return tuple(self.smokes[min(self._turn("smoke", base_url), len(self.smokes) - 1)])

    def gate(self, name: str, file: str = "") -> CheckResult:
        """The next scripted answer of this gate; one that is not scripted passes."""
        script = self.gates.get(name) or [good(name)]
        if file:
            self.files.append(file)
        return script[min(self._turn("gate", name, apart=True), len(script) - 1)]

    def _turn(self, kind: str, what: str, *, apart: bool = False) -> int:
        turn = sum(k == kind and (w == what if apart else w not in self.by_url) for k, w in self.asked)
        self.asked.append((kind, what))
        return turn
