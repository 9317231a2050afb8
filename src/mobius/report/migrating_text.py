"""A candidate's migrations for a person at a terminal: the verdict first, then why, then what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.report.migrating import REHEARSAL
from mobius.report.migrating_table import row_lines, schema_lines, statement_lines
from mobius.report.migrating_words import (
    boot_words,
    down_words,
    not_tried,
    queue_words,
    source_words,
    taken_words,
    way_words,
)
from mobius.report.paint import BAD, BOLD, DIM, GOOD, WARN, Paint
from mobius.report.ways import losing
from mobius.report.words import counted, duration, printable, wrapped

Report = Mapping[str, Any]
STYLES = {"HIGH": BAD, "MEDIUM": WARN, "LOW": GOOD}
STATES = {"open": GOOD, "closed": BAD, "not proven": WARN}
MOST_REASONS = 25
MOST_LOG_LINES = 6
NO_RELEASE = "the backup holds no release"


def migration_text(report: Report, width: int = 80, *, color: bool = False, whole: bool = False) -> str:
    """In at most `width` columns (but for words that cannot be broken). What weighs LOW is only counted where something
    else weighs more, unless the `whole` is wanted."""
    paint, facts = Paint(color), report["rehearsal"]
    blocks = [_headline(report, width, paint), _pending(report, width, paint), _ways(report, width, paint)]
    blocks.append(_why(report, width, paint, whole=whole))
    if facts is not None and report["kind"] == REHEARSAL:
        blocks.append(_titled("Statements", statement_lines(facts, width, paint), paint))
        blocks.append(_titled("Rows", row_lines(facts, width, paint), paint))
        blocks.append(_titled("Schema", schema_lines(facts, width, paint), paint))
    if facts is not None:
        blocks.append(_titled("On the copy", _on_the_copy(report, facts, width), paint))
    blocks.append(_taken_back(report, width, paint))
    blocks.append([line for remark in report["remarks"] for line in wrapped(remark, width, "note: ")])
    return "\n\n".join("\n".join(block) for block in blocks if block)


def next_of(report: Report) -> tuple[str, str]:
    """The next thing to do: (why, the command)."""
    env, tag, facts = report["environment"], report["tag"], report["rehearsal"]
    again = f"-e {env} --tag {tag}"
    if facts and facts.get("stops"):
        return "mend that, then rehearse again", f"mobius migrate rehearse {again}"
    if report["doubts"]:
        return "mend that, then look again", f"mobius migrate plan {again}"
    to_prove = report["migrations"] and (report["live"] or report["restore"])
    if to_prove and report["kind"] == REHEARSAL and not_tried(report):
        if NO_RELEASE in str(((facts or {}).get("old") or {}).get("why")):
            return "prove it on a backup of what is live", f"mobius migrate rehearse {again} --fresh"
        return "what the deployment would do, and what is not proven", f"mobius plan {again}"
    if to_prove and (facts is None or not_tried(report)):
        return "prove it on the newest backup", f"mobius migrate rehearse {again}"
    return "what the deployment would do", f"mobius plan {again}"


def _headline(report: Report, width: int, paint: Paint) -> list[str]:
    facts, count = report["rehearsal"], len(report["migrations"])
    where = f"{report['tag']} for {report['environment']}"
    lines: list[str] = []
    if report["kind"] == REHEARSAL and facts is not None:
        verdict = way_words(facts)
        style = BAD if facts.get("stops") else WARN if not_tried(report) else GOOD
        lines += [paint(line, style) for line in wrapped(verdict[:1].upper() + verdict[1:], width)]
    risk = f"risk {report['risk']}" if count or report["config"] or report["doubts"] else "nothing to fear"
    first = f"No migration pending in {where}; {risk}"
    if count:
        first = f"{counted(count, 'migration')} of {where}: {risk}"
    elif report["doubts"]:
        first = f"It is not known what is pending in {where}: {risk}"
    lines += [paint(line, STYLES[report["risk"]] if lines else BOLD) for line in wrapped(first, width)]
    against = f"{report['live']} is live" if report["live"] else "nothing is live yet"
    source = report["source"]
    told = [("release", f"{report['release']}; {against}")]
    if source["layout"]:
        told.append(("source", source_words(source)))
    if facts is not None:
        told.append(("rehearsed", _rehearsed(report, facts)))
    if report["expected_s"] is not None:
        told.append(("expected", f"{duration(report['expected_s'])}, as in the rehearsal"))
    return lines + [
        line for name, value in told for line in wrapped(value, width, f"  {name:<10} ", " " * 13)
    ]


def _rehearsed(report: Report, facts: Mapping[str, Any]) -> str:
    restored = f"restored in {duration(float(facts.get('restore_s') or 0))}"
    server = f"{facts.get('database') or ''} {facts.get('version') or ''}".strip()
    at = report["rehearsed"]["iso"].replace("T", " ").removesuffix("Z")
    how = f"impact {facts.get('impact') or 'not known'}{', --fast' if facts.get('fast') else ''}"
    return f"{at} UTC on {facts.get('backup')}, {restored}, {server}: {how}"


def _pending(report: Report, width: int, paint: Paint) -> list[str]:
    lines = [paint("Pending, in this order", BOLD)] if report["migrations"] else []
    for number, each in enumerate(report["migrations"], 1):
        down = "has a way down" if each["has_down"] else "no way down"
        how = "run by its own program" if each["opaque"] else f"impact by its text {each['impact']}"
        lines += wrapped(f"{each['name']}: {how}, {down}", width, f"  {number:>2}  ", " " * 6)
    return lines


def _ways(report: Report, width: int, paint: Paint) -> list[str]:
    lines = [paint("Ways back", BOLD)] if report["ways"] else []
    for way in report["ways"]:
        takes = duration(way["seconds"]) if way["seconds"] else ""
        parts = [way["state"], takes, losing(way["loses"]) if way["state"] != "closed" else "", way["why"]]
        body = wrapped("; ".join(part for part in parts if part), width, f"  {way['way']:<10}  ", " " * 14)
        body[0] = body[0].replace(way["state"], paint(way["state"], STATES.get(way["state"], WARN)), 1)
        lines += body
    return lines


def _why(report: Report, width: int, paint: Paint, *, whole: bool) -> list[str]:
    known: Sequence[Mapping[str, str]] = report["reasons"]
    heavy = [each for each in known if each["impact"] != "LOW"]
    reasons = heavy if heavy and not whole else known
    lines = [paint("Why", BOLD)] if reasons else []
    for each in reasons[:MOST_REASONS]:
        text = f"{each['where']}: {each['text']}" if each["where"] else each["text"]
        body = wrapped(text, width, f"  {each['impact']:<6}  ", " " * 10)
        body[0] = body[0].replace(each["impact"], paint(each["impact"], STYLES[each["impact"]]), 1)
        lines += body
        lines += [paint(line, DIM) for line in wrapped(each["advice"], width, " " * 10) if each["advice"]]
    if len(known) > len(reasons[:MOST_REASONS]):
        lines.append(
            f"  … and {len(known) - len(reasons[:MOST_REASONS])} more: migrate-dryrun.log, or --html FILE"
        )
    return lines


def _on_the_copy(report: Report, facts: Mapping[str, Any], width: int) -> list[str]:
    told = [
        *(_booted(report["live"], facts.get("old") or {}) if report["live"] else ()),
        *_booted(report["release"], facts.get("new") or {}),
        ("way down", down_words(report)),
        ("queue", queue_words(facts.get("queue_blocked_s"), bool(facts.get("gives_way")))),
        ("restore", duration(float(facts.get("restore_s") or 0))),
        ("checks", "; ".join(map(str, facts.get("broken_checks") or ())) or "integrity and references hold"),
        *(("warning", str(warning)) for warning in facts.get("warnings") or ()),
    ]
    named = [(printable(name), value) for name, value in told if value]
    margin = min(max(len(name) for name, _ in named), max(10, width // 3))
    return [
        line
        for name, value in named
        for line in wrapped(value, width, f"  {name:<{margin}}  ", " " * (margin + 4))
    ]


def _booted(name: str, boot: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it went; the end of what it said, where it does not work."""
    log = [str(line) for line in boot.get("log") or () if str(line).strip()]
    return [(name, boot_words(boot)), *((" ", line) for line in log[-MOST_LOG_LINES:])]


def _taken_back(report: Report, width: int, paint: Paint) -> list[str]:
    lines = [paint("Taken back by the facts", BOLD)] if report["taken_back"] else []
    for each in report["taken_back"]:
        text = (
            f"{each['hazard']} at {each['file']} line {each['line']}, {taken_words(each)}: {each['because']}"
        )
        lines += [paint(line, DIM) for line in wrapped(text, width, "  ", "    ")]
    return lines


def _titled(title: str, lines: list[str], paint: Paint) -> list[str]:
    return [paint(title, BOLD), *lines] if lines else []
