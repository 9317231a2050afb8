"""Deployments under a real systemd, in a host of the bed: by a user without rights, from the first to the way back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from beds.host import Host
from journeys.fleet.unit_service import UnitService

pytestmark = pytest.mark.fleet


@pytest.fixture
def service(host: Host) -> UnitService:
    return ready(UnitService(host))


def ready(made: UnitService) -> UnitService:
    for tag in ("v1", "v2", "bad3"):
        made.add_release(tag)
    made.install()
    return made


def assert_never_two(service: UnitService) -> None:
    """Nobody met another of its kind, and every one ended before the next began."""
    for name in ("mail", "cron"):
        said = [line.split() for line in service.said(name)]
        assert said, f"{name} never ran"
        assert not [line for line in said if line[0] == "TWO"], (name, said)


@contextmanager
def asked_all_along(service: UnitService, path: str = "/health") -> Iterator[list[str]]:
    """One request after another, from outside of the host; what failed is in the list."""
    failed: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                service.get(path, timeout=30)
            except OSError as problem:
                failed.append(str(problem))
            is_over.wait(0.02)  # the machine has others to serve, too

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for one in asking:
        one.start()
    try:
        yield failed
    finally:
        is_over.set()
        for one in asking:
            one.join()


@pytest.mark.sample
def test_a_deploy_user_deploys_and_goes_back_under_systemd(service: UnitService) -> None:
    service.deploy("v1")
    assert service.live() == "v1"
    with asked_all_along(service) as failed:
        service.deploy("v2")
        assert service.live() == "v2"
        service.mobius("rollback", "--yes")
        assert service.live() == "v1"
    assert failed == []
    assert_never_two(service)
    # As people look at it, by the names that they know.
    for unit in ("mobius-probe", "mobius-monitor"):
        assert (
            "Active: active (running)" in service.host.run(["systemctl", "status", "--no-pager", unit]).stdout
        )
    assert "v1 listens" in service.mobius("logs").stdout


def test_a_release_that_fails_is_taken_back_and_no_worker_ran_twice(service: UnitService) -> None:
    service.deploy("v1")
    service.mobius("deploy", "--tag", "bad3", expect=12)
    assert service.live() == "v1"
    states = {
        unit: service.host.state(unit) for unit in ("mobius-probe-mail@blue", "mobius-probe-mail@green")
    }
    assert sorted(states.values()) == ["active", "inactive"]
    assert_never_two(service)


def test_a_terminal_that_is_lost_ends_nothing(service: UnitService) -> None:
    service.deploy_until("v1", "step begun")
    service.await_live("v1")
    service.host.wait_until(
        lambda: service.runs()[0]["state"] == "observing", "the window to open", within=60
    )


def test_a_runner_that_is_killed_is_started_again_and_the_run_ends_well(service: UnitService) -> None:
    service.deploy("v1")
    service.deploy_until("v2", "step begun: start v2")
    service.host.run(["systemctl", "kill", "--signal=KILL", "mobius-probe-run@2.service"])
    service.await_live("v2", within=60)
    service.host.wait_until(
        lambda: service.runs()[0]["state"] == "observing", "the window to open", within=60
    )
    assert_never_two(service)


def test_no_request_is_lost_while_the_supervisor_is_killed_restarted_and_upgraded(
    service: UnitService,
) -> None:
    service.deploy("v1")
    host, unit = service.host, "mobius-probe.service"
    with asked_all_along(service, "/slow") as failed:
        host.run(["systemctl", "kill", "--signal=KILL", "--kill-who=main", unit])
        host.wait_until(lambda: host.show(unit, "NRestarts")["NRestarts"] == "1", "another supervisor")
        host.wait_until(lambda: host.state(unit) == "active", "it to be ready")
        host.run(["systemctl", "restart", unit], timeout=60)
        service.mobius("host", "upgrade")
    assert failed == []
    assert service.live() == "v1"


def test_an_upgrade_of_systemd_itself_in_the_midst_of_a_deployment_is_nothing(service: UnitService) -> None:
    service.deploy("v1")
    is_over = threading.Event()

    def upgrade() -> None:
        while not is_over.is_set():
            service.host.run(["systemctl", "daemon-reexec"], check=False)
            is_over.wait(0.5)

    upgrading = threading.Thread(target=upgrade)
    upgrading.start()
    try:
        service.deploy("v2")
    finally:
        is_over.set()
        upgrading.join()
    assert service.live() == "v2"
    assert_never_two(service)


def test_restarting_the_monitor_touches_nothing_else(service: UnitService) -> None:
    service.deploy("v1")
    units = ("mobius-probe.service", "mobius-probe-api@blue.service", "mobius-probe-mail@blue.service")
    before = [service.pid(unit) for unit in units]
    service.host.run(["systemctl", "restart", "mobius-monitor"])
    assert [service.pid(unit) for unit in units] == before
    verdict = ["curl", "-sf", "http://127.0.0.1:8080/api/v1/verdict?release=v1"]
    service.host.wait_until(
        lambda: service.host.run(verdict, check=False).returncode == 0, "its web page to answer again"
    )
    assert json.loads(service.host.run(verdict).stdout)["window_open"]


def test_a_service_that_fails_for_good_is_tried_again_by_the_monitor(service: UnitService) -> None:
    service.deploy("v1")
    service.mobius("accept")  # in a window it is the window's to judge
    unit = "mobius-probe-api@blue.service"
    service.host.run(["systemctl", "stop", unit])  # as somebody does who takes the wrong one
    service.await_live("v1", within=60)


@pytest.mark.parametrize("loss", ["reboot", "crash"])
def test_what_was_live_is_live_again_after_the_host_went_down(loss: str, service: UnitService) -> None:
    service.deploy("v1")
    service.deploy("v2")
    getattr(service.host, loss)()
    if loss == "crash":
        service.host.boot()
    service.await_live("v2")
    host = service.host
    run = "mobius-probe-run@2.service"
    host.wait_until(lambda: host.state(run) == "active", "the window to go on", within=60)
    assert host.state("mobius-probe-mail@green") == "active"
    assert service.runs()[0]["state"] == "observing"
    service.mobius("accept")
    assert service.live() == "v2"
    assert_never_two(service)


@pytest.mark.slow
@pytest.mark.parametrize(
    "phase",
    [
        "step begun: stage", "step begun: back up", "step begun: restore it", "step begun: start v2",
        "step begun: 3 good answers", "step begun: smoke tests against", "step begun: switch traffic",
        "step done: switch traffic", "step begun: let requests", "step begun: stop the workers",
        "step begun: start the workers", "step begun: write the version", "window opened",
    ],
)  # fmt: skip
def test_the_power_is_lost_in_every_phase_and_the_run_ends_in_a_known_state(
    phase: str, service: UnitService
) -> None:
    service.deploy("v1")
    service.deploy_until("v2", phase)
    service.host.crash()
    service.host.boot()
    settled = ("observing", "rolled back", "aborted", "refused")

    def state() -> str:  # of this deployment: what comes back is watched by a run of its own
        return next(str(run["state"]) for run in service.runs() if run["tag"] == "v2")

    service.host.wait_until(lambda: state() in settled, "the run to settle", within=120)
    service.await_live("v2" if state() == "observing" else "v1")
    assert_never_two(service)


@pytest.mark.parametrize("options", ["notify", "another user"])
def test_readiness_credentials_and_a_user_of_its_own(options: str, host: Host) -> None:
    host.run(["useradd", "--system", "probe"])
    host.write("/etc/probe.word", "sesame", mode=0o600)
    user = '\nuser = "probe"' if options == "another user" else ""
    systemd = f'credentials = {{ word = "/etc/probe.word" }}{user}'
    service = ready(UnitService(host, systemd=systemd, ready="notify"))
    shared = f"{service.folder}/.mobius/production/shared"
    host.run(["chmod", "0777", shared])
    service.deploy("v1")
    seen = service.get("/secret")
    wanted = host.run(["id", "-u", "probe" if user else "deploy"]).stdout.strip()
    assert (seen["told"], str(seen["uid"]), seen["GREETING"]) == ("sesame", wanted, '100% "plain" $HOME')
    service.get("/write")
    assert host.read(f"{shared}/written") == "v1"
    assert host.show("mobius-probe-api@blue.service", "NoNewPrivileges")["NoNewPrivileges"] == "yes"
    service.deploy("v2")
    assert service.live() == "v2"


def test_a_process_that_never_says_it_is_ready_fails_the_deployment(host: Host) -> None:
    service = ready(UnitService(host, ready="notify", systemd='directives = { TimeoutStartSec = "3s" }'))
    web = service.host.read(f"{service.folder}/releases/v2/web.py").replace("READY=1", "STATUS=never")
    service.host.write(f"{service.folder}/releases/v2/web.py", web)
    service.deploy("v1")
    done = service.deploy("v2", expect=12)
    assert "mobius-probe-api@green.service" in done.stdout
    assert service.live() == "v1"


def test_the_units_come_once_and_go_without_a_trace(host: Host) -> None:
    service = UnitService(host)
    service.add_release("v1")
    before = etc(host)
    dry = service.mobius("host", "install", "--dry-run")
    assert "+++ /etc/systemd/system/mobius-probe.service" in dry.stdout
    assert etc(host) == before
    refused = service.mobius("host", "install", "--yes", expect=2)
    assert "units are written to /etc/systemd/system, which is root's" in refused.stderr
    assert etc(host) == before
    service.install()
    again = service.mobius("host", "install", "--dry-run", user="root")
    assert (again.stdout, again.stderr) == (
        "",
        "0 file(s) would change; to do it: sudo mobius host install -e production\n",
    )
    service.deploy("v1")
    service.mobius("host", "uninstall", "--yes", user="root")
    assert etc(host) == before
    left = host.run(["systemctl", "list-units", "--all", "--no-legend", "mobius-*"]).stdout
    assert left.strip() == ""
    assert host.run(["pgrep", "-u", "deploy", "-a"], check=False).stdout == ""


def etc(host: Host) -> str:
    """Every unit file and link of the host, with what it holds."""
    find = "find /etc/systemd/system -printf '%p %y %l\\n' | sort; cat /etc/systemd/system/mobius-* 2>/dev/null || true"
    return host.run(["sh", "-c", find]).stdout


def test_the_rules_of_the_deploy_user_allow_nothing_else(service: UnitService) -> None:
    service.host.run(["visudo", "-c"])
    allowed = ["start", "mobius-probe-run@123.service"]
    for argv, wanted in (
        (allowed, True),
        (["start", "ssh.service"], False),
        (["start", "mobius-probe-run@1.service", "ssh.service"], False),
        (["start", "mobius-probe-run@1 ssh.service"], False),
        (["start", "--root=/tmp", "mobius-probe-run@1.service"], False),
        (["edit", "mobius-probe.service"], False),
        (["link", "/tmp/x.service"], False),
        (["daemon-reload"], False),
    ):
        asked = ["sudo", "-n", "-l", "/usr/bin/systemctl", *argv]
        done = service.host.run(asked, user="deploy", check=False)
        assert (done.returncode == 0) is wanted, argv


def test_a_second_worker_does_not_run_even_where_somebody_starts_it_by_hand(service: UnitService) -> None:
    service.deploy("v1")
    service.deploy("v2")
    host, wrong = service.host, "mobius-probe-mail@blue.service"
    before = service.said("mail")
    host.run(["systemctl", "start", wrong])
    told = "mail still runs in another slot: two of it never run at once"
    host.wait_until(lambda: told in host.journal(wrong), "its refusal")
    assert service.said("mail") == before
    host.run(["systemctl", "stop", wrong])
    service.mobius("rollback", "--yes")
    assert host.state("mobius-probe-mail@blue") == "active"
    assert_never_two(service)


def test_stop_takes_everything_down_and_start_brings_it_back(service: UnitService) -> None:
    service.deploy("v1")
    service.mobius("host", "stop", "--yes")
    assert service.live() == ""
    for unit in ("mobius-probe.socket", "mobius-probe.service", "mobius-probe-api@blue", "mobius-monitor"):
        assert service.host.state(unit) == "inactive", unit
    service.mobius("host", "start")
    service.await_live("v1")
    assert service.host.state("mobius-probe-cron@blue.timer") == "active"


def test_doctor_names_what_the_host_lacks_each_with_its_cure(host: Host) -> None:
    service = UnitService(host)
    service.add_release("v1")
    lacking = service.mobius("doctor", expect=3).stdout
    for line in (
        "FAIL   units: not installed: mobius-probe-api@.service,",
        "cure: sudo mobius host install -e production",
        "FAIL   rights: sudo does not let this user do without a password: systemctl",
        "FAIL   monitor: mobius-probe-monitor.service is inactive: nobody brings the",
        "FAIL   logs: this user cannot read the journal of the units",
    ):
        assert line in lacking, lacking
    service.deploy("v1", expect=3)
    service.install()
    assert "FAIL" not in service.mobius("doctor").stdout
    seen_by_root = service.mobius("doctor", user="root", expect=3).stdout
    assert "FAIL   rights: the project is deploy's: what root leaves there deploy cannot" in seen_by_root
    # The file is named after the prefix of the units, and is compared with what mobius.toml needs.
    assert "sudo rules: /etc/sudoers.d/mobius-probe is as visudo takes it" in seen_by_root
    host.write("/etc/sudoers.d/mobius-probe", "# nothing\n", mode=0o440)
    assert "FAIL   sudo rules: /etc/sudoers.d/mobius-probe is of another mobius.toml" in (
        service.mobius("doctor", user="root", expect=3).stdout
    )
    refused = service.deploy("v1", expect=3)
    assert "rights: sudo does not let this user do without a password" in refused.stderr


def test_a_service_moves_from_our_supervisor_to_systemd_and_back(host: Host) -> None:
    service = UnitService(host)
    service.add_release("v1")
    toml = f"{service.folder}/mobius.toml"
    units = host.read(toml)
    plain = units.replace('target = "systemd"', 'target = "process"').replace('schedule = "*:*:*"\n', "")
    host.write(toml, plain)
    service.deploy("v1")
    service.mobius("host", "install", "--yes", user="root", expect=2)
    host.write(toml, units)
    refused = service.mobius("host", "install", "--yes", user="root", expect=2).stderr
    assert "the supervisor of production runs already, and not as a unit" in refused
    host.write(toml, plain)
    service.mobius("host", "stop", "--yes")
    host.write(toml, units)
    service.install()
    service.mobius("host", "start")
    service.await_live("v1")
    assert host.state("mobius-probe-api@blue") == "active"
    assert "blue v1-" in service.mobius("host", "status").stdout
    service.mobius("host", "uninstall", "--yes", user="root")
    host.write(toml, plain)
    service.mobius("host", "start")
    service.await_live("v1")
    service.mobius("host", "stop", "--yes")
