"""A host of the bed is what its README promises: units, a journal, services, power."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from beds.bed import Bed
from beds.host import Host, WentWrong
from beds.mobius import install_mobius, put_project

pytestmark = pytest.mark.fleet

FRAGILE = """\
[Service]
ExecStart=/bin/sh -c 'echo up again; exec sleep infinity'
Restart=always
RestartSec=0
"""
HARDENED = """\
[Service]
Type=oneshot
RemainAfterExit=yes
DynamicUser=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
MemoryDenyWriteExecute=yes
LoadCredential=secret:/etc/secret
ExecStart=/bin/sh -c 'cat "$CREDENTIALS_DIRECTORY/secret"; touch /etc/mine || echo no writing here'
"""


@pytest.mark.sample
def test_a_host_boots_well_and_is_named(host: Host) -> None:
    assert host.state() == "running"
    assert host.run(["hostname"]).stdout == "host\n"
    assert host.run(["getent", "hosts", "host"]).stdout.split() == [host.address, "host"]


@pytest.mark.sample
def test_mobius_and_a_project_are_there_for_root_and_for_the_deploy_user(host: Host, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mobius.toml").write_text('service = "shop"\n')
    install_mobius(host)

    place = put_project(host, tmp_path / "shop")

    assert host.run(["stat", "--format=%U", place / "mobius.toml"]).stdout == "deploy\n"
    for user in ("root", "deploy"):
        assert host.run(["mobius", "--version"], user=user, cwd=place).stdout.startswith("mobius, version")
        assert host.ssh(["mobius", "--version"], user=user).stdout.startswith("mobius, version")


@pytest.mark.sample
def test_a_unit_is_restarted_and_counted_and_tells_its_journal(host: Host) -> None:
    host.unit("fragile.service", FRAGILE)
    host.run(["systemctl", "kill", "--signal=KILL", "fragile"])

    host.wait_until(
        lambda: host.show("fragile", "NRestarts", "SubState") == {"NRestarts": "1", "SubState": "running"},
        "it",
    )
    host.wait_until(lambda: host.journal("fragile").count("up again\n") == 2, "its journal")


def test_memory_and_tasks_of_a_unit_are_counted_and_limited(host: Host) -> None:
    host.unit("fragile.service", FRAGILE + "MemoryMax=20M\n")

    figures = host.show("fragile", "MemoryCurrent", "TasksCurrent", "MemoryMax")
    assert 0 < int(figures["MemoryCurrent"]) < int(figures["MemoryMax"]) == 20 * 2**20
    assert figures["TasksCurrent"] == "1"

    eater = ["systemd-run", "--wait", "--quiet", "--property=MemoryMax=20M", "python3", "-c", "b'x' * 10**8"]
    assert host.run(eater, check=False).returncode != 0


def test_a_hardened_unit_with_a_credential_runs_as_on_any_host(host: Host) -> None:
    host.write("/etc/secret", "sesame\n", mode=0o600)

    host.unit("hardened.service", HARDENED)

    said = host.journal("hardened")
    assert "sesame\n" in said
    assert "no writing here\n" in said


def test_a_timer_and_a_socket_start_their_services(host: Host) -> None:
    host.unit("tick.service", "[Service]\nType=oneshot\nExecStart=echo ticked\n", start=False)
    host.unit("tick.timer", "[Timer]\nOnActiveSec=0\nAccuracySec=10ms\n")
    host.unit("echo@.service", "[Service]\nExecStart=cat\nStandardInput=socket\n", start=False)
    host.unit("echo.socket", "[Socket]\nListenStream=/run/echo.sock\nAccept=yes\n")

    host.wait_until(lambda: "ticked\n" in host.journal("tick"), "the timer")
    ask = "import socket as s; c = s.socket(s.AF_UNIX); c.connect('/run/echo.sock'); c.send(b'?'); print(c.recv(1))"
    assert host.run(["python3", "-c", ask]).stdout == "b'?'\n"


def test_nginx_haproxy_caddy_and_postgresql_start(host: Host) -> None:
    host.write(
        "/etc/caddy/Caddyfile", "{\n\tadmin off\n\tauto_https off\n}\nhttp://:8081 {\n\trespond well\n}\n"
    )
    host.run(["systemctl", "start", "nginx", "haproxy", "caddy", "postgresql"], timeout=60)

    assert host.state() == "running"
    assert "nginx" in host.run(["curl", "-sS", "http://127.0.0.1/"]).stdout
    assert host.run(["curl", "-sS", "http://127.0.0.1:8081/"]).stdout == "well"
    assert host.run(["psql", "-tAc", "select 40 + 2"], user="postgres").stdout == "42\n"
    assert "HAProxy" in host.run(["haproxy", "-v"]).stdout


def test_node_and_a_second_clock_are_there(host: Host) -> None:
    assert host.run(["node", "-p", "6 * 7"]).stdout == "42\n"
    assert host.run(["faketime", "2031-01-01 12:00:00", "date", "+%Y"]).stdout == "2031\n"
    host.unit(
        "later.service",
        "[Service]\nType=oneshot\nExecStart=date +the+year+%%Y\nEnvironment=FAKETIME=+3650d\n"
        "Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1\n",
    )
    year = datetime.fromtimestamp(time.time() + 3650 * 86_400).year
    assert f"the+year+{year}\n" in host.journal("later")


@pytest.mark.sample
def test_files_and_the_journal_are_kept_over_a_reboot_and_a_crash(host: Host) -> None:
    host.unit("fragile.service", FRAGILE + "[Install]\nWantedBy=multi-user.target\n")
    host.run(["systemctl", "enable", "fragile"])
    host.write("/srv/kept", "before the reboot\n")

    host.reboot()

    assert host.state("fragile") == "active"
    host.run(["dd", "of=/srv/kept", "conv=fsync,notrunc", "oflag=append"], input="before the crash\n")

    host.crash()
    assert not host.is_up
    host.boot()

    assert host.state() == "running"
    assert host.read("/srv/kept") == "before the reboot\nbefore the crash\n"
    assert host.journal("fragile").count("up again\n") == 3


def test_a_host_that_reboots_itself_is_booted_again(host: Host) -> None:
    host.run(["systemctl", "reboot"], check=False)
    host.await_down()
    host.boot()

    assert host.state() == "running"


def test_a_host_goes_down_under_a_program_that_goes_on(host: Host) -> None:
    started = host.popen(["sleep", "1000"])
    host.wait_until(lambda: host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 0, "sleep")

    host.reboot()

    assert started.wait(10) != 0
    assert host.state() == "running"


def test_a_host_like_another_has_its_files_and_a_name_and_keys_of_its_own(bed: Bed) -> None:
    origin = bed.host("origin")
    origin.write("/srv/kept", "of the origin\n")
    origin.run(["rm", "/etc/motd"])
    origin.poweroff()

    copy = bed.host("copy", like=origin)

    assert copy.state() == "running"
    assert copy.ssh(["cat", "/srv/kept", "/etc/hostname"]).stdout == "of the origin\ncopy\n"
    assert copy.run(["test", "-e", "/etc/motd"], check=False).returncode == 1
    copy.write("/srv/kept", "of the copy\n")
    origin.boot()
    assert origin.read("/srv/kept") == "of the origin\n"


def test_a_program_that_takes_too_long_is_ended(host: Host) -> None:
    with pytest.raises(WentWrong, match=r"sleep 1000 on host left with 124 \(not done within 0.5 s\)"):
        host.run(["sleep", "1000"], timeout=0.5)

    assert host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 1


def test_a_program_that_goes_on_ends_with_the_process_that_stands_for_it(host: Host) -> None:
    started = host.popen(["sleep", "1000"], user="deploy")
    host.wait_until(lambda: host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 0, "sleep")

    started.kill()
    started.wait()

    host.wait_until(lambda: host.run(["pgrep", "--exact", "sleep"], check=False).returncode == 1, "its end")


def test_the_deploy_user_has_the_rights_that_a_test_gives_it(host: Host) -> None:
    assert host.run(["sudo", "-n", "true"], user="deploy", check=False).returncode == 1

    host.write(
        "/etc/sudoers.d/deploy",
        "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl start nginx.service\n",
        mode=0o440,
    )

    assert host.ssh(["sudo", "-n", "systemctl", "start", "nginx.service"]).returncode == 0
    assert host.ssh(["sudo", "-n", "systemctl", "stop", "nginx.service"], check=False).returncode == 1


def test_the_machine_keeps_its_own_name_and_processes(host: Host) -> None:
    seen = host.run(["ps", "-e", "-o", "comm="]).stdout.split()

    assert os.uname().nodename != "host"
    assert seen[0] == "systemd"
    assert "pytest" not in seen


def test_a_disk_of_its_own_can_be_full_and_is_kept_over_a_crash(bed: Bed) -> None:
    host = bed.host("small", disk_mib=128)
    host.write("/root/kept", "kept")
    fill = "fallocate -l $(df --output=avail -B1 / | tail -1) /full; cat /dev/zero >/full.rest"
    assert "No space left" in host.run(["sh", "-c", fill], check=False).stderr
    host.crash()
    host.boot()
    assert host.read("/root/kept") == "kept"
    host.run(["rm", "/full", "/full.rest"])
    host.write("/root/more", "more")
