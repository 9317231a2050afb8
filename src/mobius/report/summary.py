"""A run's report in a few lines: for `mobius report` on a terminal, and for the top of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.report.paint import BAD, BOLD, GOOD, WARN, Paint
from mobius.report.told import boot_words
from mobius.report.words import (
    command_lines,
    counted,
    duration,
    milliseconds,
    percent,
    printable,
    size,
    wrapped,
)

MOST_ISSUES = 5
STYLES = {"good": GOOD, "bad": BAD, "unsure": WARN}


def report_text(report: Mapping[str, Any], width: int = 80, *, color: bool = False) -> str:
    """What happened, why, the facts, every step, and what to do next, in at most `width` columns."""
    paint = Paint(color)
    style = STYLES.get(str(report["outcome"]), BOLD)
    lines = [paint(line, style) for line in wrapped(str(report["headline"]), width)]
    if why := _why(report):
        lines += wrapped(why, width)
    lines.append("")
    for name, value in facts(report):
        lines += wrapped(value, width, f"  {name:<15}  ", " " * 19)
    if report["timeline"]:
        lines.append("")
    for row in report["timeline"]:
        lines += _step(row, width, paint)
    for page in report["pages"]:
        lines += [
            "",
            *(paint(line, BAD) for line in wrapped(f"A person was called: {page['sentence']}", width)),
        ]
        lines += [
            line for choice in page["choices"] or () for line in wrapped(str(choice), width, "  ", "    ")
        ]
    told = report["next"]
    lines += ["", *wrapped(f"{told['why']}:", width), *command_lines(str(told["command"]).split(), width)]
    return "\n".join(lines)


def facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The handful of lines under the headline."""
    started, seconds = report.get("started") or {}, report.get("seconds")
    rollback, window = report.get("rollback") or {}, report.get("window") or {}
    found = [
        ("Service", f"{report['service']}, {report['environment']}"),
        (
            "Release",
            f"{report['release']}" + (f", commit {report['commit'][:12]}" if report["commit"] else ""),
        ),
        ("Before", report["release_before"] or "nothing: the first deployment"),
        ("Live after", report["release_after"] or "nothing"),
        ("Lead", report["lead"]),
        ("Began", started.get("iso", "") + (f", took {duration(seconds)}" if seconds is not None else "")),
        ("Failed requests", _lost(report)),
        ("Held", _held(report.get("held") or {})),
        ("Went back", _went_back(rollback)),
        ("Held to go back", _held(rollback.get("held") or {})),
        ("Not live now", _not_live_any_more(rollback.get("lost") or {})),
        ("Window", _window(window, report.get("policy") or {})),
        ("Reported", _issues(window)),
        ("Backup", _backup(report.get("backup") or {})),
        ("Kept", _backup(report.get("emergency_backup") or {})),
        ("Exit code", str(report["exit_code"]) if report["ended"] else ""),
    ]
    return [(name, printable(value)) for name, value in found if value]


def _lost(report: Mapping[str, Any]) -> str:
    failed = report["failed_requests"]
    if failed is None:
        return ""
    return f"{failed:,} because of {counted(len(report['switches']), 'switch', 'switches')}"


def _went_back(rollback: Mapping[str, Any]) -> str:
    if not rollback:
        return ""
    back = rollback.get("traffic_back_s")
    told = f"{rollback['way']} to {rollback['to']}"
    told += f", all traffic back in {duration(float(back))}" if back is not None else ""
    limits = rollback.get("limits") or []
    seconds = rollback.get("seconds")
    if limits and seconds is not None:
        kept = (f"{duration(limit['seconds'])} {'kept' if limit['kept'] else 'NOT KEPT'}" for limit in limits)
        told += f"; done in {duration(float(seconds))} (limits: {', '.join(kept)})"
    return told


def _held(held: Mapping[str, Any]) -> str:
    if not held:
        return ""
    away = held.get("turned_away")
    words = "not known how many turned away" if away is None else f"{away:,} turned away with 503"
    return f"{duration(float(held['seconds']))}: {counted(held['waited'], 'request')} waited, {words}"


def _not_live_any_more(lost: Mapping[str, Any]) -> str:
    if not lost:
        return ""
    counts = ", ".join(
        counted(number, f"{what.partition(' ')[0].removesuffix('s')} {what.partition(' ')[2]}", what)
        for what, number in dict(lost["counts"] or {}).items()
    )
    more = "" if lost["whole"] else " and more"
    told = f"{counts or 'nothing'}{more}; listed in {lost['listed']}"
    return f"{told}; get it back: {lost['get_back']}" if counts and lost.get("get_back") else told


def _window(window: Mapping[str, Any], policy: Mapping[str, Any]) -> str:
    if not window:
        return ""
    parts = [f"policy {policy['name']}"] if policy.get("name") else []
    parts.append(f"{counted(window['checks'], 'check')}, {window['failed_checks']:,} failed")
    if window["requests"]:
        parts.append(f"{counted(window['requests'], 'request')}, {percent(window['errors_pct'])} errors")
    if window["p95_ms"] is not None:
        parts.append(f"p95 {milliseconds(window['p95_ms'])}")
    if window["blind_s"]:
        parts.append(f"not measured for {duration(window['blind_s'])}")
    return "; ".join(parts)


def _issues(window: Mapping[str, Any]) -> str:
    """What users said, the first few of it."""
    issues = window.get("issues") or []
    more = f"; and {len(issues) - MOST_ISSUES:,} more" if len(issues) > MOST_ISSUES else ""
    return "; ".join(str(one["text"]) for one in issues[:MOST_ISSUES]) + more


def _backup(backup: Mapping[str, Any]) -> str:
    if not backup:
        return ""
    parts = [str(backup["name"])] if backup.get("name") else []
    if backup.get("size_bytes"):
        parts.append(size(int(backup["size_bytes"])))
    if rehearsal := backup.get("rehearsal"):
        restored = f"restored as a rehearsal in {duration(float(rehearsal.get('restore_s') or 0))}"
        parts.append(boot_words(restored, rehearsal))
    if copy := backup.get("copy"):
        parts.append(f"copied to {copy['place']}" if copy.get("place") else "NOT COPIED off this machine")
    return ", ".join(parts)


def _why(report: Mapping[str, Any]) -> str:
    verdict = report.get("verdict")
    if verdict and verdict.get("outcome") != "PASS":
        return f"Why: {verdict['sentence']}"
    return "" if report["outcome"] == "good" else str(report["sentence"])


def _step(row: Mapping[str, Any], width: int, paint: Paint) -> list[str]:
    sign = "FAIL" if row["failed"] else "PASS" if row["done"] else "INCONCLUSIVE"
    took = duration(row["seconds"]) if row["seconds"] is not None else str(row["outcome"])
    body = wrapped(f"{row['title']}, {took}", width, "  # ", "    ")
    body[0] = body[0].replace("#", paint.mark(sign), 1)
    return body + [paint(line, BAD) for line in wrapped(row["failed"], width, "      ") if row["failed"]]
