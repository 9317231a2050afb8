"""The expectation language of health checks and smoke tests: one line that says what an answer must be.

    status == 200            status in 200..299         ms < 200            tls.days > 14
    json.status == "OK"      json.items[0].id > 3       json.version ~ "^v"
    body contains "ready"    header.content-type contains "json"

`parse` finds every mistake before anything is asked; `evaluate` fills in what the answer was.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mobius.rules.expect_grammar import Expectation, Operator, Range, Scanner, Subject

# Characters a regular expression looks at. `.*x` takes the square of it: 0.2 s here, 5 s at four times as many.
LONGEST_SEARCHED = 16_384
_REPEATED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)[*+{]")
LONGEST_SHOWN = 60
NUMBERS: Final = ("status", "ms", "tls.days")


class _Nothing:
    """What is not there; `words` says it."""

    def __init__(self, words: str) -> None:
        self.words = words


NOT_JSON: Final = _Nothing("not JSON")
MISSING: Final = _Nothing("missing")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names in lower case; `tls_days` None where there was no TLS."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    json: object = NOT_JSON
    ms: float = 0.0
    tls_days: float | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation held against one answer; `line` is for a person: `[status == 200] was 503`."""

    ok: bool
    line: str


def parse(expression: str) -> Expectation:
    """Reads one expectation. Raises ConfigurationError with the position and what is allowed there."""
    scanner = Scanner(expression)
    subject = scanner.subject()
    operator = scanner.operator()
    at = scanner.position
    value = scanner.value()
    scanner.end()
    expectation = Expectation(expression.strip(), subject, operator, value)
    wrong = _misfit(expectation)
    if wrong:
        raise scanner.mistake(at, wrong)
    return expectation


def evaluate(expectation: Expectation, answer: Answer) -> Checked:
    """Whether the answer is as expected, and the line that says so with the value filled in. Never raises."""
    found = _look_up(expectation.subject, answer)
    ok = not isinstance(found, _Nothing) and _holds(found, expectation.operator, expectation.value)
    return Checked(ok, f"[{expectation.text}] was {_shown(found)}")


def read_json(body: str) -> object:
    """The answer's body as JSON, or NOT_JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOT_JSON


def _look_up(subject: Subject, answer: Answer) -> Any:
    match subject.kind:
        case "status":
            return answer.status
        case "ms":
            return answer.ms
        case "tls.days":
            return _Nothing("not TLS") if answer.tls_days is None else answer.tls_days
        case "body":
            return answer.body
        case "header":
            return answer.headers.get(str(subject.path[0]), MISSING)
    return look_into(answer.json, subject.path)


def look_into(found: Any, path: Sequence[str | int]) -> Any:
    """What stands at this path of keys and indexes in JSON; NOT_JSON or MISSING where nothing does."""
    for key in path:
        if isinstance(found, _Nothing):
            return found
        if isinstance(key, int) and isinstance(found, list):
            found = found[key] if -len(found) <= key < len(found) else MISSING
        elif isinstance(key, str) and isinstance(found, dict):
            found = found.get(key, MISSING)
        else:
            return MISSING
    return found


def _holds(found: Any, operator: Operator, wanted: Any) -> bool:
    match operator:
        case "==":
            return _same(found, wanted)
        case "!=":
            return not _same(found, wanted)
        case "contains":
            return _contains(found, wanted)
        case "~":
            return isinstance(found, str) and bool(re.search(wanted, found[:LONGEST_SEARCHED]))
        case "in":
            if isinstance(wanted, Range):
                return _is_number(found) and wanted.low <= found <= wanted.high
            return any(_same(found, one) for one in wanted)
    if not _is_number(found):
        return False
    if operator in ("<", "<="):
        return bool(found < wanted or (operator == "<=" and found == wanted))
    return bool(found > wanted or (operator == ">=" and found == wanted))


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted in found
    if isinstance(found, dict):
        return isinstance(wanted, str) and wanted in found
    return isinstance(found, list) and any(_same(one, wanted) for one in found)


def _same(left: Any, right: Any) -> bool:
    """JSON's equality: true is not 1, and 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(found: Any) -> str:
    """One short line: a number as it is, text and JSON as JSON, cut where it gets long."""
    if isinstance(found, _Nothing):
        return found.words
    if type(found) is int:
        return str(found)
    if isinstance(found, float):
        return f"{found:.1f}".removesuffix(".0") if math.isfinite(found) else str(found)
    if isinstance(found, str):
        # Only what can be shown is encoded: the body of an answer may be megabytes.
        found = found[: LONGEST_SHOWN + 1]
    try:
        text = json.dumps(found, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = "too deep to show"
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: LONGEST_SHOWN + 2])
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _misfit(expectation: Expectation) -> str:
    """Why this operator or value makes no sense for this subject; "" when it does."""
    subject, operator, value = expectation.subject.kind, expectation.operator, expectation.value
    if operator == "~":
        return _bad_pattern(value)
    if operator in ("<", "<=", ">", ">="):
        if subject in ("body", "header"):
            return f"{subject} is text: compare it with ==, !=, contains, ~ or in"
        return "" if _is_number(value) else f"{operator} needs a number"
    if operator == "in":
        if isinstance(value, Range) and subject in ("body", "header"):
            return f"{subject} is text: it cannot be in a range of numbers"
        return "" if isinstance(value, Range | tuple) else 'in needs a range (200..299) or a list ["a", "b"]'
    if isinstance(value, Range | tuple):
        return "a range or a list needs the operator in"
    if operator == "contains" and subject in NUMBERS:
        return f"{subject} is a number: it contains nothing"
    if subject in NUMBERS and not _is_number(value):
        return f"{subject} is a number"
    if subject in ("body", "header") and not isinstance(value, str):
        return f'{subject} is text: put the value in quotes, "{value}"'
    return ""


def _bad_pattern(pattern: object) -> str:
    if not isinstance(pattern, str):
        return '~ needs a regular expression in quotes, like "^v[0-9]+"'
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    if _REPEATED_REPEAT.search(pattern):
        return "a repeat inside a repeat, like (a+)+, can take for ever"
    return ""
