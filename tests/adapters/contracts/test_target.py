"""What every `Target` promises, in memory and with real processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from adapters.contracts.conftest import Ground, other, wait_for, web
from adapters.contracts.fleet_ground import fleet_target
from adapters.contracts.unit_ground import UnitGround
from adapters.contracts.unit_ground import unit_ground as made_unit_ground
from host.sites import is_running
from mobius.adapters import systemd
from mobius.adapters.targets.memory import MemoryTarget
from mobius.errors import MobiusError
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import Outcome
from mobius.ports import ProcessStatus, Target

NONE = ProcessStatus("", "", "", "", "stopped")
UP = {"running", "starting"}  # a real process takes a moment to be seen listening


# Inside of a bed also under its systemd: tests/journeys/fleet/test_systemd_contract.py
GROUNDS = {"process": "ground", "process on ports": "ground_on_ports", "systemd": "unit_ground"}
REAL = [name for name in GROUNDS if name != "systemd" or systemd.is_here()]


@pytest.fixture(scope="module")
def unit_ground() -> Iterator[UnitGround]:
    yield from made_unit_ground()


@pytest.fixture(params=["memory", "fleet", *REAL])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    if request.param == "memory":
        memory = MemoryTarget()
        memory.missing_commands.add("no-such-command")
        yield memory
        return
    if request.param == "fleet":
        yield from fleet_target(tmp_path)
        return
    there = _ground(request)
    try:
        yield there.target
    finally:
        there.empty()


def _ground(request: pytest.FixtureRequest) -> Ground | UnitGround:
    made: Ground | UnitGround = request.getfixturevalue(GROUNDS[request.param])
    return made


def start(target: Target, slot: str, release_id: str, *processes: ProcessSettings) -> None:
    target.start(slot, release_id, Path("/"), processes or (web(),))


def up(target: Target, slot: str) -> dict[str, ProcessStatus]:
    return {p.name: p for p in target.processes() if p.slot == slot and p.state in UP}


def test_preparing_again_is_free_and_preflight_passes(target: Target) -> None:
    for _ in range(2):
        target.prepare()
    assert {check.outcome for check in target.preflight()} == {Outcome.PASS}


def test_what_was_started_is_there_with_its_release(target: Target) -> None:
    start(target, "blue", "r1", web(), other("mail", "worker"), other("cron", "singleton"))
    there = up(target, "blue")
    assert {(p.name, p.kind, p.release_id) for p in there.values()} == {
        ("api", "web", "r1"), ("mail", "worker", "r1"), ("cron", "singleton", "r1"),
    }  # fmt: skip
    assert all(p.pid > 0 and p.restarts == 0 for p in there.values())
    assert [bool(there[name].url) for name in ("api", "mail", "cron")] == [True, False, False]


def test_starting_again_leaves_alone_what_runs(target: Target) -> None:
    start(target, "blue", "r1")
    before = up(target, "blue")["api"].pid
    start(target, "blue", "r1", web(), other("mail", "worker"))
    assert up(target, "blue")["api"].pid == before
    assert set(up(target, "blue")) == {"api", "mail"}


def test_two_releases_of_a_web_process_run_side_by_side(target: Target) -> None:
    start(target, "blue", "r1")
    start(target, "green", "r2")
    assert (up(target, "blue")["api"].release_id, up(target, "green")["api"].release_id) == ("r1", "r2")
    assert target.slot_url("blue") != target.slot_url("green")


@pytest.mark.parametrize("kind", ["worker", "singleton"])
def test_two_releases_of_anything_else_never_run_at_once(kind: str, target: Target) -> None:
    start(target, "blue", "r1", other("mail", kind))
    with pytest.raises(MobiusError, match=r"mail .*still runs in (slot )?blue"):
        start(target, "green", "r2", web(), other("mail", kind))
    assert up(target, "green") == {}
    assert up(target, "blue")["mail"].release_id == "r1"
    target.stop("blue", [kind])
    start(target, "green", "r2", other("mail", kind))
    assert up(target, "green")["mail"].release_id == "r2"


def test_restarting_gives_one_process_another_life_and_touches_nothing_else(target: Target) -> None:
    start(target, "blue", "r1", web(), other("mail", "worker"))
    before = up(target, "blue")

    target.restart("blue", "mail")

    after = up(target, "blue")
    assert after["mail"].pid not in (0, before["mail"].pid)
    assert after["mail"].release_id == "r1"
    assert after["api"].pid == before["api"].pid


def test_restarting_what_is_not_there_is_an_error(target: Target) -> None:
    start(target, "blue", "r1")
    for slot, name in (("blue", "nobody"), ("purple", "api")):
        with pytest.raises(MobiusError):
            target.restart(slot, name)
    assert set(up(target, "blue")) == {"api"}


def test_a_missing_command_is_an_error_and_starts_nothing(target: Target) -> None:
    with pytest.raises(MobiusError, match=r"mail cannot be started: .*no-such-command"):
        start(target, "blue", "r1", web(), other("mail", "worker", "no-such-command"))
    assert up(target, "blue") == {}


def test_stopping_takes_the_kinds_that_are_named_or_all(target: Target) -> None:
    start(target, "blue", "r1", web(), other("mail", "worker"), other("cron", "singleton"))
    target.stop("blue", ["worker", "singleton"])
    assert set(up(target, "blue")) == {"api"}
    for _ in range(2):
        target.stop("blue")
        assert up(target, "blue") == {}
        assert target.slot_url("blue") == ""


def test_stopping_where_nothing_ever_ran_is_a_success(target: Target) -> None:
    target.stop("purple")
    target.stop("purple", ["web"])
    assert (target.slot_url("purple"), target.log_tail("purple")) == ("", "")


def test_another_release_may_take_the_slot_once_it_is_empty(target: Target) -> None:
    start(target, "blue", "r1")
    target.stop("blue")
    start(target, "blue", "r2")
    assert up(target, "blue")["api"].release_id == "r2"


# Only with real processes


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest) -> Iterator[Ground | UnitGround]:
    there = _ground(request)
    try:
        yield there
    finally:
        there.empty()


def test_stop_returns_when_they_are_gone_also_one_that_does_not_listen(real: Ground | UnitGround) -> None:
    stubborn = ProcessSettings(
        "mail", ("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"), kind="worker",
        stop_timeout_s=0.2,
    )  # fmt: skip
    start(real.target, "blue", "r1", stubborn)
    wait_for("its first line", lambda: "up" in real.target.log_tail("blue"))
    pid = up(real.target, "blue")["mail"].pid
    real.target.stop("blue")
    assert not is_running(pid)


def test_a_web_process_answers_at_its_own_address(real: Ground | UnitGround) -> None:
    from urllib.request import urlopen

    start(real.target, "blue", "r1")
    wait_for("it to listen", lambda: up(real.target, "blue").get("api", NONE).state == "running")
    with urlopen(real.target.slot_url("blue"), timeout=30) as answer:
        assert answer.read() == b"r1"


def test_a_process_is_given_what_the_settings_say_and_no_more(
    real: Ground | UnitGround, tmp_path: Path
) -> None:
    (real.site.root / ".env").write_text("FROM_FILE=file\nBOTH=file\n")
    shown = ProcessSettings(
        "mail", ("sh", "-c", "env; sleep 1000"), kind="worker", env_file=".env",
        env={"BOTH": "settings"}, pass_env=("HANDED", "NOT_THERE"), stop_timeout_s=1.0,
    )  # fmt: skip
    start(real.target, "blue", "r1", shown)
    wait_for("its environment", lambda: "MOBIUS_SHARED" in real.target.log_tail("blue", 200))
    wait_for("all of it", lambda: "HANDED" in real.target.log_tail("blue", 200))
    lines = set(real.target.log_tail("blue", 200).splitlines())
    assert {
        "FROM_FILE=file", "BOTH=settings", "HANDED=on", "MOBIUS_ENVIRONMENT=production",
        f"MOBIUS_SHARED={real.site.root}/shared",
    } <= lines  # fmt: skip
    assert not any(line.startswith("NOT_THERE") for line in lines)


def test_the_end_of_a_log_is_short_whatever_was_written(real: Ground | UnitGround) -> None:
    script = "head -c 3000000 /dev/urandom; echo; seq 1 50; sleep 1000"
    talker = ProcessSettings("mail", ("sh", "-c", script), kind="worker", stop_timeout_s=1.0)
    start(real.target, "blue", "noisy", talker)
    wait_for("its last line", lambda: real.target.log_tail("blue", 1) == "50")
    assert real.target.log_tail("blue", 3) == "48\n49\n50"
    assert len(real.target.log_tail("blue", 100_000)) <= 65_536


def test_the_end_of_the_log_has_lines_of_every_process(real: Ground | UnitGround) -> None:
    def talker(name: str) -> ProcessSettings:
        return ProcessSettings(
            name, ("sh", "-c", f"seq -f {name}-%g 1 50; sleep 1000"), kind="worker", stop_timeout_s=1.0
        )

    start(real.target, "blue", "talking", talker("one"), talker("two"))
    wait_for("both", lambda: {"one-50", "two-50"} <= set(real.target.log_tail("blue", 200).splitlines()))
    lines = real.target.log_tail("blue", 20).splitlines()
    assert len(lines) == 20
    assert {"one-50", "two-50"} <= set(lines)


def test_a_process_that_dies_is_started_again_and_counted(real: Ground | UnitGround) -> None:
    def seen() -> ProcessStatus:
        return next(p for p in real.target.processes() if (p.slot, p.name) == ("blue", "api"))

    start(real.target, "blue", "r1")
    wait_for("it to listen", lambda: seen().state == "running")
    pid = seen().pid
    os.kill(pid, 9)
    wait_for("another to run", lambda: seen().pid not in (0, pid) and seen().restarts == 1)


def test_where_there_are_no_unix_sockets_a_slot_has_its_port_alone(ground_on_ports: Ground) -> None:
    try:
        start(ground_on_ports.target, "blue", "v1")
        wait_for(
            "it to listen", lambda: up(ground_on_ports.target, "blue").get("api", NONE).state == "running"
        )
        given = psutil.Process(ground_on_ports.site.pid_of("blue")).environ()
        assert int(given["PORT"]) > 1024 and "MOBIUS_SOCKET" not in given
        assert not list((ground_on_ports.site.root / "run/blue").rglob("*.sock"))
        alone = ProcessSettings("api", web().start, listen="socket")
        with pytest.raises(MobiusError, match="slots have none here"):
            start(ground_on_ports.target, "green", "v2", alone)
    finally:
        ground_on_ports.empty()
