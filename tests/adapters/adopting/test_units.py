"""What systemctl says, by a program that says it as systemctl does: words in, words out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobius.adapters.adopting.units import Units
from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.model.adoption import Listening, Timer

PROGRAM = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$*" in
  *"-- app.service"*) cat {folder}/app ;;
  *list-units*) echo "app-clean.timer loaded active waiting The timer"; echo "other.timer loaded active waiting x" ;;
  *"-p Unit -- app-clean.timer"*) echo Unit=app-clean.service ;;
  *"-p Unit -- other.timer"*) echo Unit=other.service ;;
  *"-p WorkingDirectory"*) echo WorkingDirectory=/ ;;
  *broken*) echo "Access denied" >&2; exit 4 ;;
  *) echo LoadState=not-found ;;
esac
"""


@pytest.fixture
def units(tmp_path: Path) -> Units:
    program = tmp_path / "systemctl"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    unit, more = tmp_path / "app.service", tmp_path / "more.conf"
    unit.write_text("[Service]\nExecStart=/usr/bin/node s.js\nEnvironmentFile=-/none\n")
    more.write_text("[Service]\nLimitNOFILE=1\n")
    (tmp_path / "app").write_text(
        f"LoadState=loaded\nFragmentPath={unit}\nDropInPaths={more}\nUser=app\nMainPID={os.getpid()}\nType=simple\n"
        "WorkingDirectory=/srv/app\nUnitFileState=enabled\nActiveState=active\nControlGroup=/none\n"
    )
    return Units([str(program)])


def test_a_unit_is_read_with_its_drop_ins(units: Units, tmp_path: Path) -> None:
    found = units.look("app.service")
    assert found.files == (str(tmp_path / "app.service"), str(tmp_path / "more.conf"))
    assert (found.argv, found.user, found.enabled) == (("/usr/bin/node", "s.js"), "app", "enabled")
    assert ("LimitNOFILE", "1") in found.directives
    assert units.environment_files(found) == {"/none": {}}
    assert units.is_active("app.service")


def test_a_unit_that_is_not_there_is_said(units: Units) -> None:
    with pytest.raises(UsageError, match=r"systemd knows no gone\.service"):
        units.look("gone.service")
    with pytest.raises(GateUnknown, match="systemd cannot be asked: Access denied"):
        units.look("broken.service")
    with pytest.raises(GateUnknown, match="systemd cannot be asked"):
        Units(["/no/such/systemctl"]).look("app.service")


def test_an_act_that_fails_is_said_in_systemctls_own_words(units: Units) -> None:
    with pytest.raises(MobiusError, match=r"systemctl start -- broken.service failed \(4\): Access denied"):
        units.start("broken.service")


def test_only_what_is_enabled_is_disabled(units: Units, tmp_path: Path) -> None:
    units.disable("app.service", "static")
    units.disable("app.service", "enabled-runtime")
    units.disable("app.service", "enabled")
    assert (tmp_path / "asked").read_text().splitlines() == [
        "disable --runtime -- app.service",
        "disable -- app.service",
    ]


def test_timers_beside_the_service_are_found(units: Units) -> None:
    assert units.timers(units.look("app.service")) == (Timer("app-clean.timer", "app-clean.service"),)


def test_what_its_processes_accept_on_is_found(units: Units, tmp_path: Path) -> None:
    """In a process of its own: this one may listen on other things."""
    code = (
        "import socket, sys; t = socket.create_server(('127.0.0.1', 0)); u = socket.socket(socket.AF_UNIX);"
        "u.bind(sys.argv[1]); u.listen(); c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]);"
        "print(t.getsockname()[1], flush=True); sys.stdin.read()"
    )
    path = str(tmp_path / "s.sock")
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None and program.stdin is not None
        port = int(program.stdout.readline())
        text = (tmp_path / "app").read_text()
        (tmp_path / "app").write_text(text.replace(f"MainPID={os.getpid()}", f"MainPID={program.pid}"))
        found = units.listening(units.look("app.service"))
        program.stdin.close()
    assert set(found) == {Listening(program.pid, port, "127.0.0.1"), Listening(program.pid, path=path)}


def test_links_are_put_back_as_they_were(units: Units, tmp_path: Path) -> None:
    link = tmp_path / "wants" / "app.service"
    units.link({str(link): "1580608922123456789 ../app.service"})
    units.link({str(link): "1580608922123456789 ../app.service"})
    assert (str(link.readlink()), link.lstat().st_mtime_ns) == ("../app.service", 1580608922123456789)
