"""A service that was set up by hand is taken over under load, deployed, taken back, and given back as it was."""

from __future__ import annotations

import time

import pytest

from beds.host import Host
from journeys.fleet.running_service import PROJECT, SITE, TREE, RunningService, wait
from mobius.adapters.load import Load

pytestmark = pytest.mark.fleet

RELOAD_S = 3.0  # around a reload: what is lost in that time is the announced one's


@pytest.fixture
def service(host: Host) -> RunningService:
    return RunningService(host)


class Announced:
    """The times in which a reload was announced."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def __call__(self, began: float, ended: float) -> None:
        self.times.append((began, ended))

    def lost_elsewhere(self, load: Load) -> list[str]:
        return [
            f"{failure}"
            for failure in load.snapshot().lost
            if not any(began <= failure.started_s <= ended for began, ended in self.times)
        ]


def test_it_is_adopted_deployed_rolled_back_and_given_back_under_load(service: RunningService) -> None:
    before, pid, announced = service.files(), service.main_pid(), Announced()
    load = service.load()
    try:
        began = time.monotonic()
        service.mobius("adopt", "app", "--yes")
        announced(began, time.monotonic())
        assert (service.version(), service.main_pid()) == ("v1", pid)
        assert service.status()["live"]["tag"] == "v1"
        service.watch_quickly()

        service.mobius("deploy", "--tag", "v2")
        assert service.version() == "v2"
        assert service.host.state("app.service") == "inactive"

        service.mobius("deploy", "--tag", "bad3", expect=12)
        assert service.version() == "v2"

        service.let_hours_pass()
        service.mobius("rollback", "--yes", "--to", "v1")
        assert (service.version(), service.host.state("app.service")) == ("v1", "active")
        assert service.status()["live"]["since"] > time.time() + 4 * 3600
        # From its first act to its last one. What comes before is two programs that start, and other work here.
        assert service.between("rollback begun", "rolled back") <= 15
        assert announced.lost_elsewhere(load) == []

        began = time.monotonic()
        service.mobius("adopt", "--undo", "--yes")
        wait(1)
        announced(began, time.monotonic())
    finally:
        report = load.stop()
    assert report.requests > 1000
    assert announced.lost_elsewhere(load) == []
    assert service.version() == "v1"
    assert service.files() == before
    service.host.run(["nginx", "-t"])
    assert "mobius" not in service.host.run(["systemctl", "list-unit-files", "--no-pager"]).stdout


@pytest.mark.parametrize("after_s", [0.5, 3.0, 6.0, 9.0, 12.0])
def test_killed_at_any_time_it_is_finished_or_given_back_and_always_answers(
    service: RunningService, after_s: float
) -> None:
    before, pid = service.files(), service.main_pid()
    for finish in (True, False):
        program = service.host.popen(["mobius", "adopt", "app", "--yes"], cwd=PROJECT)
        wait(after_s)
        service.kill("adopt")
        program.wait()
        assert service.version() == "v1"
        if finish:
            service.mobius("adopt", "app", "--yes")
            assert service.status()["live"]["tag"] == "v1"
        done = service.mobius("adopt", "--undo", "--yes", expect=None)
        assert done.returncode in (0, 2), done.stderr
        assert (service.version(), service.main_pid()) == ("v1", pid)
        assert service.files() == before


def test_a_reboot_brings_up_what_was_adopted_and_what_was_deployed(service: RunningService) -> None:
    service.mobius("adopt", "app", "--yes")
    service.watch_quickly()
    service.host.reboot()
    service.host.wait_until(lambda: service.version() == "v1", "release 0 after the boot", within=60)
    service.mobius("deploy", "--tag", "v2")
    service.host.crash()
    service.host.boot()
    service.host.wait_until(lambda: service.version() == "v2", "the new release after the crash", within=60)
    assert service.host.state("app.service") == "inactive"
    told = service.mobius("adopt", "--undo", "--dry-run").stdout
    assert "+\tserver 127.0.0.1:3000 max_fails=0;" in told
    service.mobius("adopt", "--undo", "--yes")
    service.host.reboot()
    service.host.wait_until(lambda: service.version() == "v1", "the service by itself", within=60)


@pytest.mark.parametrize("proxy", ["caddy", "haproxy"])
def test_behind_another_proxy_it_goes_the_same_way(host: Host, proxy: str) -> None:
    service = RunningService(host, proxy=proxy)
    before, pid = service.files(), service.main_pid()
    counted = service.mobius("adopt", "app", "--yes", "--count").stdout
    assert "requests were lost in the reload, on a line of 40 ms" in counted
    assert (service.version(), service.main_pid()) == ("v1", pid)
    service.watch_quickly()
    load = service.load()
    try:
        service.mobius("deploy", "--tag", "v2")
        service.mobius("rollback", "--yes", "--to", "v1")
    finally:
        report = load.stop()
    assert (service.version(), report.lost) == ("v1", ())
    assert set(report.by_release) == {"v1", "v2"}
    service.mobius("adopt", "--undo", "--yes")
    assert service.files() == before


def test_somebody_without_rights_deploys_what_root_adopted(host: Host) -> None:
    service = RunningService(host, owner="deploy")
    refused = service.mobius("adopt", "app", "--yes", expect=3)
    assert "usermod -aG www-data deploy" in refused.stderr
    assert f"deploy may not read {SITE}, which every deployment looks at: chmod o+r {SITE}" in refused.stderr
    host.run(["chmod", "o+r", SITE])
    before = service.files()
    host.run(["usermod", "-aG", "www-data,systemd-journal", "deploy"])
    service.mobius("adopt", "app", "--yes")
    service.watch_quickly()
    rules = service.mobius("host", "install", "--sudoers", "deploy").stdout
    assert "app.service" in rules
    host.write("/etc/sudoers.d/mobius-app", rules, mode=0o440)
    service.mobius("deploy", "--tag", "v2", user="deploy")
    assert service.version() == "v2"
    service.mobius("rollback", "--yes", "--to", "v1", user="deploy")
    assert (service.version(), host.state("app.service")) == ("v1", "active")
    service.mobius("adopt", "--undo", "--yes")
    assert service.files() == before


def test_data_inside_the_running_folder_is_the_next_releases_too_and_is_backed_up(
    service: RunningService,
) -> None:
    service.host.write(f"{TREE}/data/kept", "kept\n", owner="app")
    before = service.files()
    told = service.mobius("adopt", "app", "--dry-run").stdout
    assert f"note: only in {TREE}, in no release: data." in told
    service.mobius("adopt", "app", "--yes", "--link", "data")
    service.watch_quickly()
    service.mobius("deploy", "--tag", "v2")
    (folder,) = service.host.run(
        ["sh", "-c", f"readlink -f {PROJECT}/.mobius/production/releases/v2-*/data"]
    ).stdout.split()
    assert folder == f"{TREE}/data"
    (archive,) = service.host.run(["sh", "-c", f"ls {PROJECT}/backups/app_*_*.zip"]).stdout.split()
    names = service.host.run(["python3", "-m", "zipfile", "-l", archive]).stdout
    assert "data/kept" in names and "release/server.js" in names and "release/data" not in names
    service.mobius("rollback", "--yes", "--to", "v1")
    service.mobius("adopt", "--undo", "--yes")
    assert service.files() == before


def test_hostile_names_and_files_inject_nothing(service: RunningService) -> None:
    before = service.files()
    for name in ("--now", "app;touch /tmp/pwned", "$(touch /tmp/pwned)", "../app", "app\nx", "nothing-there"):
        service.mobius("adopt", "--yes", "--", name, expect=2)
    evil = 'x"; touch /tmp/pwned; $(touch /tmp/pwned) `touch /tmp/pwned` %n ${HOME}'
    quoted = evil.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    service.host.write(
        "/etc/systemd/system/app.service.d/evil.conf",
        f'[Service]\nEnvironment="EVIL={evil.replace("%", "%%").replace(chr(34), chr(92) + chr(34))}"\n'
        f'ExecStart=\nExecStart=/usr/bin/node server.js "{quoted}" 3000\n',
    )
    service.host.run(["systemctl", "daemon-reload"])
    service.host.run(["systemctl", "restart", "app"])
    service.host.wait_until(lambda: service.version() == "v1", "the service with its evil words", within=20)
    service.mobius("adopt", "app", "--yes")
    service.watch_quickly()
    service.mobius("deploy", "--tag", "v2")
    pid = service.host.show("mobius-app-web@green.service", "MainPID")["MainPID"]
    argv = service.host.read(f"/proc/{pid}/cmdline").split("\0")
    assert evil in argv
    assert service.host.run(["ls", "/tmp/pwned"], check=False).returncode != 0
    service.mobius("adopt", "--undo", "--yes")
    service.host.run(["rm", "/etc/systemd/system/app.service.d/evil.conf"])
    assert service.files() == before


@pytest.mark.sample
def test_it_is_adopted_twice_and_given_back_twice_and_nothing_is_left(service: RunningService) -> None:
    before, pid = service.files(), service.main_pid()
    listed = service.host.run(["ls", "-A", PROJECT]).stdout
    dry = service.mobius("adopt", "app", "--dry-run")
    assert "release 0" in dry.stdout and service.files() == before
    assert service.host.run(["ls", "-A", PROJECT]).stdout == listed
    for _ in range(2):
        service.mobius("adopt", "app", "--yes")
        assert service.version() == "v1"
        again = service.mobius("adopt", "app.service", "--yes")
        assert again.stdout.startswith("app.service is adopted already, since ")
        assert service.host.run(["systemctl", "is-enabled", "app"], check=False).stdout == "disabled\n"
        service.mobius("adopt", "--undo", "--yes")
        assert service.files() == before
        assert service.main_pid() == pid
    service.mobius("adopt", "--undo", "--yes", expect=2)
    assert service.version() == "v1"
    assert SITE in before
