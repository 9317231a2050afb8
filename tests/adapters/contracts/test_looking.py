"""What every `Checks` and `Signals` promises: it never raises, and what could not be measured is never health."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.signals.reading import reader
from mobius.adapters.checks.http import HttpChecks
from mobius.adapters.checks.memory import MemoryChecks, bad, good, unknown
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.signals.configured import background
from mobius.adapters.signals.memory import BAD, BLIND, GOOD, MemorySignals
from mobius.adapters.signals.window import WindowSignals
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings, GateCommand, HealthSettings, SmokeSettings
from mobius.model.verdict import Outcome
from mobius.ports import Checks, Counters, Signals

WELL, SICK = "well", "sick"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.server.well else 503)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """One that answers well, one that answers 503."""
    servers = {}
    for name in (WELL, SICK):
        servers[name] = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        servers[name].well = name == WELL  # type: ignore[attr-defined]
        threading.Thread(target=servers[name].serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield {name: f"http://127.0.0.1:{server.server_port}" for name, server in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()


def settings(url: str) -> EnvironmentSettings:
    return EnvironmentSettings(
        "production",
        url,
        Path("/nowhere"),
        health=HealthSettings(timeout_s=2.0),
        smoke=(SmokeSettings("front", url="/", expect=("status == 200",), timeout_s=2.0),),
        checks=(GateCommand("fine", ("true",), when="both"), GateCommand("broken", ("false",))),
    )


@pytest.fixture(params=["memory", "real"])
def checks(request: pytest.FixtureRequest, tmp_path: Path, addresses: dict[str, str]) -> Checks:
    if request.param == "memory":
        sick = addresses[SICK]
        return MemoryChecks(
            by_url={sick: [bad()]}, smokes=[[good("front")], [bad("front")]],
            gates={"broken": [bad("broken")], "no such gate": [unknown("no such gate")]},
        )  # fmt: skip
    return HttpChecks(
        settings(addresses[WELL]), resolve=lambda name: tmp_path / name, redact=str, cwd=tmp_path
    )


def front(checks: Checks, url: str) -> Outcome:
    """What the one smoke test that asks this address said."""
    (answer,) = [one for one in checks.smoke(url) if one.name == "front"]
    return answer.outcome


def test_health_says_yes_and_no(checks: Checks, addresses: dict[str, str]) -> None:
    assert checks.health(addresses[WELL]).outcome is Outcome.PASS
    answer = checks.health(addresses[SICK])
    assert answer.outcome is Outcome.FAIL
    assert "503" in answer.message


def test_smoke_answers_every_configured_test(checks: Checks, addresses: dict[str, str]) -> None:
    assert front(checks, addresses[WELL]) is Outcome.PASS
    assert front(checks, addresses[SICK]) is Outcome.FAIL


def test_a_gate_passes_fails_or_could_not_be_asked(checks: Checks) -> None:
    assert checks.gate("fine").outcome is Outcome.PASS
    assert checks.gate("broken").outcome is Outcome.FAIL
    assert checks.gate("no such gate").outcome is Outcome.ERROR


def test_an_address_that_nobody_answers_is_no_exception(tmp_path: Path, addresses: dict[str, str]) -> None:
    real = HttpChecks(settings(addresses[WELL]), resolve=Path, redact=str, cwd=tmp_path)
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        for url in (
            f"http://127.0.0.1:{line.getsockname()[1]}",
            "http://no.such.host.invalid",
            "",
            "nonsense",
        ):
            assert real.health(url).outcome in (Outcome.FAIL, Outcome.ERROR), url
            assert front(real, url) in (Outcome.FAIL, Outcome.ERROR), url


@pytest.fixture(params=["memory", "real"])
def signals(request: pytest.FixtureRequest, tmp_path: Path, addresses: dict[str, str]) -> Signals:
    """Three readings: well, sick, and blind."""
    if request.param == "memory":
        return MemorySignals([GOOD, BAD, BLIND])
    made = settings(addresses[WELL])
    probe = MemoryChecks(healths=[good(), bad(), unknown()])
    counted = iter([{"r1": Counters(1, 0, ())}, {"r1": Counters(5, 2, ())}])

    def counters() -> dict[str, Counters]:
        try:
            return next(counted)
        except StopIteration:
            raise MobiusError("the front door does not answer") from None

    return WindowSignals(
        replace(made, smoke=()),
        probe,
        clock=SystemClock(),
        release_id="r1",
        counters=counters,
        pids=lambda: [],
        gauges=background([reader(kind="json", url="http://no.such.host.invalid")], SystemClock(), 0.01),
    )


def test_each_reading_has_the_time_it_was_asked_for_and_never_raises(signals: Signals) -> None:
    for number in range(5):
        reading = signals.sample(100.0 + number)
        assert reading
        assert {sample.at for sample in reading} == {100.0 + number}


def test_what_could_not_be_measured_says_why_and_is_never_ok(signals: Signals) -> None:
    probes = [next(s for s in signals.sample(float(n)) if s.signal == "probe") for n in range(4)]
    assert [bool(probe.missing) for probe in probes] == [False, False, True, True]
    assert [probe.ok for probe in probes[:2]] == [True, False]
    assert all(probe.ok is not True for probe in probes[2:])
    assert probes[1].note
