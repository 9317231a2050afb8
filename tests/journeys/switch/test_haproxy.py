"""Deployments behind a real HAProxy, under load: no request, no WebSocket and no slow upload is lost."""

from __future__ import annotations

import sys

import pytest

from journeys.service import Service
from journeys.switch.behind_haproxy import behind_haproxy
from journeys.switch.long_lines import LongLines
from journeys.switch.under_load import loaded, lost
from mobius.flows.serve import Watchman
from mobius.model.run import RunState
from mobius.wiring import open_app

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("switches", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_no_request_websocket_or_slow_upload_is_lost_behind_haproxy(switches: int) -> None:
    web = (sys.executable, "tunnel.py")
    with behind_haproxy(window="10m", interval="200ms", alone=False, web=web) as (service, haproxy):
        process = haproxy.pid
        ground = loaded(service, rate=100.0)
        lines = LongLines(service.url).start()
        try:
            ground.go_back_and_forth(switches)
        finally:
            lines.stop()
            report = ground.load.stop()
        assert lost(report) == []
        assert report.failures == ()
        assert lines.lost == []
        assert lines.releases == {"v1", "v2"}
        assert haproxy.pid == process, "it was reloaded"
        told = "SELECT json_extract(data, '$.failed_requests'), json_extract(data, '$.cut') FROM events"
        assert set(service.journal(f"{told} WHERE kind = 'drained'")) == {(0, 0)}
        print(f"{switches} switches, {report.requests} requests, {lines.ended}, 0 lost")


def test_a_bad_release_behind_haproxy_comes_back_by_itself_and_loses_nothing() -> None:
    web = (sys.executable, "asgi.py")
    with behind_haproxy(window="10m", interval="200ms", alone=False, web=web) as (service, _):
        ground = loaded(service)
        service.add_release("bad", errors_after_s=4.0)
        try:
            run = ground.app.deploy("production", "bad")
            ground.see_more_of("v1", 100)
        finally:
            report = ground.load.stop()
        assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12), run.sentence
        assert "error" in run.sentence
        assert lost(report) == []
        assert report.errors_by_release.keys() == {"bad"}
        assert service.status()["live"]["tag"] == "v1"


def test_an_haproxy_that_forgot_everything_is_told_again_by_whoever_looks_after_the_service() -> None:
    with behind_haproxy(window="1s", interval="200ms", alone=False) as (service, haproxy):
        service.add_release("v1")
        service.mobius("deploy", "--tag", "v1", expect=0)
        assert service.get()["release"] == "v1"
        said: list[str] = []
        watchman = Watchman(
            open_app(service.folder, environ=service.environ).ports("production"), said.append
        )
        watchman.look()
        assert said == []
        haproxy.kill()
        assert service.status()["warnings"], "nobody says all is well while HAProxy is away"
        haproxy.place.state_file.unlink()
        haproxy.start()
        assert service.get()["code"] == 503
        watchman.look()
        assert service.get()["release"] == "v1", said
        assert "gets no traffic: it is brought up" in said[0]
        haproxy.restart()
        assert service.get()["release"] == "v1", "and it is kept again"


def test_a_deployment_is_refused_before_anything_is_changed_when_haproxy_cannot_be_told() -> None:
    with behind_haproxy(window="1s", interval="200ms", alone=False) as (service, haproxy):
        for tag in ("v1", "v2"):
            service.add_release(tag)
        service.mobius("deploy", "--tag", "v1", expect=0)
        haproxy.write(haproxy.config.read_text().replace("level admin", "level operator"))
        haproxy.restart()
        refused = service.mobius("deploy", "--tag", "v2", expect=3)
        assert "is of level operator, so nothing can be changed by it" in refused.err + refused.out
        assert service.get()["release"] == "v1"
        assert service.journal("SELECT count(*) FROM events WHERE kind = 'switched'") == [(1,)]


def test_going_back_with_data_behind_haproxy_lets_requests_wait_and_loses_none() -> None:
    web = (sys.executable, "asgi.py")
    with behind_haproxy(window="10m", interval="200ms", alone=False, web=web) as (service, haproxy):
        ground = loaded(service)
        try:
            ground.go_back_and_forth(1)
            run = ground.app.rollback("production", backup=_backup_of(service))
            ground.see_more_of("v1")
        finally:
            report = ground.load.stop()
        assert run.exit_code == 0, run.sentence
        assert lost(report) == []
        assert report.failures == ()
        waited = sum(count.requests for count in service.host.counters().releases.values())
        assert waited > 0, "nobody had to wait, so nothing was tried"
        name, *_, maintenance, _ = haproxy.state()[2].split()
        assert (name, int(maintenance) & 1) == ("door", 1), "nothing goes by the front door any more"
        print(f"{waited} of {report.requests} requests waited, 0 lost")


def _backup_of(service: Service) -> str:
    return sorted(str(path) for path in (service.folder / "backups").glob("probe_*_*.zip"))[0]


def test_what_is_printed_is_what_is_checked_for() -> None:
    with behind_haproxy(alone=False) as (service, haproxy):
        checked = service.mobius("traffic", "check", expect=0)
        assert [line.split()[0] for line in checked.out.splitlines() if line[:4].isupper()] == ["PASS"] * 6
        printed = service.mobius("traffic", "snippet", "--part", "mobius-probe.cfg", expect=0).out
        backend = printed[printed.index("\nbackend probe") :]
        assert haproxy.config.read_text().endswith(backend.rstrip("\n") + "\n")
        haproxy.config.write_text(
            haproxy.config.read_text().replace("balance roundrobin", "balances roundrobin")
        )
        refused = service.mobius("traffic", "check", expect=3)
        assert "FAIL" in refused.out
