from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mobius.host.kept import backoff_s
from mobius.host.messages import HostStatus, ProcessSpec, build
from mobius.host.one_door import ASK_TIMEOUT_S, BACKOFF_S
from mobius.host.protocol import (
    SOCKET_PATH_LIMIT_BYTES,
    HostUnavailable,
    find_socket,
    place_socket,
    remove_socket,
)
from mobius.host.state import SCHEMA_VERSION, load, write_atomically

GOOD = {"schema_version": SCHEMA_VERSION, "slots": {}, "jobs": {}}


def test_what_was_written_is_read_again_and_only_by_this_user(tmp_path: Path) -> None:
    write_atomically(tmp_path / "host.json", GOOD)
    assert load(tmp_path / "host.json") == (GOOD, "")
    assert stat.S_IMODE((tmp_path / "host.json").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["host.json"]


def test_no_state_is_no_complaint(tmp_path: Path) -> None:
    assert load(tmp_path / "host.json") == (None, "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"schema_version":99}', "\x00\xff", '{"schema_version":1}']
)
def test_a_damaged_state_is_put_aside_with_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "host.json"
    path.write_text(text)
    state, complaint = load(path)
    assert state is None
    assert complaint.startswith(f"{path} made no sense (")
    assert not path.exists()
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("host.json.damaged-") and aside.read_text() == text


def test_backoff_doubles_from_a_fifth_of_a_second_to_half_a_minute() -> None:
    waits = [backoff_s(deaths) for deaths in range(10)]
    assert waits[:5] == [0.0, 0.2, 0.4, 0.8, 1.6]
    assert waits[-1] == 30.0
    assert backoff_s(10**6) == 30.0


def test_a_door_that_dies_again_and_again_is_started_within_the_time_that_a_switch_waits_for_it() -> None:
    waits = [backoff_s(deaths, *BACKOFF_S) for deaths in range(1, 50)]
    assert waits[0] == 0.01 and max(waits) == 1.0 < ASK_TIMEOUT_S / 2


def test_a_socket_lies_beside_the_rest_when_its_path_fits() -> None:
    assert place_socket(Path("/srv/run"), "host.sock") == Path("/srv/run/host.sock")
    assert find_socket(Path("/srv/run"), "host.sock") == Path("/srv/run/host.sock")


def test_a_socket_with_a_long_path_lies_in_a_private_directory_and_is_found_by_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    run = tmp_path / ("long-" * 20) / "run"
    run.mkdir(parents=True)
    assert find_socket(run, "host.sock") == run / "host.sock"  # looking makes nothing
    placed = place_socket(run, "host.sock")
    try:
        assert len(str(placed)) <= SOCKET_PATH_LIMIT_BYTES
        assert placed == place_socket(run, "host.sock") == find_socket(run, "host.sock")
        assert stat.S_IMODE(placed.parent.stat().st_mode) == 0o700
        placed.parent.chmod(0o755)
        with pytest.raises(HostUnavailable, match="is not a private directory"):
            place_socket(run, "host.sock")
    finally:
        remove_socket(run, "host.sock")
    assert not placed.parent.exists() and list(run.iterdir()) == []


def test_nouns_come_back_from_their_json_and_unknown_keys_are_left_out() -> None:
    spec = build(ProcessSpec, {"name": "a", "kind": "web", "argv": ["x"], "env": {"K": "v"}, "newer": 1})
    assert spec == ProcessSpec("a", "web", ("x",), {"K": "v"})
    process = {
        "name": "a", "kind": "web", "pid": None, "state": "stopped", "restarts": 0, "started_at": 1,
        "last_exit": None, "port": 1, "socket": None, "log": "l",
    }  # fmt: skip
    slot = {"release": "r", "cwd": "/", "processes": [process]}
    status = build(
        HostStatus,
        {
            "pid": 1,
            "version": "0",
            "root": "/",
            "started_at": 1,
            "slots": {"s": slot},
            "door": None,
            "jobs": {},
        },
    )
    assert status.slots["s"].processes[0].started_at == 1.0
    assert status.door is None


def test_values_of_an_environment_never_show_in_a_repr() -> None:
    assert "hunter2" not in repr(ProcessSpec("a", "web", ("x",), {"PASSWORD": "hunter2"}))
