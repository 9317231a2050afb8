"""A scan for known vulnerabilities as JSON, text, checks and SARIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mobius.model.scan import Judged, Level, Scan, Vulnerability, Waiver
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.report.sarif import sarif_of, sarif_result, sarif_run
from mobius.report.words import counted, duration, iso, printable, wrapped

WORDS = {
    Outcome.PASS: "ok",
    Outcome.FAIL: "FAILED",
    Outcome.ERROR: "unknown",
    Outcome.INCONCLUSIVE: "unknown",
}
LEVELS = {Level.LOW: "note", Level.MODERATE: "warning"}
MOST_SHOWN = 20


def scan_outcome(scan: Scan) -> Outcome:
    """The worst of its sources."""
    return worst([each.outcome for each in scan.sources])


def scan_checks(scan: Scan) -> tuple[CheckResult, ...]:
    """One check a source."""
    return tuple(
        CheckResult(
            each.source, each.outcome, _with_age(each), each.seconds * 1000, each.advice, group=each.of
        )
        for each in scan.sources
    )


def scan_json(scan: Scan) -> dict[str, Any]:
    """`scan.json`: everything, `schema_version` 1. `outcome` of a source whose unknown is waived is PASS, and `known`
    is false."""
    return {
        "schema_version": 1,
        "kind": "scan",
        "service": scan.service,
        "environment": scan.environment,
        "commit": scan.commit,
        "dirty": scan.dirty,
        "at": scan.at,
        "at_iso": iso(scan.at),
        "outcome": str(scan_outcome(scan)),
        "sources": [_source(each) for each in scan.sources],
        "remarks": list(scan.remarks),
    }


def scan_text(scan: Scan, width: int = 80) -> str:
    """A line a source, what refuses below it, and a line that sums up."""
    lines: list[str] = []
    for each in scan.sources:
        name = f"{each.source} {each.of}".rstrip()
        sign = "waived" if each.waived else WORDS[each.outcome]
        lines += wrapped(f"{name}: {printable(_with_age(each))}", width, f"  {sign:<8} ", " " * 11)
        for one in each.refused[:MOST_SHOWN]:
            told = f"{one.level.name.lower()} {one.id} {_of(one)}: {one.title}"
            lines += wrapped(printable(told), width, " " * 11, " " * 13)
        if len(each.refused) > MOST_SHOWN:
            lines.append(" " * 11 + f"and {len(each.refused) - MOST_SHOWN} more: scan.json has all of them")
        if each.advice:
            lines += wrapped(each.advice, width, " " * 11, " " * 13)
    for remark in scan.remarks:
        lines += wrapped(printable(remark), width, "  note     ", " " * 11)
    return "\n".join([*lines, "", summary(scan)])


def summary(scan: Scan) -> str:
    """ "2 of 3 sources refuse nothing, 1 is unknown"."""
    good = sum(each.outcome is Outcome.PASS and each.waived is None for each in scan.sources)
    parts = [f"{good} of {counted(len(scan.sources), 'source')} found nothing that refuses"]
    bad = sum(each.outcome is Outcome.FAIL for each in scan.sources)
    unknown = sum(each.outcome not in (Outcome.FAIL, Outcome.PASS) for each in scan.sources)
    waived = sum(each.waived is not None for each in scan.sources)
    parts += [f"{bad} refuse{'s' if bad == 1 else ''}"] if bad else []
    parts += [f"{unknown} unknown"] if unknown else []
    parts += [f"{waived} unknown, and waived"] if waived else []
    return ", ".join(parts)


def scan_sarif(scan: Scan) -> dict[str, Any]:
    """A run a source. One that gave no answer says that it did not end well; what somebody accepted is suppressed."""
    return sarif_of(scan_runs(scan))


def scan_runs(scan: Scan) -> list[dict[str, Any]]:
    """Its runs, to be put beside others."""
    return [
        sarif_run(
            f"mobius scan: {each.source}",
            list(_results(each)),
            version=each.tool,
            ended=iso(scan.at),
            complete=each.outcome in (Outcome.PASS, Outcome.FAIL) and each.waived is None,
            commit=scan.commit,
        )
        for each in scan.sources
    ]


def _results(each: Judged) -> Iterator[dict[str, Any]]:
    for one in (*each.refused, *each.below):
        yield _result(one, each)
    for one, waiver in each.accepted:
        yield _result(one, each, f"{waiver.name}, until {waiver.until}: {waiver.reason}")
    if each.outcome is Outcome.ERROR:
        yield sarif_result("not-known", "error", each.message, file=each.of.partition(",")[0])


def _result(one: Vulnerability, each: Judged, accepted: str = "") -> dict[str, Any]:
    told = f"{one.id} in {_of(one)}: {one.title}" + (f". Fixed in {one.fixed_in}" if one.fixed_in else "")
    level, file = LEVELS.get(one.level, "error"), one.place or each.of.partition(",")[0]
    facts = {"level": one.level.name.lower(), "aliases": list(one.aliases)}
    return sarif_result(one.id, level, told, file=file, line=one.line, suppressed=accepted, properties=facts)


def _of(one: Vulnerability) -> str:
    return f"{one.package} {one.version}".rstrip()


def _with_age(each: Judged) -> str:
    age = each.data_age_s
    return each.message if not age or age < 60 else f"{each.message} (data {duration(age)} old)"


def _source(each: Judged) -> dict[str, Any]:
    return {
        "name": each.source,
        "of": each.of,
        "outcome": str(each.outcome),
        "known": each.data_age_s is not None and each.waived is None,
        "message": each.message,
        "advice": each.advice,
        "tool": each.tool,
        "seconds": round(each.seconds, 3),
        "data_age_s": None if each.data_age_s is None else round(each.data_age_s, 1),
        "looked_at": each.looked_at,
        "findings": [_finding(one) for one in each.refused],
        "accepted": [_finding(one) | {"waiver": _waiver(waiver)} for one, waiver in each.accepted],
        "below_the_limit": [_finding(one) for one in each.below],
        "waived": _waiver(each.waived) if each.waived else None,
    }


def _finding(one: Vulnerability) -> dict[str, Any]:
    return {
        "id": one.id,
        "aliases": list(one.aliases),
        "package": one.package,
        "version": one.version,
        "level": one.level.name.lower(),
        "title": one.title,
        "fixed_in": one.fixed_in,
        "file": one.place,
        "line": one.line,
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return {"of": waiver.of, "name": waiver.name, "reason": waiver.reason, "until": str(waiver.until)}
