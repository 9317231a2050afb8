"""Gates and smoke tests as samples of the window; of a gate with a pattern, one for each file that was made."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.adapters.signals.newest_file import Found, newest_file
from mobius.model.sample import WAITING, Sample
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Checks, Clock


class FileGate:
    """A gate that is asked of the newest file that matches, once for each that was made after `since`."""

    def __init__(self, name: str, pattern: str, checks: Checks, clock: Clock, since: float) -> None:
        self._name, self._pattern, self._checks, self._clock = name, pattern, checks, clock
        self._since = since
        self._asked: Found | None = None

    def ask(self) -> Sample | None:
        """The gate's answer; None where the newest file is the one it was asked of already."""
        found = newest_file(self._pattern, self._clock.wait, since=self._since)
        if found is None and self._asked is None:
            missing = f"no file {self._pattern} that was made since the release is live, and is done"
            return Sample(f"gate:{self._name}", 0.0, missing=missing, note=WAITING)
        if found is None or found == self._asked:
            return None
        self._asked = found
        return answer(f"gate:{self._name}", [self._checks.gate(self._name, found.path)])


def answer(signal: str, results: Sequence[CheckResult]) -> Sample:
    """One yes or no of several results: any failure is a no, and without one, any doubt is no answer."""
    one = len(results) == 1 and signal != "smoke"
    failed = [result for result in results if result.outcome is Outcome.FAIL]
    unknown = [result for result in results if result.outcome is not Outcome.PASS]
    if failed:
        said = failed[0].message if one else f"{failed[0].name}: {failed[0].message}"
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return Sample(signal, 0.0, ok=False, note=said + more)
    if unknown or not results:
        said = "nothing to check" if not results else unknown[0].message
        return Sample(signal, 0.0, missing=said if one or not results else f"{unknown[0].name}: {said}")
    return Sample(signal, 0.0, ok=True)
