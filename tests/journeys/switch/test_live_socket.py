"""Deployments behind a real nginx and a real Caddy, under load: no request, no WebSocket, no slow upload is lost."""

from __future__ import annotations

import sys

import pytest

from journeys.service import Service
from journeys.switch.behind_live_socket import behind_live_socket
from journeys.switch.long_lines import LongLines
from journeys.switch.under_load import loaded, lost
from mobius.adapters.traffic.faces import Faces
from mobius.model.run import RunState

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("direct", [False, True], ids=["port", "socket"])
@pytest.mark.parametrize("kind", ["nginx", "caddy"])
@pytest.mark.parametrize("switches", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_no_request_websocket_or_slow_upload_is_lost(kind: str, direct: bool, switches: int) -> None:
    with behind_live_socket(kind, direct=direct, window="10m", interval="200ms", alone=False) as (
        service,
        proxy,
    ):
        process, config = proxy.pid, proxy.config.read_text()
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
        assert (proxy.pid, proxy.config.read_text()) == (process, config), "it was reloaded"
        face = Faces(service.root.resolve()).current()
        assert face is not None
        assert (face.via == "door") != direct
        told = "SELECT json_extract(data, '$.failed_requests'), json_extract(data, '$.cut') FROM events"
        assert set(service.journal(f"{told} WHERE kind = 'drained'")) == {(0, 0)}
        print(f"{kind}: {switches} switches, {report.requests} requests, {lines.ended}, 0 lost")


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_bad_release_that_only_the_proxys_log_sees_comes_back_by_itself_and_loses_nothing(
    kind: str,
) -> None:
    web = (sys.executable, "asgi.py", "--socket")
    with behind_live_socket(kind, direct=True, web=web, window="10m", interval="200ms", alone=False) as (
        service,
        _,
    ):
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
        asked = [count.requests for count in service.host.counters().releases.values()]
        assert sum(asked) == 0, "somebody came by the front door, which counts, too"


@pytest.mark.parametrize(("kind", "direct"), [("nginx", True), ("nginx", False), ("caddy", True)])
def test_going_back_with_data_lets_requests_wait_and_loses_none(kind: str, direct: bool) -> None:
    web = (sys.executable, "asgi.py", *(["--socket"] if direct else []))
    with behind_live_socket(kind, direct=direct, web=web, window="10m", interval="200ms", alone=False) as (
        service,
        _,
    ):
        ground = loaded(service)
        try:
            ground.go_back_and_forth(1)
            before = counted(service)
            run = ground.app.rollback("production", backup=backup_of(service))
            ground.see_more_of("v1")
            waited = counted(service) - before
        finally:
            report = ground.load.stop()
        assert run.exit_code == 0, run.sentence
        assert lost(report) == []
        assert report.failures == ()
        assert waited > 0, "nobody came by the front door, so nobody had to wait"
        face = Faces(service.root.resolve()).current()
        assert face is not None and (face.via != "door") == direct, "it is over"


def counted(service: Service) -> int:
    """Every request that came by the front door."""
    return sum(count.requests for count in service.host.counters().releases.values())


def backup_of(service: Service) -> str:
    """The newest backup of a healthy release."""
    names = sorted(path.name for path in (service.folder / "backups").glob("probe_*_*.zip"))
    return names[-1]


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_deployment_that_the_proxy_does_not_lead_to_is_refused_before_any_effect(kind: str) -> None:
    with behind_live_socket(kind, direct=False, window="1s", alone=False) as (service, proxy):
        service.add_release("v1")
        text = proxy.config.read_text()
        proxy.config.write_text(text.replace("live/web.sock", "live/old.sock"))
        done = service.mobius("deploy", "--tag", "v1", expect=3)
        assert f"{proxy.config} does not dial {service.root.resolve()}/live/web.sock" in done.out + done.err
        assert not (service.root / "live").is_symlink()
        assert service.get("/")["code"] == 502
        proxy.config.write_text(text)
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        assert service.get("/")["release"] == "v1"
