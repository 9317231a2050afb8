"""The sentences for migrations that were rehearsed: what the journal, a terminal and a page say alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.report.ways import losing
from mobius.report.words import counted, duration

LOCKS = {
    "AccessShareLock": "reads it",
    "RowShareLock": "locks rows",
    "RowExclusiveLock": "changes rows",
    "ShareUpdateExclusiveLock": "stops nobody",
    "ShareLock": "stops writers",
    "ShareRowExclusiveLock": "stops writers",
    "ExclusiveLock": "stops writers",
    "AccessExclusiveLock": "stops everybody",
}
MOST_REFUSED = 5


def rehearsed_words(backup: str, facts: Mapping[str, Any]) -> str:
    """ "2 migrations in 4.1 s on x.zip: the way back is code alone, in 1.2 s, nothing lost; impact MEDIUM" """
    count = len(facts.get("migrations") or ())
    ran = f"{counted(count, 'migration')} in {duration(float(facts.get('migrate_s') or 0))} on {backup}"
    return f"{ran}: {way_words(facts)}; impact {facts.get('impact') or 'not known'}"


def way_words(facts: Mapping[str, Any]) -> str:
    """The first way back that is open, in how long, and what it loses; or that none is, that it must not run, or that
    nothing of it could be tried."""
    if stops := facts.get("stops"):
        return f"must not run: {stops[0]}"
    if facts.get("not_tried"):
        return f"NOT PROVEN, the migrations could not be tried: {facts['not_tried']}"
    first = next((way for way in facts.get("ways") or () if way.get("is_open")), None)
    if first is None:
        return "no way back is open"
    seconds = float(first.get("seconds") or 0)
    took = f", in {duration(seconds)}" if seconds else ""
    return f"the way back is {first['way']}{took}, {losing(str(first.get('loses') or ''))}"


def boot_words(boot: Mapping[str, Any]) -> str:
    """Whether a release works on the migrated copy: "works, started and smoke-tested in 1.2 s", "FAILS: …" with what
    its database refused, "NOT PROVEN: …"."""
    if not boot.get("tried"):
        return f"NOT PROVEN: {boot.get('why') or 'it was not started'}"
    if boot.get("works"):
        return f"works, started and smoke-tested in {duration(float(boot.get('seconds') or 0))}"
    refused = [
        ": ".join(filter(None, (each.get("query"), each.get("error")))) for each in boot.get("broken") or ()
    ]
    refused = refused or ([str(boot["query"])] if boot.get("query") else [])
    told = "; ".join(refused[:MOST_REFUSED])
    more = f"; and {len(refused) - MOST_REFUSED} more" if len(refused) > MOST_REFUSED else ""
    why = boot.get("why") or "no reason is known"
    return f"FAILS: {why}. Its database refused: {told}{more}" if told else f"FAILS: {why}"


def down_words(report: Mapping[str, Any]) -> str:
    """What the way down gave back; or that it was not tried, or that there is none."""
    if down := (report["rehearsal"] or {}).get("down"):
        return str(down)
    without = [str(each["name"]) for each in report["migrations"] if not each["has_down"]]
    return f"none for {', '.join(without)}" if without else "not tried"


def lock_words(mode: str) -> str:
    """A lock of PostgreSQL as what others feel of it; what SQLite locks says it already."""
    return LOCKS.get(mode, f"stops {mode}" if mode in ("writers", "readers and writers") else mode)


def queue_words(waited_s: float | None, gives_way: bool) -> str:
    """What a reader behind it waits while the migration waits for an open query; "" where it was not tried."""
    if waited_s is None:
        return ""
    if waited_s < 0.01:
        return "behind an open query nobody waits"
    until = "at most, then it gives way" if gives_way else "and more"
    return f"behind an open query, readers wait {duration(waited_s)} {until}"


def not_tried(report: Mapping[str, Any]) -> list[str]:
    """Which releases were not started on the migrated copy: "old", "new". Where nothing is live there is no old one."""
    facts = report["rehearsal"] or {}
    names = ("old", "new") if report["live"] else ("new",)
    return [name for name in names if not (facts.get(name) or {}).get("tried")]


def taken_words(taken: Mapping[str, str]) -> str:
    """ "no longer HIGH", "LOW instead of HIGH" """
    return (
        f"{taken['becomes']} instead of {taken['impact']}"
        if taken["becomes"]
        else f"no longer {taken['impact']}"
    )


def source_words(source: Mapping[str, str]) -> str:
    """ "numbered in migrations, on data/app.db" """
    where = "the release" if source["path"] == "." else source["path"]
    return f"{source['layout']} in {where}, on {source['database'] or source['dialect']}"
