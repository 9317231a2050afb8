"""Results of checks as JUnit XML, as CI servers and the archive in `logs/quality/` read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from mobius.model.verdict import CheckResult, Outcome

# What XML 1.0 cannot hold in any form: most control characters, lone surrogates, and two non-characters.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(
    suite: str, results: Sequence[CheckResult], at: float, *, properties: Mapping[str, str] | None = None
) -> str:
    """One suite that ended at `at` (unix seconds): a failed check is a failure, one that could not be made an
    error, one without enough data is skipped with its reason."""
    count = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    seconds = sum(result.duration_ms for result in results) / 1000
    began = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    numbers = (
        f'tests="{len(results)}" failures="{count[Outcome.FAIL]}" errors="{count[Outcome.ERROR]}" '
        f'skipped="{count[Outcome.INCONCLUSIVE]}" time="{seconds:.3f}"'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {numbers}>",
        f'  <testsuite name={_attribute(suite)} {numbers} timestamp="{began}">',
        *_properties(properties or {}),
        *(line for result in results for line in _case(suite, result)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _properties(properties: Mapping[str, str]) -> list[str]:
    if not properties:
        return []
    each = (
        f"      <property name={_attribute(name)} value={_attribute(value)}/>"
        for name, value in sorted(properties.items())
    )
    return ["    <properties>", *each, "    </properties>"]


def _case(suite: str, result: CheckResult) -> list[str]:
    group = f"{suite}.{result.group}" if result.group else suite
    name = f"name={_attribute(result.name)} classname={_attribute(group)}"
    opened = f'    <testcase {name} time="{result.duration_ms / 1000:.3f}"'
    inside = _said(result)
    if result.output:
        inside.append(f"      <system-out>{_text(result.output)}</system-out>")
    return [f"{opened}>", *inside, "    </testcase>"] if inside else [f"{opened}/>"]


def _said(result: CheckResult) -> list[str]:
    message = _attribute(result.message)
    match result.outcome:
        case Outcome.PASS:
            return []
        case Outcome.INCONCLUSIVE:
            return [f"      <skipped message={message}/>"]
        case Outcome.FAIL:
            tag, kind = "failure", "failed"
        case Outcome.ERROR:
            tag, kind = "error", "could not measure"
    more = "\n".join(part for part in (result.message, result.advice) if part)
    return [f'      <{tag} message={message} type="{kind}">{_text(more)}</{tag}>']


def _attribute(value: str) -> str:
    return quoteattr(
        _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    )


def _text(value: str) -> str:
    return escape(_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", value), {"\r": "&#13;"})
