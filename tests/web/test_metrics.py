"""What Prometheus scrapes: clean by its own tool, true by what the world is, and silent where nothing could be seen."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from mobius.errors import MobiusError
from mobius.model.run import RunState
from mobius.model.seen import Counters
from mobius.model.verdict import Outcome
from mobius.web.looking import Looker
from web.looking_at import Asked, live_world, with_open_window
from world import LIVE, Script, World

PROMTOOL = shutil.which("promtool")


def scraped(asked: Asked) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Name and labels, without those that every sample has, to value."""
    answer = asked.get("/metrics")
    assert (answer.status, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert (labels.pop("service"), labels.pop("environment")) == ("dhash", "production")
            found[sample.name, frozenset(labels.items())] = sample.value
    return found


def value(asked: Asked, name: str, **labels: str) -> float | None:
    return scraped(asked).get((name, frozenset(labels.items())))


def counting(world: World) -> None:
    """The live release answered ten requests, one of them badly, in 100 ms and 36 s and more."""
    live = world.releases.current()[0]
    histogram = (0,) * 20 + (9,) + (0,) * 27 + (1,)
    routes = {"/api": Counters(4, 1, histogram)}
    world.traffic.counted = {live: Counters(10, 1, histogram, 2, routes, took_s=36.9)}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed here")
def test_the_tool_of_prometheus_finds_nothing_to_blame() -> None:
    world = live_world()
    with_open_window(world, "v2")
    counting(world)
    page = Asked(world).get("/metrics").body
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=page, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_whoever_accepts_openmetrics_gets_it() -> None:
    world = live_world()
    counting(world)
    answer = Asked(world).get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert answer.content_type.startswith("application/openmetrics-text")
    names = {family.name for family in open_families(answer.body.decode())}
    assert {"mobius_requests", "mobius_request_duration_seconds", "mobius_release"} <= names | {
        "mobius_release"
    }
    assert answer.body.endswith(b"# EOF\n")


def test_requests_are_counted_by_release_and_by_critical_route() -> None:
    world = live_world()
    counting(world)
    found, live = scraped(Asked(world)), world.releases.current()[0]
    of_live = frozenset({("release", live)})
    assert found["mobius_requests_total", of_live] == 10
    assert found["mobius_request_errors_total", of_live] == 1
    assert found["mobius_requests_in_flight", of_live] == 2
    assert found["mobius_route_requests_total", of_live | {("route", "/api")}] == 4
    bucket = "mobius_request_duration_seconds_bucket"
    assert found[bucket, of_live | {("le", "0.086736")}] == 9
    assert found[bucket, of_live | {("le", "+Inf")}] == 10
    assert found["mobius_request_duration_seconds_sum", of_live] == 36.9
    assert found["mobius_request_duration_seconds_count", of_live] == 10


def test_where_nobody_adds_times_up_there_is_no_sum() -> None:
    world = live_world()
    counting(world)
    world.traffic.counted = {name: replace(one, took_s=None) for name, one in world.traffic.counted.items()}
    page = Asked(world).get("/metrics").body.decode()
    assert "mobius_request_duration_seconds_bucket" in page
    assert "mobius_request_duration_seconds_sum" not in page


def test_what_is_live_and_the_way_back_are_told() -> None:
    world = live_world()
    assert world.deploy("v2").state is RunState.ACCEPTED
    found = scraped(Asked(world))
    live, previous = world.releases.current()
    assert found["mobius_release_info", labels(role="live", release=live, tag="v2", slot="green")] == 1
    assert found["mobius_release_info", labels(role="previous", release=previous, tag="v1", slot="")] == 1
    assert found["mobius_slot_weight_ratio", labels(slot="green", release=live)] == 1
    assert found["mobius_way_back", labels()] == 1
    assert found["mobius_way_back_expected_seconds", labels(way="code alone")] == 15
    assert found["mobius_backup_created_timestamp_seconds", labels()] > 1.8e9
    assert found["mobius_probe_up", labels()] == 1


def test_a_window_tells_how_it_stands() -> None:
    world = live_world()
    run = with_open_window(world, "v2")
    asked = Asked(world)
    found = scraped(asked)
    assert found["mobius_window_open", labels()] == 1
    assert found["mobius_window_left_seconds", labels()] == pytest.approx(
        run.window_deadline - world.clock.now(), abs=0.1
    )
    release = run.plan.release_id
    assert found["mobius_verdict", labels(outcome="INCONCLUSIVE", release=release)] == 1
    assert found["mobius_verdict", labels(outcome="PASS", release=release)] == 0
    world.carry_on(run)
    assert value(asked, "mobius_window_open") == 0
    assert value(asked, "mobius_verdict", outcome="PASS", release=release) == 1


def test_rollbacks_and_pages_are_counted_once_however_often_they_are_read() -> None:
    world = live_world()
    asked = Asked(world)
    assert value(asked, "mobius_rollbacks_total") == 0
    world.scripts["v2"] = Script(bad_after=1)
    assert world.deploy("v2").state is RunState.ROLLED_BACK
    for _ in range(3):
        assert value(asked, "mobius_rollbacks_total") == 1
        assert value(asked, "mobius_runs_ended_total", state="rolled back") == 1
    assert value(Asked(world), "mobius_switches_total") == 3


def test_what_cannot_be_seen_is_left_out_and_named() -> None:
    world = live_world()

    def gone() -> Mapping[str, Counters]:
        raise MobiusError("the front door does not answer", "mobius host status")

    world.traffic.counters = gone  # type: ignore[method-assign]
    found = scraped(Asked(world))
    assert not [name for name, _ in found if name.startswith("mobius_request")]
    assert found["mobius_unseen", labels(part="counters")] == 1
    assert found["mobius_unseen", labels(part="weights")] == 0


def test_where_nothing_was_deployed_yet_nobody_counts_and_nothing_is_amiss() -> None:
    world = World()

    def no_door(*_: object) -> Mapping[str, Counters]:
        raise MobiusError("there is no front door yet", "mobius deploy")

    world.traffic.counters = world.traffic.failed_because_of_switches = no_door  # type: ignore[method-assign,assignment]
    found = scraped(Asked(world))
    assert found["mobius_live", labels()] == 0
    assert not [key for key, value in found.items() if key[0] == "mobius_unseen" and value]


def test_a_journal_that_cannot_be_read_hides_no_traffic() -> None:
    world = live_world()
    counting(world)

    def broken(*_: object, **__: object) -> tuple[()]:
        raise MobiusError("the journal is damaged", "mobius audit verify")

    for name in ("runs", "events", "releases", "backups", "last_event", "outbox", "active_run"):
        setattr(world.journal, name, broken)
    found = scraped(Asked(world))
    assert found["mobius_unseen", labels(part="totals")] == 1
    assert found["mobius_requests_total", labels(release=world.releases.current()[0])] == 10
    assert found["mobius_live", labels()] == 1
    assert not [name for name, _ in found if name.startswith(("mobius_window", "mobius_rollbacks"))]


def test_a_sick_service_is_a_probe_that_is_down() -> None:
    world = live_world()
    world.scripts["v1"] = Script(healthy=False)
    assert value(Asked(world), "mobius_probe_up") == 0


def test_in_a_window_a_scrape_adds_no_request_to_those_that_are_judged() -> None:
    world = live_world()
    with_open_window(world, "v2")
    asked_for: list[str] = []
    ports = world.ports
    health = ports.checks.health
    checks = SimpleNamespace(health=lambda url: asked_for.append(url) or health(url))
    looker = Looker(replace(ports, checks=checks))  # type: ignore[arg-type]
    probe = looker.probe()
    assert probe is not None and (probe.outcome, probe.duration_ms) == (Outcome.PASS, 5.0)
    assert LIVE not in asked_for
    world.clock.wait(5 * 900.0)
    looker.probe()
    assert LIVE in asked_for


def test_of_very_many_releases_those_that_serve_are_counted_and_few_others() -> None:
    world = live_world()
    counting(world)
    live = world.releases.current()[0]
    world.traffic.counted |= {f"old-{number}": Counters(10_000 + number, 0, ()) for number in range(300)}
    shown = {dict(key)["release"] for name, key in scraped(Asked(world)) if name == "mobius_requests_total"}
    assert shown == {live, *(f"old-{number}" for number in range(291, 300))}


def test_many_scrapes_at_once_are_one_look() -> None:
    world = live_world()
    asked = Asked(world)
    asked.get("/metrics")
    looks: list[int] = []
    real = world.traffic.counters
    world.traffic.counters = lambda: looks.append(1) or real()  # type: ignore[method-assign,func-returns-value]
    for _ in range(20):
        asked.site.answer(asked_for_metrics())
    assert looks == []


def test_hostile_names_stay_inside_their_label() -> None:
    world = live_world()
    world.traffic.counted = {
        'v1"} 1\nmobius_live{x="': Counters(3, 0, ()),
        "v\ud800\x1b[31m": Counters(4, 0, ()),
    }
    found = scraped(Asked(world))
    assert [found[key] for key in found if key[0] == "mobius_live"] == [1]
    assert sorted(found[key] for key in found if key[0] == "mobius_requests_total") == [3, 4]


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def asked_for_metrics():  # type: ignore[no-untyped-def]
    from mobius.web.exchange import Request

    return Request("GET", "/metrics", host="localhost")
