"""What is kept of a command's words until they have arrived, and where it is found again."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mobius.adapters import remote_keeper
from mobius.adapters.remote_frames import (
    Garbled,
    Request,
    Seen,
    Terminal,
    decode_request,
    encode,
    encode_request,
)
from mobius.adapters.remote_keeper import Keeper
from mobius.adapters.remote_shelter import Shelter, shelter


class Far:
    """The other end of a line to a keeper."""

    def __init__(self, keeper: Keeper, *, seen: int = 0, listener: socket.socket | None = None) -> None:
        self.line, theirs = socket.socketpair()
        self.line.settimeout(10)
        keeper.serve(theirs, listener)
        self.words = self.line.makefile("rb")
        self.send(seen=seen)

    def send(self, **said: object) -> None:
        self.line.sendall(encode(said))

    def frames(self, count: int) -> list[object]:
        """The next ones, beats left out."""
        found: list[object] = []
        while len(found) < count:
            frame = json.loads(self.words.readline())
            found += [] if "beat" in frame else [frame.get("out")]
        return found

    def close(self) -> None:
        self.words.close()
        self.line.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(tmp_path / "s"))
    made.listen()
    yield made
    made.close()


def again(listener: socket.socket, *, seen: int) -> Far:
    """Somebody else who connects, having seen so many."""
    far = Far.__new__(Far)
    far.line = socket.socket(socket.AF_UNIX)
    far.line.settimeout(10)
    far.line.connect(listener.getsockname())
    far.words = far.line.makefile("rb")
    far.send(seen=seen)
    return far


def test_whoever_comes_after_a_cut_is_told_what_has_not_arrived(listener: socket.socket) -> None:
    keeper = Keeper(60)
    first = Far(keeper, listener=listener)
    for number in range(5):
        keeper.say({"out": number})
    assert first.frames(4) == [0, 1, 2, 3]
    first.send(seen=2)
    first.close()
    second = again(listener, seen=3)
    keeper.say({"out": 5})
    assert second.frames(3) == [3, 4, 5]
    second.send(seen=6)
    keeper.wait_until_seen()
    second.close()


def test_the_newest_connection_is_the_one_and_the_one_before_ends(listener: socket.socket) -> None:
    keeper = Keeper(60)
    first = Far(keeper, listener=listener)
    keeper.say({"out": 0})
    assert first.frames(1) == [0]
    second = again(listener, seen=0)
    assert second.frames(1) == [0]
    assert first.words.readline() == b""
    first.close()
    keeper.say({"out": 1})
    assert second.frames(1) == [1]
    second.close()


def test_a_command_whose_words_nobody_takes_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_keeper, "KEPT_BYTES", 100)
    keeper = Keeper(60)
    far = Far(keeper)
    said: list[int] = []

    def talk() -> None:
        for number in range(100):
            keeper.say({"out": number})
            said.append(number)

    talking = threading.Thread(target=talk, daemon=True)
    talking.start()
    assert far.frames(5) == [0, 1, 2, 3, 4]
    talking.join(0.3)
    assert len(said) < 15
    seen, found = 5, [0, 1, 2, 3, 4]
    while seen < 100:
        far.send(seen=seen)
        found += far.frames(1)  # type: ignore[arg-type]
        seen += 1
    assert found == list(range(100))
    talking.join(30)
    far.close()


def test_an_answer_that_is_sent_twice_answers_one_question() -> None:
    keeper = Keeper(60)
    far = Far(keeper)
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.extend([keeper.ask(), keeper.ask()]), daemon=True)
    asking.start()
    far.frames(1)
    far.send(answer="y\n", to=1)
    far.send(answer="y\n", to=1)
    far.frames(1)
    assert answers == []
    far.send(answer="n\n", to=2)
    asking.join(30)
    assert answers == ["y\n", "n\n"]
    far.close()


@pytest.mark.parametrize("how", [lambda far: far.send(bye=1), lambda far: far.close()], ids=["bye", "gone"])
def test_nothing_waits_for_somebody_who_does_not_come_back(how: Callable[[Far], None]) -> None:
    forsaken = threading.Event()
    keeper = Keeper(0.5, forsaken=forsaken.set)
    far = Far(keeper)
    keeper.say({"out": 0})
    far.frames(1)
    how(far)
    assert forsaken.wait(30)
    keeper.wait_until_seen()
    keeper.say({"out": 1})
    assert keeper.ask() == ""


def test_whoever_comes_back_too_late_is_not_let_in(listener: socket.socket) -> None:
    far = Far(Keeper(0.2), listener=listener)
    far.close()
    until = time.monotonic() + 30
    while listener.fileno() >= 0 and time.monotonic() < until:
        time.sleep(0.02)
    assert listener.fileno() == -1


def test_whoever_comes_in_the_moment_of_a_farewell_hears_nothing_instead_of_half(
    listener: socket.socket,
) -> None:
    forsaken = threading.Event()
    keeper = Keeper(60, forsaken=forsaken.set)
    first = Far(keeper, listener=listener)
    keeper.say({"out": 0})
    first.frames(1)
    first.send(bye=1)
    assert forsaken.wait(30)
    keeper.say({"out": 1})
    heard = b""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as second:
        second.settimeout(10)
        second.connect(listener.getsockname())  # it is open for a moment more
        second.sendall(encode({"seen": 1}))  # may be closed before it reads that
        heard = second.recv(1000)
    assert heard == b""
    first.close()


def test_rubbish_ends_the_connection_and_not_the_command(listener: socket.socket) -> None:
    keeper = Keeper(60)
    first = Far(keeper, listener=listener)
    first.line.sendall(b"\xff\x00{\n")
    keeper.say({"out": 0})
    second = again(listener, seen=0)
    assert second.frames(1) == [0]
    first.close()
    second.close()


def test_a_beat_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_keeper, "BEAT_S", 0.05)
    far = Far(Keeper(60))
    assert json.loads(far.words.readline()) == {"beat": 1}
    far.close()


def test_a_request_comes_over_as_it_was() -> None:
    request = Request(
        token="a1",
        argv=("deploy", "--tag", "$(x)\n'\""),
        to="u@h:d",
        host="u@h",
        directory="d ;x",
        environ={"DEPLOY_LEAD": "é"},
        terminal=Terminal(100, 30, True, True, True),
        seen=3,
        run=Seen("production", 7, 42),
    )
    assert decode_request(encode_request(request)) == request


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]\n",
        b"\xff\n",
        encode({"protocol": 2, "token": "a", "argv": []}),
        encode({"protocol": 1, "token": "../a", "argv": []}),
        encode({"protocol": 1, "token": "", "argv": []}),
        encode({"protocol": 1, "token": "a" * 65, "argv": []}),
        encode({"protocol": 1, "token": "a", "argv": "status"}),
        encode({"protocol": 1, "token": "a", "argv": ["a\0b"]}),
        encode({"protocol": 1, "token": "a", "argv": [], "environ": {"A": 1}}),
        encode({"protocol": 1, "token": "a", "argv": [], "directory": "\0"}),
    ],
)
def test_a_request_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(Garbled):
        decode_request(line)


def test_a_command_is_claimed_by_one_and_by_its_child_after_it(tmp_path: Path) -> None:
    place = Shelter(tmp_path, "a1")
    file = place.claim()
    assert file is not None
    assert place.claim() is None
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        os._exit(0)
    os.close(file)
    assert place.claim() is None, "the child has it"
    os.close(go)
    os.waitpid(child, 0)
    taken = place.claim()
    assert taken is not None
    os.close(taken)
    os.close(ready)


def test_a_folder_that_others_may_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lines = tmp_path / "state" / "mobius" / "lines"
    lines.mkdir(parents=True, mode=0o755)
    lines.chmod(0o755)
    place = shelter("a1")
    assert place is not None
    assert place.folder == tmp_path / f"mobius-lines-{os.getuid()}"
    assert place.folder.stat().st_mode & 0o777 == 0o700
    place.folder.chmod(0o777)
    assert shelter("a1") is None


def test_commands_of_days_ago_are_forgotten_and_those_that_live_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    old, living = shelter("a1"), shelter("b2")
    assert old is not None and living is not None
    files = [place.claim() for place in (old, living)]
    assert files[0] is not None and files[1] is not None
    os.close(files[0])
    for name in ("a1", "b2"):
        os.utime(old.folder / name, (time.time() - 200_000,) * 2)
    shelter("c3")
    assert [file.name for file in old.folder.iterdir()] == ["b2"]
    os.close(files[1])
