"""The risk of migrations and configuration, and the ways back before and after a rehearsal."""

from __future__ import annotations

from dataclasses import replace

from mobius.model.linting import Impact
from mobius.model.migrating import MigrationLook
from mobius.rules.migrating import weigh
from report.migrations_told import FACTS, LOOK, NICK, ORDERS, looked_at, rehearsed


def ways(look: MigrationLook) -> list[tuple[str, str, float]]:
    return [(way.way, way.state, way.seconds) for way in weigh(look).ways]


def test_the_risk_is_the_worst_reason_and_they_come_worst_first() -> None:
    weighed = weigh(looked_at())
    assert weighed.impact is Impact.HIGH
    impacts = [reason.impact for reason in weighed.reasons]
    assert impacts == sorted(impacts, reverse=True) and impacts[-1] is Impact.LOW
    first = weighed.reasons[0]
    assert (first.where, first.text) == (
        "migrations/002_orders.sql line 1",
        "nobody can write to orders while its index is built",
    )
    assert first.advice.startswith("instead: CREATE INDEX CONCURRENTLY orders_user")


def test_nothing_pending_and_nothing_changed_is_low() -> None:
    weighed = weigh(replace(LOOK, pending=()))
    assert (weighed.impact, weighed.reasons) == (Impact.LOW, ())
    assert [way.state for way in weighed.ways] == ["open", "open"]


def test_where_nobody_knows_what_is_pending_code_alone_is_not_proven() -> None:
    look = replace(LOOK, pending=(), doubts=(("the database does not answer", "is it up?"),))
    assert [way.state for way in weigh(look).ways] == ["not proven", "open"]
    assert weigh(look).ways[0].why == "it is not known what is pending"


def test_before_a_rehearsal_only_restoring_can_be_proven() -> None:
    look = looked_at()
    assert ways(look) == [
        ("code alone", "not proven", 0.0),
        ("down", "closed", 0.0),
        ("restore", "open", 3.2),
    ]
    code_alone, down, _ = weigh(look).ways
    assert "in doubt: migrations/003_nick.sql line 1: drops users.email" in code_alone.why
    assert down.why == "003_nick has no way down"


def test_a_way_down_that_nobody_tried_is_not_proven() -> None:
    down = weigh(replace(LOOK, pending=(ORDERS,))).ways[1]
    assert (down.state, down.why) == (
        "not proven",
        "not rehearsed: every migration has a way down, and none was tried",
    )


def test_without_a_backup_restoring_is_closed_and_one_that_was_never_restored_proves_nothing() -> None:
    assert weigh(replace(LOOK, restore=None)).ways[2].state == "closed"
    assert LOOK.restore is not None
    unproven = replace(LOOK, restore=replace(LOOK.restore, proven_at=0.0))
    assert ways(unproven)[2] == ("restore", "not proven", 0.0)


def test_where_nothing_is_live_there_is_nothing_to_go_back_to() -> None:
    assert weigh(replace(LOOK, live_id="")).ways == ()


def test_after_a_rehearsal_the_ways_are_what_it_measured() -> None:
    assert ways(rehearsed()) == [
        ("code alone", "open", 1.2),
        ("down", "closed", 0.3),
        ("restore", "open", 2.4),
    ]
    alone = {
        "way": "code alone",
        "is_open": False,
        "seconds": 0.0,
        "loses": "",
        "why": "not proven: no bubblewrap",
        "tried": False,
    }
    found = weigh(rehearsed({"ways": [alone]})).ways[0]
    assert (found.state, found.why) == ("not proven", "no bubblewrap")


def test_what_a_rehearsal_stops_at_is_high_and_a_mere_warning_is_not() -> None:
    facts = {
        "stops": ["the migration fails on the copy: no such table"],
        "advice": ["mend 002_orders"],
        "felt": [*FACTS["felt"], *FACTS["warnings"]],
        "weights": ["MEDIUM", "LOW"],
        "impact": "HIGH",
    }
    reasons = weigh(rehearsed(facts)).reasons
    told = {reason.text: reason.impact for reason in reasons}
    assert next(r.advice for r in reasons if r.text.endswith("no such table")) == "try: mend 002_orders"
    assert told[f"rehearsed: {FACTS['felt'][0]}"] is Impact.MEDIUM
    assert told["rehearsed: the migration fails on the copy: no such table"] is Impact.HIGH
    assert told[f"rehearsed: {FACTS['warnings'][0]}"] is Impact.LOW


def test_what_could_not_be_looked_at_is_high_and_said() -> None:
    weighed = weigh(replace(LOOK, pending=(), doubts=(("the database is not there", "try: mobius doctor"),)))
    assert weighed.impact is Impact.HIGH
    assert (weighed.reasons[0].text, weighed.reasons[0].advice) == (
        "not known: the database is not there",
        "try: mobius doctor",
    )


def test_what_only_its_own_program_runs_is_known_from_a_rehearsal_alone() -> None:
    opaque = replace(LOOK, pending=(replace(NICK, sql=None),))
    assert "run by its own program" in weigh(opaque).reasons[0].text
    assert "run by its own program" not in " ".join(
        r.text for r in weigh(replace(opaque, rehearsal=FACTS)).reasons
    )


def test_migrations_that_could_not_be_tried_prove_nothing() -> None:
    weighed = weigh(rehearsed({"not_tried": "the scratch server has no extension postgis"}))
    assert weighed.impact is Impact.HIGH
    assert "could not be tried: the scratch server has no extension postgis" in weighed.reasons[0].text
    assert weighed.ways[0].state == "not proven"
