"""Slots that somebody else runs, and the front door on a Unix socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from free_ports import free_port
from host.sites import SERVICE, Site, is_running, wait_for
from host.talking import Answer, Line, get
from mobius.host.client import HostRefused

pytestmark = pytest.mark.journey


@contextmanager
def foreign(site: Site, release: str, *, port: int | None = None, path: str = "") -> Iterator[None]:
    """A service that mobius did not start, on a port or on a Unix socket."""
    env = {**os.environ, "MOBIUS_RELEASE": release, "PORT": str(port), "MOBIUS_SOCKET": path}
    argv = [sys.executable, "-P", str(SERVICE), *(["--socket"] if path else [])]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL)
    try:
        wait_for("the service to listen", lambda: _listens(port, path))
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int | None, path: str) -> bool:
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as line:
        return line.connect_ex(path or ("127.0.0.1", port or 0)) == 0


def by_socket(path: str, target: str = "/", lines: str = "") -> Answer:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(path)
    with Line.over(line) as talk:
        talk.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n{lines}\r\n".encode())
        return talk.answer()


# -- slots of somebody else --------------------------------------------------------------------------------


def test_a_placed_slot_gets_traffic_is_drained_and_counted_like_any_other(site: Site) -> None:
    site.client.configure_door(site.listen)
    path = str(site.root / "green.sock")
    port = free_port()
    with foreign(site, "r1", port=port), foreign(site, "r2", path=path):
        assert not site.client.place_slot("blue", "r1", port=port).already
        assert site.client.place_slot("blue", "r1", port=port).already
        site.client.place_slot("green", "r2", socket=path)
        site.client.route({"blue": 100})
        assert get(site.port).body == b"r1"
        site.client.route({"green": 100})
        assert get(site.port).body == b"r2"
        assert site.client.drain("blue", 1.0).cut == 0
        assert {name: one.requests for name, one in site.client.counters().releases.items()} == {
            "r1": 1,
            "r2": 1,
        }
        status = site.client.status().slots["blue"]
        assert (status.release, status.placed, status.port, status.processes) == ("r1", True, port, ())


def test_placing_it_elsewhere_moves_new_requests_there(site: Site) -> None:
    site.client.configure_door(site.listen)
    first, second = free_port(), free_port()
    with foreign(site, "r1", port=first), foreign(site, "r2", port=second):
        site.client.place_slot("blue", "r1", port=first)
        site.client.route({"blue": 1})
        assert get(site.port).body == b"r1"
        site.client.place_slot("blue", "r2", port=second)
        assert get(site.port).body == b"r2"


def test_a_placed_slot_survives_both_supervisor_and_door(site: Site) -> None:
    site.client.configure_door(site.listen)
    port = free_port()
    with foreign(site, "r1", port=port):
        site.client.place_slot("blue", "r1", port=port)
        site.client.route({"blue": 1})
        door = site.client.status().door
        assert door is not None and door.pid is not None
        site.kill_supervisor()
        os.kill(door.pid, signal.SIGKILL)
        wait_for("the door to be gone", lambda: not is_running(door.pid or 0))
        site.client = type(site)(site.root).client
        wait_for("the door to be back", lambda: _listens(site.port, ""))
        assert get(site.port).body == b"r1"
        assert site.client.status().slots["blue"].placed


def test_with_the_state_lost_the_door_still_knows_where_a_placed_slot_is(site: Site) -> None:
    site.client.configure_door(site.listen)
    port = free_port()
    with foreign(site, "r1", port=port):
        site.client.place_slot("blue", "r1", port=port)
        site.client.route({"blue": 1})
        site.kill_supervisor()
        (site.root / "run" / "host.json").write_text("{")
        site.client = type(site)(site.root).client
        found = site.client.status()
        assert (found.slots["blue"].release, found.slots["blue"].port) == ("r1", port)
        assert "slot blue was found placed by somebody else, and stays so" in found.warnings
        assert get(site.port).body == b"r1"


def test_what_cannot_be_placed_or_removed_is_refused_and_nothing_changes(site: Site) -> None:
    place = site.client.place_slot
    with pytest.raises(HostRefused, match="slot blue cannot be placed nowhere"):
        place("blue", "r1")
    with pytest.raises(HostRefused, match="slot blue cannot be placed on port 0"):
        place("blue", "r1", port=0)
    with pytest.raises(HostRefused, match=r"slot blue cannot be placed on 'web\.sock'"):
        place("blue", "r1", socket="web.sock")
    with pytest.raises(HostRefused, match="a Unix socket's path has at most 100 bytes"):
        place("blue", "r1", socket="/" + "x" * 100)
    assert site.client.status().slots == {}
    site.client.configure_door(site.listen)
    site.start("blue", "r1")
    with pytest.raises(HostRefused, match="slot blue still runs processes of release r1 here"):
        place("blue", "r2", port=1)
    with pytest.raises(HostRefused, match="slot blue still runs processes of release r1 here"):
        site.client.remove_slot("blue")
    place("green", "r2", port=1)
    with pytest.raises(HostRefused, match=r"slot green is run by somebody else \(release r2\)"):
        site.client.start_slot("green", "r3", site.root, [site.web()])
    site.client.route({"green": 1})
    with pytest.raises(HostRefused, match="slot green still gets new requests, so it cannot be removed"):
        site.client.remove_slot("green")
    site.client.route({"blue": 1})
    assert not site.client.remove_slot("green").already
    assert site.client.remove_slot("green").already
    assert set(site.client.status().slots) == {"blue"}


# -- the door on a Unix socket -----------------------------------------------------------------------------


@pytest.fixture
def behind(site: Site) -> Iterator[tuple[Site, str]]:
    """A site whose door is on a Unix socket, with release r1 live."""
    path = str(site.root / "run" / "door.sock")
    site.start("blue", "r1")
    site.client.configure_door(f"unix:{path}")
    site.client.route({"blue": 1})
    yield site, path


def test_the_door_answers_on_a_unix_socket_for_its_owner_and_group(behind: tuple[Site, str]) -> None:
    site, path = behind
    assert by_socket(path).body == b"r1"
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o660
    door = site.client.status().door
    assert door is not None and door.listen == f"unix:{path}"


def test_what_the_proxy_says_of_the_client_is_handed_on(behind: tuple[Site, str]) -> None:
    said = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n"
    seen = dict(json.loads(by_socket(behind[1], "/echo", said).body)["headers"])
    assert {name: value for name, value in seen.items() if name.startswith("X-Forwarded")} == {
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop",
    }
    seen = dict(json.loads(by_socket(behind[1], "/echo").body)["headers"])
    assert {name: value for name, value in seen.items() if name.startswith("X-Forwarded")} == {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "test",
    }, "nobody said who the client is, so nothing is made up"


def test_its_socket_survives_the_door_and_the_supervisor(behind: tuple[Site, str]) -> None:
    site, path = behind
    before = Path(path).stat().st_ino
    door = site.client.status().door
    assert door is not None and door.pid is not None
    os.kill(door.pid, signal.SIGKILL)
    assert by_socket(path).body == b"r1", "it waits in the queue of the socket that the supervisor holds"
    site.kill_supervisor()
    assert by_socket(path).body == b"r1"
    site.client = type(site)(site.root).client
    site.client.upgrade_door()
    site.client.upgrade()
    assert by_socket(path).body == b"r1"
    assert Path(path).stat().st_ino == before


def test_after_the_death_of_both_it_is_bound_anew_over_what_was_left(behind: tuple[Site, str]) -> None:
    site, path = behind
    door = site.client.status().door
    assert door is not None and door.pid is not None
    site.kill_supervisor()
    os.kill(door.pid, signal.SIGKILL)
    wait_for("the door to be gone", lambda: not is_running(door.pid or 0))
    site.client = type(site)(site.root).client
    wait_for("the door to be back", lambda: _listens(None, path))
    assert by_socket(path).body == b"r1"


def test_moving_the_door_to_a_port_takes_its_socket_away(behind: tuple[Site, str]) -> None:
    site, path = behind
    site.client.configure_door(site.listen)
    assert get(site.port).body == b"r1"
    assert not Path(path).exists()
    site.client.configure_door(f"unix:{path}")
    assert by_socket(path).body == b"r1"


def test_a_path_that_is_somebody_elses_is_refused_and_nothing_changes(site: Site) -> None:
    file = site.root / "file"
    file.write_text("precious")
    with pytest.raises(HostRefused, match="there is something else than a socket"):
        site.client.configure_door(f"unix:{file}")
    assert file.read_text() == "precious"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(site.root / "other.sock"))
        other.listen(1)
        with pytest.raises(HostRefused, match=r"other\.sock: somebody else does"):
            site.client.configure_door(f"unix:{site.root / 'other.sock'}")
    for bad, why in (("run/door.sock", "give the absolute path"), ("/" + "x" * 120, "shorter `root`")):
        with pytest.raises(HostRefused) as refusal:
            site.client.configure_door(f"unix:{bad}")
        assert why in refusal.value.hint
    with pytest.raises(HostRefused, match="No such file or directory"):
        site.client.configure_door(f"unix:{site.root}/nowhere/door.sock")
    assert site.client.status().door is None
