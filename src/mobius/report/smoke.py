"""Results of smoke tests as text: for the terminal, and for `postdeploy-smoketests.log`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mobius.model.verdict import CheckResult, Outcome

LONGEST_NAME = 28
OUTPUT_LINES = 5
WORDS = {
    Outcome.PASS: "ok",
    Outcome.FAIL: "FAILED",
    Outcome.ERROR: "unknown",
    Outcome.INCONCLUSIVE: "unsure",
}


def smoke_text(results: Sequence[CheckResult], *, width: int = 80) -> str:
    """One line a test, with its reason, next step and the end of its output below where it did not pass; the
    last line is the summary. No line is longer than `width` (at least 40)."""
    width = max(width, 40)
    names = max((len(_plain(result.name)) for result in results), default=0)
    names = min(names, LONGEST_NAME, width // 3)
    lines = [line for result in results for line in _one(result, names, width)]
    return "\n".join([*lines, *([""] if lines else []), smoke_summary(results)]) + "\n"


def smoke_summary(results: Sequence[CheckResult]) -> str:
    """The last line: "3 of 5 passed, 1 FAILED, 1 unknown, in 1.2 s"."""
    if not results:
        return "no smoke tests were made"
    passed = sum(result.outcome is Outcome.PASS for result in results)
    parts = [f"{passed} of {len(results)} passed"]
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE):
        count = sum(result.outcome is outcome for result in results)
        parts += [f"{count} {WORDS[outcome]}"] if count else []
    slowest = max(results, key=lambda result: result.duration_ms)
    return f"{', '.join(parts)}; slowest: {_cut(slowest.name, LONGEST_NAME)}, {_time(slowest.duration_ms)}"


def _one(result: CheckResult, names: int, width: int) -> list[str]:
    head = f"{WORDS[result.outcome]:<7}  {_cut(result.name, names):<{names}}  {_time(result.duration_ms):>8}"
    message = _plain(result.message)
    if result.outcome is Outcome.PASS:
        return [_cut(f"{head}  {message}", width).rstrip()]
    below = _wrapped(message, width)
    if result.advice:
        below += _wrapped(_plain(result.advice), width)
    output = result.output.splitlines()[-OUTPUT_LINES:]
    below += [_cut(f"         | {_plain(line)}", width) for line in output]
    return [head.rstrip(), *below]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=" " * 9, subsequent_indent=" " * 9)


def _time(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:,.0f} s"


def _cut(text: str, width: int) -> str:
    text = _plain(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _plain(text: str) -> str:
    """One line without anything a terminal could act on."""
    return "".join(c if c.isprintable() else " " for c in text)
