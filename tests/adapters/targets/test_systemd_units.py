"""What systemd says, what is on the disk, and what would be written: without a systemd to do it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.systemd import UnitState, read_states
from mobius.adapters.targets.systemd_slots import Placed, PlacedSlot, SlotFiles, adopted_slot, port_for
from mobius.adapters.targets.systemd_units import UnitFiles
from mobius.errors import MobiusError, UsageError
from mobius.model.settings import EnvironmentSettings, ProcessSettings

API = ProcessSettings("api", ("node", "api.js"))
MAIL = ProcessSettings("mail", ("node", "mail.js"), kind="worker")
TOLD = """\
LoadState=loaded
ActiveState=active
SubState=running
MainPID=123
NRestarts=4
Result=success

LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success

LoadState=loaded
ActiveState=activating
SubState=auto-restart
MainPID=0
NRestarts=[not set]
Result=exit-code
"""


def test_every_unit_is_read_in_the_order_it_was_asked_for() -> None:
    units = ["a.service", "b.timer", "c.service"]
    assert read_states(units, TOLD) == (
        UnitState("a.service", "loaded", "active", "running", 123, 4),
        UnitState("b.timer", "not-found", "inactive", "dead"),
        UnitState("c.service", "loaded", "activating", "auto-restart", result="exit-code"),
    )
    assert [state.is_alive for state in read_states(units, TOLD)] == [True, False, True]
    assert [state.is_there for state in read_states(units, TOLD)] == [True, False, True]


def test_a_unit_that_is_not_told_of_is_not_taken_for_stopped() -> None:
    with pytest.raises(MobiusError, match="systemd told of 3 units, and was asked for 4"):
        read_states(["a", "b", "c", "d"], TOLD)


def test_what_is_asked_of_systemd_is_one_verb_and_one_unit() -> None:
    sudo = [] if os.geteuid() == 0 else [systemd.program("sudo"), "-n"]
    assert systemd.argv("start", "a b;c.service") == [
        *sudo,
        systemd.program("systemctl"),
        "start",
        "a b;c.service",
    ]


FAKE = """#!/bin/sh
echo "$@" >> {folder}/asked
if [ "$(wc -l < {folder}/asked)" -le {failing} ]; then echo "{words}" >&2; exit 1; fi
echo ActiveState=active
"""


def fake_systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, *, failing: int) -> Path:
    """A systemctl that says these words so many times, and then does as it is told; answers what it was asked."""
    program = folder / "systemctl"
    program.write_text(FAKE.format(folder=folder, words=words, failing=failing))
    program.chmod(0o755)
    monkeypatch.setattr(systemd, "program", lambda name: str(program))
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 0)
    return folder / "asked"


def test_a_systemd_that_is_upgraded_under_us_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Failed to get properties: Message recipient disconnected from message bus without replying"
    asked = fake_systemctl(tmp_path, monkeypatch, words, failing=2)
    assert systemd.show(["a.service"])[0].active == "active"
    assert len(asked.read_text().splitlines()) == 3
    asked.unlink()
    systemd.act("start", ["a.service"], within_s=10)
    assert asked.read_text().splitlines() == ["start a.service"] * 3


def test_a_unit_that_does_not_start_is_told_at_once_with_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Job for a.service failed because a timeout was exceeded."
    asked = fake_systemctl(tmp_path, monkeypatch, words, failing=9)
    with pytest.raises(MobiusError) as caught:
        systemd.act("start", ["a.service"], within_s=10)
    assert caught.value.message == f"systemctl start a.service: {words}"
    assert caught.value.hint == "look at it: systemctl status a.service; journalctl -u a.service"
    assert len(asked.read_text().splitlines()) == 1


@pytest.mark.parametrize("words", ["sudo: a password is required", "sudo: sorry, you must have a tty"])
def test_a_missing_right_is_told_with_the_rules_to_install(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_systemctl(tmp_path, monkeypatch, words, failing=9)
    with pytest.raises(MobiusError) as caught:
        systemd.act("stop", ["a.service"], within_s=10)
    assert caught.value.hint.startswith("allow it: sudo mobius host install --sudoers USER")


# Unit files


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "project").mkdir()
    return Places(tmp_path / "project", tmp_path / "project" / ".mobius" / "production")


def files_of(places: Places, folder: Path, *processes: ProcessSettings) -> UnitFiles:
    settings = EnvironmentSettings(
        "production", "http://127.0.0.1:5001", places.root, listen="127.0.0.1:5001"
    )
    folder.mkdir(exist_ok=True)
    return UnitFiles("dhash", settings, places, processes or (API,), folder)


def test_what_is_missing_is_shown_as_a_diff_and_what_is_there_is_not(places: Places, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    files = files_of(places, folder)
    assert [change.path.name for change in files.changes()] == [
        "mobius-dhash-api@.service", "mobius-dhash-monitor.service", "mobius-dhash-run@.service",
        "mobius-dhash.service", "mobius-dhash.socket",
    ]  # fmt: skip
    assert files.changes()[-1].diff().splitlines()[:2] == [
        "--- /dev/null",
        f"+++ {folder}/mobius-dhash.socket",
    ]
    for name, text in files.wanted().items():
        (folder / name).write_text(text)
    assert files.changes() == ()


def test_a_unit_of_a_process_that_is_gone_is_removed_and_a_changed_one_written(
    places: Places, tmp_path: Path
) -> None:
    folder = tmp_path / "units"
    for name, text in files_of(places, folder, API, MAIL).wanted().items():
        (folder / name).write_text(text)
    slower = replace(API, stop_timeout_s=99.0)
    changes = {change.path.name: change for change in files_of(places, folder, slower).changes()}
    assert changes.keys() == {"mobius-dhash-api@.service", "mobius-dhash-mail@.service"}
    assert changes["mobius-dhash-mail@.service"].after is None
    assert "+TimeoutStopSec=99" in changes["mobius-dhash-api@.service"].diff().splitlines()


def test_the_units_of_a_release_at_hand_stay_and_mobius_toml_comes_first(
    places: Places, tmp_path: Path
) -> None:
    older = replace(API, stop_timeout_s=1.0)
    wanted = files_of(places, tmp_path / "units", API, older, MAIL).wanted()
    assert "mobius-dhash-mail@.service" in wanted
    assert "TimeoutStopSec=30" in wanted["mobius-dhash-api@.service"]


def test_a_unit_that_somebody_else_wrote_is_never_touched(places: Places, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    files = files_of(places, folder)
    (folder / "mobius-dhash-api@.service").write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(UsageError, match=r"mobius-dhash-api@\.service is there, and not of this environment"):
        files.changes()
    assert files.removals() == ()


def test_two_environments_that_come_to_one_name_do_not_overwrite_each_other(
    places: Places, tmp_path: Path
) -> None:
    folder = tmp_path / "units"
    other = Places(places.project, places.project / ".mobius" / "other")
    for name, text in files_of(other, folder).wanted().items():
        (folder / name).write_text(text)
    with pytest.raises(UsageError, match="is there, and not of this environment"):
        files_of(places, folder).changes()


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_nothing_is_written_where_systemd_does_not_run(places: Places, tmp_path: Path) -> None:
    files = files_of(places, tmp_path / "units")
    with pytest.raises(UsageError):
        files.install(files.changes())
    assert list((tmp_path / "units").iterdir()) == []


# What was asked to run


def placed(name: str, kind: str = "web", **more: object) -> Placed:
    return Placed(name, kind, unit=f"{name}.service", service=f"{name}.service", **more)  # type: ignore[arg-type]


def test_what_is_to_run_is_remembered_slot_by_slot(tmp_path: Path) -> None:
    files = SlotFiles(tmp_path)
    assert files.read() == {}
    blue = PlacedSlot(
        "blue", "r1", {"api": placed("api", port=20001, wanted=True), "mail": placed("mail", "worker")}
    )
    files.write(blue)
    files.write_unit("blue", "slot", argv=["x"], cwd=tmp_path, env={"A": "secret"}, kind="web")
    assert files.read() == {"blue": blue}
    assert not files.want(blue, ["api"], wanted=False).processes["api"].wanted
    assert not files.read()["blue"].processes["api"].wanted
    kept = tmp_path / "run" / "units" / "blue" / "slot.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_a_damaged_memory_is_an_error_and_not_an_empty_slot(tmp_path: Path) -> None:
    files = SlotFiles(tmp_path)
    files.write(PlacedSlot("blue", "r1", {}))
    for text in (
        "",
        "{}",
        '{"schema_version": 1}',
        '{"schema_version": 99, "release_id": "r", "processes": {}}',
    ):
        (tmp_path / "run" / "units" / "blue.json").write_text(text)
        with pytest.raises(MobiusError, match=r"blue\.json"):
            files.read()


def test_a_port_stays_with_its_slot_and_is_never_shared(tmp_path: Path) -> None:
    slots = {"blue": PlacedSlot("blue", "r1", {"api": placed("api", port=port_for({}, "blue", "api"))})}
    blue = slots["blue"].processes["api"].port
    assert port_for(slots, "blue", "api") == blue
    assert port_for(slots, "green", "api") not in (None, blue)


def test_what_was_adopted_is_found_with_the_kinds_of_mobius_toml(tmp_path: Path) -> None:
    assert adopted_slot(tmp_path, {}) is None
    processes = {
        "api": {"unit": "app.service", "port": 3000, "timer": ""},
        "tidy": {"unit": "tidy.service", "port": 0, "timer": "tidy.timer"},
    }
    said = {"schema_version": 1, "release_id": "r0", "slot": "blue", "processes": processes}
    (tmp_path / "adopted.json").write_text(json.dumps(said))
    found = adopted_slot(tmp_path, {"tidy": "singleton"})
    assert found is not None
    assert (found.name, found.release_id) == ("blue", "r0")
    web, tidy = found.processes["api"], found.processes["tidy"]
    assert (web.kind, web.unit, web.service, web.port, web.wanted) == (
        "web",
        "app.service",
        "app.service",
        3000,
        True,
    )
    assert (tidy.kind, tidy.unit, tidy.service) == ("singleton", "tidy.timer", "tidy.service")
