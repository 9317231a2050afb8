"""Behind a real nginx or Caddy that dials `live/web.sock`: what moves, what stays, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.contracts.conftest import Ground
from adapters.contracts.live_socket_ground import by_socket, live_socket_ground, serve
from adapters.traffic.proxies import Proxy
from host.sites import is_running, wait_for
from host.talking import Line, get, post
from mobius.adapters.traffic import faces, live_socket
from mobius.adapters.traffic.faces import Face, Faces
from mobius.adapters.traffic.history import read_history
from mobius.adapters.traffic.live_socket import LiveSocketTraffic
from mobius.errors import MobiusError
from mobius.model.settings import ProcessSettings
from mobius.report.snippets.live_socket import Static

pytestmark = pytest.mark.journey

ASSETS = Static("/assets", "public")
HELD = (10.0, 10, 1_000_000)


@pytest.fixture(params=["nginx", "caddy"])
def direct(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Two releases that listen on their sockets, and whose files the proxy serves; nothing is live."""
    with live_socket_ground(request.param, direct=True, statics=(ASSETS,)) as (ground, _):
        serve(ground, ("blue", "r1"), ("green", "r2"))
        for release in ("r1", "r2"):
            folder = ground.site.root / "releases" / release / "public"
            folder.mkdir()
            (folder / "name.txt").write_text(release)
        yield ground


@pytest.fixture
def behind_nginx() -> Iterator[tuple[Ground, Proxy]]:
    """The same behind nginx alone, where the proxy does not matter."""
    with live_socket_ground("nginx", direct=True) as (ground, proxy):
        serve(ground, ("blue", "r1"), ("green", "r2"))
        yield ground, proxy


def traffic_of(ground: Ground) -> LiveSocketTraffic:
    assert isinstance(ground.traffic, LiveSocketTraffic)
    return ground.traffic


def via(ground: Ground) -> str:
    face = Faces(ground.site.root.resolve()).current()
    return face.via if face is not None else ""


def by_the_door(ground: Ground) -> int:
    return sum(one.requests for one in traffic_of(ground).door_counters().values())


# -- what moves --------------------------------------------------------------------------------------------


def test_one_rename_moves_requests_and_files_past_the_door(direct: Ground) -> None:
    for slot, release in (("blue", "r1"), ("green", "r2"), ("blue", "r1")):
        direct.traffic.switch({slot: 100})
        assert via(direct) == slot
        assert direct.get("/") == (200, release)
        assert direct.get("/assets/name.txt") == (200, release)
    assert by_the_door(direct) == 0


