"""The page for whoever reviews a candidate's migrations: the verdict, and everything it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.report.migrating_picture import timeline, way_bars
from mobius.report.migrating_table import FELT_S, difference_lines
from mobius.report.migrating_text import next_of
from mobius.report.migrating_words import (
    boot_words,
    down_words,
    lock_words,
    not_tried,
    queue_words,
    source_words,
    taken_words,
    way_words,
)
from mobius.report.page import page_template
from mobius.report.ways import losing
from mobius.report.words import duration

MOST_SCHEMA_LINES = 400


EMPTY: Mapping[str, Any] = {
    "backup": "",
    "database": "",
    "version": "",
    "fast": False,
    "restore_s": 0.0,
    "rto_s": 0.0,
    "warnings": (),
    "rows": (),
    "broken_checks": (),
}  # what a rehearsal of another version may not have written down
STATEMENT: Mapping[str, Any] = {"text": "", "error": "", "wal_bytes": 0} | dict.fromkeys(
    ("seconds", "read_blocked_s", "write_blocked_s"), 0.0
)


def migration_html(report: Mapping[str, Any]) -> str:
    """The whole page, which needs nothing else. Everything in it is text that others may have written, and escaped."""
    facts = report["rehearsal"]
    return page_template("migrations").render(
        report=report,
        facts={**EMPTY, **facts} if facts is not None else None,
        verdict=_verdict(report),
        outcome=_outcome(report),
        next=next_of(report),
        picture=timeline(facts) if facts else None,
        bars=way_bars(report["ways"], report["rollback_within_s"], [_way(way) for way in report["ways"]]),
        target=duration(report["rollback_within_s"]) if report["rollback_within_s"] else "",
        boots=_boots(report),
        down=down_words(report),
        source=source_words(report["source"]),
        statements=[_statement(each) for each in facts.get("statements") or ()] if facts else [],
        schema=difference_lines(facts)[:MOST_SCHEMA_LINES],
        waited=_waited,
        taken=taken_words,
        reversible=[_reversible(report, migration) for migration in report["migrations"]],
        lint={each["file"]: each for each in report["files"]},
    )


def _verdict(report: Mapping[str, Any]) -> str:
    facts = report["rehearsal"]
    if facts is not None:
        words = way_words(facts)
        return f"{words[:1].upper()}{words[1:]}."
    if not report["migrations"]:
        return "No migration is pending." if not report["doubts"] else "It is not known what is pending."
    return "Not rehearsed: what follows is read from the text."


def _outcome(report: Mapping[str, Any]) -> str:
    """The colour of the verdict: good, bad or unsure."""
    facts = report["rehearsal"]
    if facts and facts.get("stops"):
        return "bad"
    if report["risk"] == "HIGH":
        return "bad" if facts is None else "unsure"
    proven = not report["migrations"] or (facts and not facts.get("not_tried") and not not_tried(report))
    return "good" if proven and not report["doubts"] else "unsure"


def _way(way: Mapping[str, Any]) -> str:
    parts = [losing(way["loses"]) if way["state"] != "closed" else "", way["why"]]
    return "; ".join(part for part in parts if part)


def _boots(report: Mapping[str, Any]) -> list[tuple[str, str, str, list[str]]]:
    """(name, colour, words, end of its log) of each release on the migrated copy."""
    facts = report["rehearsal"]
    if facts is None:
        return []
    names = [("old", f"{report['live']}, live now"), ("new", report["release"])]
    found: list[tuple[str, str, str, list[str]]] = []
    for key, name in names if report["live"] else names[1:]:
        boot = facts.get(key) or {}
        colour = "good" if boot.get("works") else "bad" if boot.get("tried") else "unsure"
        found.append((name, colour, boot_words(boot), [str(line) for line in boot.get("log") or ()]))
    queue = queue_words(facts.get("queue_blocked_s"), bool(facts.get("gives_way")))
    return [*found, *([("lock queue", "unsure", queue, [])] if queue else [])]


def _statement(each: Mapping[str, Any]) -> dict[str, Any]:
    locks = [f"{lock_words(str(mode))}: {relation}" for relation, mode in each.get("locks") or ()]
    return {
        **STATEMENT,
        **each,
        "locked": "; ".join(locks),
        "rewritten": ", ".join(map(str, each.get("rewrites") or ())),
    }


def _waited(seconds: float | None) -> str:
    """ "" for what nobody feels; below a tenth of a second it is told, and not marked."""
    value = float(seconds or 0)
    return duration(value) if value >= FELT_S / 10 else "nobody"


def _reversible(report: Mapping[str, Any], migration: Mapping[str, Any]) -> str:
    """The ways back that are open after this migration."""
    if report["rehearsal"] is None:
        return "not rehearsed"
    opened = [str(way["way"]) for way in report["ways"] if way["state"] == "open"]
    return ", ".join(way for way in opened if way != "down" or migration["has_down"]) or "nothing"
