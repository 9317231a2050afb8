"""The order of commands, and what is remembered between processes of HAProxy: pure, so the tests are tables."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

import pytest

from mobius.adapters.traffic.haproxy_commands import Wanted, commands_to_reach, holds
from mobius.adapters.traffic.haproxy_kept import Kept, Total, load, locked, save, without_server
from mobius.adapters.traffic.haproxy_reading import BACKEND, Count, Row, Server
from mobius.errors import MobiusError

HERE = "127.0.0.1"


def server(name: str, weight: int = 100, *, ready: bool = True, port: int = 1000, up: bool = True) -> Server:
    return Server(name, HERE, port, up, ready, weight)


def words(*servers: Server, **wanted: Wanted) -> list[str]:
    return [
        " ".join(command[1:]) for command in commands_to_reach("app", {s.name: s for s in servers}, wanted)
    ]


def test_who_comes_is_ready_before_who_goes_is_taken_out() -> None:
    blue, green = server("blue"), server("green", ready=False, port=7)
    assert words(blue, green, blue=Wanted(0), green=Wanted(100, HERE, 8)) == [
        "server app/green state maint",
        "server app/green addr 127.0.0.1 port 8",
        "server app/green state ready",
        "server app/blue state maint",
    ]


def test_a_change_of_weights_moves_nobody_in_or_out() -> None:
    assert words(
        server("blue", 90), server("green", 10), blue=Wanted(50, HERE, 1000), green=Wanted(50, HERE, 1000)
    ) == ["server app/blue weight 50", "server app/green weight 50"]


def test_what_holds_already_needs_no_command() -> None:
    assert (
        words(server("blue"), server("green", ready=False), blue=Wanted(100, HERE, 1000), green=Wanted(0))
        == []
    )


def test_a_unix_socket_keeps_its_address() -> None:
    blue = Server("blue", "", 0, True, False, 100)
    assert words(blue, blue=Wanted(100)) == ["server app/blue state maint", "server app/blue state ready"]


SERVERS = [
    server("x", weight, ready=ready, port=port)
    for weight, ready, port in itertools.product((10, 100), (True, False), (1000, 2000))
]
WANTED = [Wanted(0), Wanted(10, HERE, 1000), Wanted(100, HERE, 2000)]


@pytest.mark.parametrize("wanted", list(itertools.product(WANTED, WANTED)))
def test_from_everywhere_to_everywhere_there_is_never_a_gap_and_the_end_is_as_wanted(
    wanted: tuple[Wanted, Wanted],
) -> None:
    named = dict(zip(("blue", "green"), wanted, strict=True))
    for one, other in itertools.product(SERVERS, SERVERS):
        servers = {"blue": _named(one, "blue"), "green": _named(other, "green")}
        had, gets = any(s.share for s in servers.values()), any(w.weight for w in wanted)
        for _, _, which, *what in commands_to_reach("app", servers, named):
            name = which.partition("/")[2]
            servers[name] = _after(servers[name], what)
            assert any(s.share for s in servers.values()) or not (had and gets), "a moment without any server"
        assert holds(servers, named)


def _named(like: Server, name: str) -> Server:
    return Server(name, like.address, like.port, like.is_up, like.is_ready, like.weight)


def _after(one: Server, what: list[str]) -> Server:
    match what:
        case ["state", state]:
            return Server(one.name, one.address, one.port, one.is_up, state == "ready", one.weight)
        case ["weight", weight]:
            return Server(one.name, one.address, one.port, one.is_up, one.is_ready, int(weight))
        case ["addr", address, "port", port]:
            return Server(one.name, address, int(port), one.is_up, one.is_ready, one.weight)
    raise AssertionError(what)


# -- what is remembered ----------------------------------------------------------------------------------------


def row(answered: int = 0, errors: int = 0, unconnected: int = 0, broken: int = 0) -> Row:
    return Row(Count(answered, errors, unconnected, broken), 0, "http", "", False)


def test_counts_belong_to_the_release_that_was_in_the_slot() -> None:
    kept = Kept().seen("1@1", {"blue": row(10)}).switched({}, {"blue": 100}, {"blue": "r1"}, 0)
    kept = kept.seen("1@1", {"blue": row(15, 1)})
    kept = kept.switched({"blue": 100}, {"blue": 50}, {"blue": "r3"}, 0).seen("1@1", {"blue": row(18, 1)})
    assert kept.totals == {"r1": Total(5, 1), "r3": Total(3, 0)}


def test_a_new_process_begins_at_zero() -> None:
    kept = Kept(process="1@1", counted={"blue": Count(10)}, releases={"blue": "r1"}, totals={"r1": Total(10)})
    assert kept.seen("2@9", {"blue": row(4)}).totals == {"r1": Total(14, 0)}


def test_what_fails_on_a_server_that_has_left_is_the_fault_of_that_switch() -> None:
    kept = Kept().seen("1@1", {"blue": row(), "green": row()})
    kept = kept.switched({}, {"blue": 100}, {"blue": "r1"}, 0)
    kept = kept.seen("1@1", {"blue": row(unconnected=1), "green": row()})
    assert kept.failed_since(0) == 0, "it had all traffic then"
    kept = kept.switched({"blue": 100}, {"green": 100}, {"green": "r2"}, in_the_gap=2)
    kept = kept.seen("1@1", {"blue": row(unconnected=1, broken=3), "green": row(broken=5)})
    assert (kept.failed_since(2), kept.failed_since(3)) == (5, 0)
    kept = kept.seen("1@1", {"blue": row(unconnected=1, broken=4), "green": row(broken=5)}, forgiven="blue")
    assert kept.failed_since(2) == 5, "we cut that one"
    back = kept.switched({"green": 100}, {"blue": 100}, {"blue": "r1"}, 0)
    back = back.seen("1@1", {"blue": row(unconnected=9, broken=4), "green": row(broken=6)})
    assert (back.failed_since(3), back.failed_since(2)) == (1, 6)


def test_old_switches_are_kept_as_a_sum() -> None:
    kept = Kept()
    for number in range(250):
        kept = kept.switched({}, {"blue": number + 1}, {}, in_the_gap=1)
    assert (kept.generation, len(kept.failed), kept.failed_since(0), kept.failed_since(250)) == (
        250,
        200,
        250,
        1,
    )


def test_counts_of_long_gone_releases_are_forgotten() -> None:
    kept = Kept().seen("1@1", {"blue": row()})
    for number in range(1, 100):
        kept = kept.switched({}, {"blue": 100}, {"blue": f"r{number}"}, 0).seen("1@1", {"blue": row(number)})
    assert list(kept.totals) == [f"r{number}" for number in range(49, 100)]
    assert kept.totals["r99"] == Total(1, 0)


def test_only_what_found_no_server_is_counted_as_that() -> None:
    before = {BACKEND: row(unconnected=3), "blue": row(unconnected=1), "green": row()}
    after = {BACKEND: row(unconnected=7), "blue": row(unconnected=2), "green": row(unconnected=1)}
    assert without_server(before, after) == 2


def test_what_is_remembered_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = (
        Kept()
        .seen("1@1", {"blue": row(1)})
        .switched({}, {"blue": 100}, {"blue": "r1"}, 1)
        .seen("1@1", {"blue": row(2)})
        .door_told(3)
    )
    save(tmp_path / "haproxy.json", kept)
    assert load(tmp_path / "haproxy.json") == kept
    assert (tmp_path / "haproxy.json").stat().st_mode & 0o777 == 0o600
    assert load(tmp_path / "none.json") == Kept()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "counted": 3}']
)
def test_what_makes_no_sense_is_begun_anew_above_every_earlier_generation(tmp_path: Path, text: str) -> None:
    (tmp_path / "haproxy.json").write_text(text)
    assert load(tmp_path / "haproxy.json").generation > 1_000_000_000


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_told_whose_files_these_are() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        save(folder / "haproxy.json", Kept())
        with locked(folder):
            pass
        os.seteuid(65534)
        try:
            with pytest.raises(MobiusError) as refused:
                load(folder / "haproxy.json")
            with pytest.raises(MobiusError) as unlocked, locked(folder):
                pass
        finally:
            os.seteuid(0)
    assert refused.value.message == (
        f"what is known of HAProxy cannot be read: permission denied: {folder}/haproxy.json"
    )
    assert (
        unlocked.value.message == f"HAProxy cannot be told anything: permission denied: {folder}/haproxy.lock"
    )


def test_one_who_waits_for_the_lock_in_vain_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobius.adapters.traffic.haproxy_kept.LOCK_WITHIN_S", 0.1)
    with locked(tmp_path), pytest.raises(MobiusError) as refused, locked(tmp_path):
        pass
    assert refused.value.message == "another mobius has been changing HAProxy for more than 0.1 s"