def test_files_and_requests_never_disagree_about_who_is_live(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    stopping, wrong, seen, looks = threading.Event(), list[str](), set[str](), [0, 0, 0]

    def look(client: int) -> None:
        while not stopping.is_set():
            before = [direct.get("/"), direct.get("/assets/name.txt")]
            after = [direct.get("/"), direct.get("/assets/name.txt")]
            told = [text for _, text in (*before, *after)]
            seen.update(told)
            changes = sum(one != other for one, other in pairwise(told))
            if any(status != 200 for status, _ in (*before, *after)) or changes > 1:
                wrong.append(f"{before} {after}")
            looks[client] += 1

    clients = [threading.Thread(target=look, args=(client,)) for client in range(3)]
    for client in clients:
        client.start()
    try:
        for turn in range(10):
            direct.traffic.switch({("green", "blue")[turn % 2]: 100})
            begun = tuple(looks)  # nobody may see two switches in one look
            wait_for("two looks of each", partial(_two_more, begun, looks))
    finally:
        stopping.set()
        for client in clients:
            client.join(20)
    assert (wrong, seen) == ([], {"r1", "r2"})


def _two_more(begun: tuple[int, ...], looks: list[int]) -> bool:
    return all(now > was + 1 for was, now in zip(begun, looks, strict=True))


@pytest.mark.slow
def test_hundreds_of_renames_under_clients_that_never_rest_lose_nothing(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    stopping, wrong, answers = threading.Event(), list[object](), Counter[str]()

    def go_on() -> None:
        while not stopping.is_set():
            try:
                status, release = direct.get()
            except OSError as problem:
                status, release = 0, repr(problem)
            answers[release] += 1
            if status != 200:
                wrong.append((status, release))

    clients = [threading.Thread(target=go_on) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        for turn in range(300):
            direct.traffic.switch({("green", "blue")[turn % 2]: 100})
    finally:
        stopping.set()
        for client in clients:
            client.join(20)
    assert wrong == []
    assert min(answers["r1"], answers["r2"]) > 100
    assert by_the_door(direct) == 0
    print(f"300 renames, {answers.total()} requests, 0 failed")


def test_a_canary_a_hold_and_nothing_at_all_go_by_the_door(direct: Ground) -> None:
    direct.traffic.switch({"blue": 50, "green": 50})
    assert via(direct) == "door"
    assert {direct.get()[1] for _ in range(10)} == {"r1", "r2"}
    direct.traffic.switch({"green": 100})
    assert via(direct) == "green"
    direct.traffic.hold(*HELD)
    assert via(direct) == "door"
    told: list[tuple[int, str]] = []
    thread = direct.in_background("/", told)
    wait_for("it to wait", lambda: direct.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
    assert dict(direct.traffic.weights()) == {"green": 100}
    direct.traffic.release_hold()
    thread.join(30)
    assert told == [(200, "r2")]
    assert via(direct) == "green"
    direct.traffic.switch({})
    assert via(direct) == "door"
    assert direct.get()[0] == 503


def test_a_release_with_a_port_alone_is_bridged_and_one_with_a_socket_beside_it_is_not(
    behind_nginx: tuple[Ground, Proxy],
) -> None:
    ground, _ = behind_nginx
    ground.target.stop("green")
    ground.target.start("green", "r3", Path("/"), [by_port()])
    ground.site.wait_running("green")
    ground.traffic.switch({"green": 100})
    assert (via(ground), ground.get()) == ("door", (200, "r3"))
    ground.traffic.switch({"blue": 100})
    assert (via(ground), ground.get()) == ("blue", (200, "r1"))


def by_port() -> ProcessSettings:
    """Told both places, but it listens on its port."""
    process = by_socket()
    return replace(process, start=process.start[:-1])


def test_without_an_access_log_to_read_all_goes_by_the_door_which_counts() -> None:
    with live_socket_ground("nginx", process=by_socket()) as (ground, _):
        serve(ground, ("blue", "r1"))
        ground.traffic.switch({"blue": 100})
        assert (via(ground), ground.get()) == ("door", (200, "r1"))
        assert ground.traffic.counters()["r1"].requests == 1


# -- what a request is like --------------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_sent_with_who_sent_it(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    target = "/echo/a%2Fb//c%20d?x=%41&y=//z"
    with Line(direct.site.port) as line:
        line.send(
            f"GET {target} HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\n"
            "X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\n\r\n".encode()
        )
        seen = json.loads(line.answer().body)
    assert seen["target"] == target
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert {
        name: headers.get(name) for name in headers if name.startswith(("x-forwarded", "host", "upg"))
    } == {
        "host": "shop.example",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "shop.example",
    }


def test_a_large_upload_arrives_whole(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    answer = post(direct.site.port, "/echo", bytes(20_000_000))
    assert (answer.status, json.loads(answer.body)["size"]) == (200, 20_000_000)


def test_a_websocket_stays_with_its_release_over_a_switch_and_is_waited_for(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    with Line(direct.site.port) as line:
        line.send(
            b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert line._until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        direct.traffic.switch({"green": 100})
        line.send(b"still here")
        assert line._exactly(10) == b"still here"
        assert traffic_of(direct).in_flight("blue") == 1
        drained: list[int] = []
        waiting = threading.Thread(target=lambda: drained.append(direct.traffic.drain("blue", 20.0)))
        waiting.start()
        line.socket.shutdown(socket.SHUT_WR)
    waiting.join(30)
    assert drained == [0]


# -- what a kill leaves behind -----------------------------------------------------------------------------


def test_killed_between_the_door_and_the_rename_the_old_release_is_still_live(
    behind_nginx: tuple[Ground, Proxy],
) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})
    ground.site.client.route({"green": 100})  # as far as it came
    assert dict(ground.traffic.weights()) == {"blue": 100}
    assert ground.get() == (200, "r1")
    with pytest.raises(MobiusError, match="slot blue still gets new requests"):
        ground.traffic.drain("blue", 0.1)
    ground.traffic.switch({"green": 100})
    assert dict(ground.traffic.weights()) == {"green": 100}
    assert ground.get() == (200, "r2")


class Killed(BaseException):
    """The process ends here: nothing catches it."""


STEPS: dict[str, tuple[Any, str, bool]] = {
    "the door was told": (live_socket, "switching", True),
    "the line was begun": (Faces, "show", True),
    "the face was made": (Faces, "_make", False),
    "live was moved": (faces, "_sync", True),
    "it was on the disk": (Faces, "_forget_old", True),
}


@pytest.mark.parametrize("step", STEPS)
def test_wherever_a_switch_is_killed_weights_say_who_answers_and_the_same_again_ends_it(
    behind_nginx: tuple[Ground, Proxy], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})
    releases = {"blue": "r1", "green": "r2"}
    place, name, before = STEPS[step]
    do = getattr(place, name)

    def die(*args: object, **kwargs: object) -> None:
        if not before:
            do(*args, **kwargs)
        raise Killed

    for weights in ({"green": 100}, {"green": 50, "blue": 50}, {"blue": 100}):
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(place, name, die)
            ground.traffic.switch(weights)
        told = ground.traffic.weights()
        answered = {ground.get() for _ in range(8)}
        assert answered == {(200, releases[slot]) for slot in told}, f"{told} after {weights}"
        ground.traffic.switch(weights)
        assert dict(ground.traffic.weights()) == weights
        assert {ground.get() for _ in range(8)} == {(200, releases[slot]) for slot in weights}
        last = read_history(ground.site.root)[-1]
        assert (last.is_done, dict(last.weights)) == (True, weights)


def test_two_who_switch_at_once_leave_the_door_and_live_agreed(behind_nginx: tuple[Ground, Proxy]) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})

    def go_on(slot: str) -> None:
        mine = LiveSocketTraffic(ground.site.root, ground.settings, (ground.site.root / "releases").joinpath)
        for _ in range(15):
            mine.switch({slot: 100})

    both = [threading.Thread(target=go_on, args=(slot,)) for slot in ("blue", "green")]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    door = ground.site.client.status().door
    assert door is not None
    assert dict(ground.traffic.weights()) == door.weights
    assert read_history(ground.site.root)[-1].weights == door.weights


def test_killed_between_the_rename_and_its_line_the_history_is_mended_by_the_same_switch(
    behind_nginx: tuple[Ground, Proxy],
) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})
    file = ground.site.root / "run" / "switches.jsonl"
    lines = [line for line in file.read_text().splitlines() if line]
    file.write_text("\n".join(lines[:-1]) + "\n")
    assert not read_history(ground.site.root)[-1].is_done
    ground.traffic.switch({"blue": 100})
    last = read_history(ground.site.root)[-1]
    assert (last.is_done, last.via, last.weights, last.releases) == (
        True,
        "blue",
        {"blue": 100},
        {"blue": "r1"},
    )


