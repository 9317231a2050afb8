"""The lines of the bed: ssh with a verified host key, cut and healed; hosts that know each other."""

from __future__ import annotations

import subprocess

import pytest

from beds.bed import Bed
from beds.host import Host

pytestmark = pytest.mark.fleet


@pytest.mark.sample
def test_a_laptop_logs_in_with_the_hosts_key_verified(bed: Bed, host: Host) -> None:
    laptop = bed.laptop()

    done = laptop.run(["ssh", "-F", host.ssh_config, host.login(), "echo", "$SSH_CLIENT"])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(laptop.address + " ")


def test_a_login_is_a_session_of_its_own(host: Host) -> None:
    assert "/user.slice/user-1000.slice/session-" in host.ssh(["cat", "/proc/self/cgroup"]).stdout


def test_a_host_with_another_key_is_refused(bed: Bed, host: Host) -> None:
    other = bed.host("other")
    known = host.ssh_config.with_name("known_hosts")
    known.write_text(known.read_text().replace("host," + host.address, other.address))

    done = bed.laptop().run(
        ["ssh", "-F", other.ssh_config, "-o", f"UserKnownHostsFile={known}", other.login(), "true"]
    )

    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_a_line_that_is_cut_ends_the_login_and_not_the_work_and_heals(bed: Bed, host: Host) -> None:
    laptop = bed.laptop()
    patience = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1")
    login = subprocess.Popen(
        laptop.argv(["ssh", "-F", host.ssh_config, *patience, host.login(), "exec sleep 1000"]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        host.wait_until(
            lambda: host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 0, "the login"
        )

        laptop.cut()

        assert login.wait(20) == 255
        assert host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 0
        assert host.ssh(["echo", "the machine's own line holds"]).returncode == 0
    finally:
        login.kill()
        login.wait()
    laptop.heal()
    assert laptop.run(["ssh", "-F", host.ssh_config, host.login(), "true"]).returncode == 0


def test_a_host_that_is_cut_off_can_still_be_looked_at(host: Host) -> None:
    host.cut()
    assert host.ssh(["true"], check=False).returncode == 255
    assert host.run(["systemctl", "is-system-running"]).stdout == "running\n"

    host.heal()
    assert host.ssh(["true"]).returncode == 0


def test_hosts_know_each_other_by_name(bed: Bed) -> None:
    web, data = bed.host("web"), bed.host("data")
    data.run(["systemctl", "start", "nginx"])

    assert "nginx" in web.run(["curl", "-sS", "http://data/"]).stdout
    assert web.run(["cat", "/etc/machine-id"]).stdout != data.run(["cat", "/etc/machine-id"]).stdout