def test_with_supervisor_and_door_dead_a_direct_release_serves_on_and_is_seen(
    behind_nginx: tuple[Ground, Proxy],
) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})
    door = ground.site.client.status().door
    assert door is not None and door.pid is not None
    ground.site.kill_supervisor()
    os.kill(door.pid, signal.SIGKILL)
    wait_for("the door to be gone", lambda: not is_running(door.pid or 0))
    assert ground.get() == (200, "r1")
    assert dict(ground.traffic.weights()) == {"blue": 100}
    ground.traffic.switch({"green": 100})  # starts the supervisor, which finds all it kept
    assert ground.get() == (200, "r2")


def test_a_release_that_is_being_restarted_is_waited_for(direct: Ground) -> None:
    direct.traffic.switch({"blue": 100})
    os.kill(direct.site.pid_of("blue"), signal.SIGKILL)
    assert direct.get() == (200, "r1")
    assert via(direct) == "blue"


def test_what_is_cut_at_the_drain_timeout_is_counted_and_the_release_lives_on(
    behind_nginx: tuple[Ground, Proxy],
) -> None:
    ground, _ = behind_nginx
    ground.traffic.switch({"blue": 100})
    told: list[int] = []
    thread = threading.Thread(target=lambda: told.append(post(ground.site.port, "/wait/20", b"once").status))
    thread.start()
    wait_for("it to be in flight", lambda: traffic_of(ground).in_flight("blue") == 1)
    ground.traffic.switch({"green": 100})
    assert ground.traffic.drain("blue", 0.2) == 1
    thread.join(30)
    assert told == [502], "a POST is not asked twice"
    ground.traffic.switch({"blue": 100})
    assert get(ground.site.port).body == b"r1"


def test_older_faces_go_and_the_newest_stay(behind_nginx: tuple[Ground, Proxy]) -> None:
    ground, _ = behind_nginx
    for turn in range(30):
        ground.traffic.switch({("blue", "green")[turn % 2]: 100})
    faces = sorted(one.name for one in (ground.site.root / "run" / "faces").iterdir())
    assert len(faces) == 16
    assert (ground.site.root / "live").resolve().name == faces[-1]


# -- faces alone -------------------------------------------------------------------------------------------


def test_nothing_was_shown_yet(tmp_path: Path) -> None:
    assert Faces(tmp_path).current() is None


def test_what_was_shown_is_seen_and_a_torn_attempt_is_no_hindrance(tmp_path: Path) -> None:
    face = Face("blue", "/run/blue.sock", "/releases/r1", {"blue": 100}, {"blue": "r1"})
    of_root = Faces(tmp_path)
    of_root.show(face)
    assert of_root.current() == face
    (tmp_path / "run" / ".live.new").symlink_to("nowhere")
    (tmp_path / "run" / "faces" / "000002.green").mkdir()
    of_root.show(Face("green", "/run/green.sock"))
    assert of_root.current() == Face("green", "/run/green.sock")
    assert (tmp_path / "live" / "web.sock").readlink() == Path("/run/green.sock")
    assert not (tmp_path / "live" / "tree").is_symlink()


def test_a_live_that_is_none_of_ours_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    of_root = Faces(tmp_path)
    with pytest.raises(MobiusError, match="live is no link: Invalid argument"):
        of_root.current()
    with pytest.raises(MobiusError, match=r"live cannot be moved: .*: Is a directory"):
        of_root.show(Face("blue", "/x"))
    assert (tmp_path / "live").is_dir()


def test_a_live_that_leads_nowhere_is_unknown_and_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "live").symlink_to("run/faces/000007.blue")
    with pytest.raises(MobiusError, match=r"leads to .*000007\.blue, which cannot be read"):
        Faces(tmp_path).current()
    Faces(tmp_path).show(Face("green", "/y"))
    assert Faces(tmp_path).current() == Face("green", "/y")
