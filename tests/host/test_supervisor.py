"""The supervisor: what it starts, keeps, refuses, and finds again after its own death."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from host.sites import Site, is_running, new_site, wait_for
from host.talking import get
from mobius.host.client import HostClient, HostRefused, HostUnavailable, ensure_running
from mobius.host.messages import ProcessSpec, ProcessStatus
from mobius.host.protocol import find_socket

pytestmark = pytest.mark.journey


def only(site: Site, slot: str) -> ProcessStatus:
    [process] = site.client.status().slots[slot].processes
    return process


# -- one per root ------------------------------------------------------------------------------------------


def test_several_who_start_it_at_once_all_reach_the_same_one(site: Site) -> None:
    site.kill_supervisor()
    pids: list[int] = []
    callers = [
        threading.Thread(target=lambda: pids.append(ensure_running(site.root).ping().pid)) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(pids) == 4 and len(set(pids)) == 1


def test_a_second_supervisor_leaves_with_10_and_says_who_is_there(site: Site) -> None:
    argv = [sys.executable, "-P", "-m", "mobius.host", "--root", str(site.root)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert done.returncode == 10
    pid = site.client.ping().pid
    assert done.stderr == f"another supervisor (pid {pid}) already runs for {site.root}\n"


def test_one_on_its_way_out_holds_the_lock_a_moment_longer_and_is_waited_for(site: Site) -> None:
    site.kill_supervisor()
    lock = os.open(site.root / "run" / "host.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    going = threading.Timer(0.5, os.close, [lock])
    going.start()
    try:
        assert ensure_running(site.root).ping().pid
    finally:
        going.join()


def test_it_belongs_to_no_terminal_and_ignores_its_end(site: Site) -> None:
    site.start("blue", "r1")
    pid = site.client.ping().pid
    assert os.getsid(pid) == pid != os.getsid(0)
    service = site.pid_of("blue")
    assert os.getsid(service) == service
    os.kill(pid, signal.SIGHUP)
    assert site.client.ping().pid == pid
    assert stat.S_IMODE((site.root / "run" / "host.sock").stat().st_mode) == 0o600


def test_without_a_supervisor_the_client_says_so(tmp_path: Path) -> None:
    client = HostClient(tmp_path)
    assert not client.is_running()
    with pytest.raises(HostUnavailable, match="does not answer"):
        client.ping()


# -- slots -------------------------------------------------------------------------------------------------


def test_starting_what_runs_already_is_a_success_that_says_so(site: Site) -> None:
    first = site.client.start_slot("blue", "r1", site.root, [site.web()])
    again = site.client.start_slot("blue", "r1", site.root, [site.web()])
    assert (first.started, first.already) == (("api",), ())
    assert (again.started, again.already) == ((), ("api",))
    assert first.processes[0].pid == again.processes[0].pid
    stopped = site.client.stop_slot("blue")
    assert (stopped.stopped, stopped.already) == (("api",), ())
    assert site.client.stop_slot("blue").already == ("api",)
    assert site.client.stop_slot("green").stopped == ()


def test_a_process_learns_where_to_listen_and_who_it_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    show = site.other("show", "sh", "-c", "env; sleep 1000", kind="web", GIVEN="yes", MOBIUS_SLOT="forged")
    site.client.start_slot("blue", "r7", site.root, [show])
    wait_for("the environment", lambda: "GIVEN=yes" in site.log("blue", "show"))
    seen = dict(line.split("=", 1) for line in site.log("blue", "show").splitlines() if "=" in line)
    process = only(site, "blue")
    assert (seen["PORT"], seen["MOBIUS_SOCKET"]) == (str(process.port), process.socket)
    assert (seen["MOBIUS_SLOT"], seen["MOBIUS_RELEASE"]) == ("blue", "r7")
    assert seen["PATH"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such-command",), "no-such-command was not found or is not executable"),
        (("./not-executable",), "./not-executable was not found or is not executable"),
        (("./broken",), "./broken"),
        ((), "has no start command"),
    ],
)
def test_a_command_that_cannot_start_is_refused_by_name_and_leaves_nothing(
    site: Site, argv: tuple[str, ...], said: str
) -> None:
    (site.root / "not-executable").write_text("#!/bin/sh\n")
    (site.root / "broken").write_text("#!/no/such/interpreter\n")
    (site.root / "broken").chmod(0o755)
    good = site.other("good")
    with pytest.raises(HostRefused) as refusal:
        site.client.start_slot("blue", "r1", site.root, [good, ProcessSpec("bad", "worker", argv)])
    assert said in refusal.value.message and "bad" in refusal.value.message
    wait_for("nothing of it to be left", lambda: not _children_of_root(site))
    status = site.client.status().slots.get("blue")
    assert status is None or status.processes == ()


def test_a_worker_never_runs_in_two_slots(site: Site) -> None:
    for kind in ("worker", "singleton"):
        name = f"my-{kind}"
        site.client.start_slot("blue", "r1", site.root, [site.other(name, kind=kind)])  # type: ignore[arg-type]
        with pytest.raises(HostRefused, match=f"{name} is a {kind} and still runs in slot blue"):
            site.client.start_slot("green", "r2", site.root, [site.other(name, kind=kind)])  # type: ignore[arg-type]
        site.client.stop_slot("blue", [name])
        site.client.start_slot("green", "r2", site.root, [site.other(name, kind=kind)])  # type: ignore[arg-type]


def test_a_slot_holds_one_release_at_a_time(site: Site) -> None:
    site.client.start_slot("blue", "r1", site.root, [site.web()])
    with pytest.raises(HostRefused, match="still runs release r1, so r2 cannot start there"):
        site.client.start_slot("blue", "r2", site.root, [site.web()])
    with pytest.raises(HostRefused, match="started in another way"):
        site.client.start_slot("blue", "r1", site.root, [site.web(OTHER="1")])
    site.client.stop_slot("blue")
    site.client.start_slot("blue", "r2", site.root, [site.web()])
    assert site.client.status().slots["blue"].release == "r2"


def test_what_dies_is_restarted_on_its_port_and_what_it_left_is_taken_along(site: Site) -> None:
    parent = site.other("parent", "sh", "-c", "sleep 1000 & wait")
    site.client.start_slot("blue", "r1", site.root, [site.web(), parent])
    site.wait_running("blue")
    before = {one.name: one for one in site.client.status().slots["blue"].processes}
    pid = before["parent"].pid
    assert pid is not None
    wait_for("the parent's child", lambda: bool(psutil.Process(pid).children()))
    [child] = psutil.Process(pid).children()
    for one in before.values():
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)
    wait_for("both to be restarted", lambda: all(
        one.restarts == 1 and one.pid for one in site.client.status().slots["blue"].processes
    ))  # fmt: skip
    site.wait_running("blue")
    after = {one.name: one for one in site.client.status().slots["blue"].processes}
    assert after["api"].port == before["api"].port
    assert after["api"].last_exit == -signal.SIGKILL
    assert not is_running(child.pid)


def test_a_crash_loop_is_seen_as_backoff_with_growing_pauses(site: Site) -> None:
    site.client.start_slot("blue", "r1", site.root, [site.other("crash", "sh", "-c", "date +%s%N; exit 3")])
    wait_for(
        "some restarts", lambda: only(site, "blue").restarts >= 4 and only(site, "blue").state == "backoff"
    )
    process = only(site, "blue")
    assert (process.last_exit, process.pid) == (3, None)
    starts = [int(line) / 1e9 for line in site.log("blue", "crash").split()]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[0] >= 0.2 and pauses[1] >= 0.4 and pauses[2] >= 0.8, pauses
    site.client.stop_slot("blue")
    assert only(site, "blue").state == "stopped"


def test_a_stop_reaches_the_whole_group_and_says_what_had_to_be_killed(site: Site) -> None:
    stubborn = site.other("stubborn", "sh", "-c", "trap '' TERM; sleep 1000 & while :; do sleep 0.1; done")
    gentle = site.other("gentle", "sh", "-c", "trap 'echo bye; exit 0' INT; while :; do sleep 0.05; done")
    gentle = ProcessSpec("gentle", "worker", gentle.argv, stop_signal="INT", stop_timeout_s=3.0)
    site.start("blue", "r1", stubborn, gentle)
    pid = site.pid_of("blue", "stubborn")
    wait_for("its children", lambda: bool(psutil.Process(pid).children()))
    children = psutil.Process(pid).children()
    stopped = site.client.stop_slot("blue", timeout_s=2.0)
    assert (sorted(stopped.stopped), stopped.killed) == (["gentle", "stubborn"], ("stubborn",))
    assert "bye" in site.log("blue", "gentle")
    assert not any(is_running(child.pid) for child in children)


def test_restart_process_gives_a_new_process_on_the_same_port(site: Site) -> None:
    site.start("blue", "r1")
    before = only(site, "blue")
    site.client.restart_process("blue", "api")
    site.wait_running("blue")
    after = only(site, "blue")
    assert after.pid != before.pid and after.port == before.port
    with pytest.raises(HostRefused, match="slot blue has no process nope"):
        site.client.restart_process("blue", "nope")


def test_values_of_the_environment_lie_in_one_private_file_and_nowhere_else(site: Site) -> None:
    secret = "canary-3f9a"
    site.start("blue", "r1", site.web(PASSWORD=secret))
    with pytest.raises(HostRefused) as refusal:
        site.client.start_slot("blue", "r1", site.root, [site.web(PASSWORD=secret + "-2")])
    site.client.start_job("job", ["sleep", "1000"], site.root, {"TOKEN": secret})
    assert secret not in str(refusal.value) + refusal.value.hint + repr(site.client.status())
    holding = [
        path for path in site.root.rglob("*") if path.is_file() and secret in path.read_text("latin-1")
    ]
    assert sorted(path.name for path in holding) == ["env.json", "job.env.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}


def test_a_full_disk_keeps_new_slots_out_and_traffic_moving(site: Site) -> None:
    site.start("blue", "r1")
    site.start("green", "r2")
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    (site.root / "run" / ".host.json.new").mkdir()  # as good as a full disk: the state cannot be written
    (site.root / "run" / "red").write_text("in the way of a slot's directory")
    routed = site.client.route({"green": 1})
    assert routed.changed and get(site.port).body == b"r2"
    os.kill(site.pid_of("green"), signal.SIGKILL)
    wait_for("it to be restarted", lambda: site.client.status().slots["green"].processes[0].restarts == 1)
    site.wait_running("green")
    assert "the state could not be written" in site.client.status().warnings[0]
    with pytest.raises(HostRefused, match="slot red cannot be started"):
        site.client.start_slot("red", "r3", site.root, [site.web()])


def test_a_root_with_a_long_path_works_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for site in new_site("long-" * 25):
        site.start("blue", "r1", site.web(listen="socket"))
        site.client.configure_door(site.listen)
        site.client.route({"blue": 1})
        assert get(site.port).body == b"r1"
        process = only(site, "blue")
        assert process.socket is not None and not process.socket.startswith(str(site.root))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(site.root))  # another shell, another environment
        run = site.root / "run"
        folders = [Path(process.socket).parent, find_socket(run, "host.sock").parent]
        assert all(folder.parent != run and folder.is_dir() for folder in folders)
        site.client.upgrade_door()
        site.kill_supervisor()
        site.client = ensure_running(site.root)
        assert get(site.port).body == b"r1"
        folders.append(find_socket(run, "host.sock").parent)
        site.client.shutdown()
        wait_for("its folders to be gone", lambda there=folders: not any(map(Path.exists, there)))


def test_a_root_where_nobody_may_write_is_said_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostUnavailable, match="cannot be started"):
        ensure_running(tmp_path / "file")


# -- its own death -----------------------------------------------------------------------------------------


def test_after_kill_9_the_next_one_takes_over_what_runs_without_a_failed_request(site: Site) -> None:
    site.start("blue", "r1", site.web(), site.other("queue"))
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    site.client.start_job("runner", ["sleep", "1000"], site.root)
    before = site.client.status()
    failures: list[object] = []
    done = threading.Event()
    load = threading.Thread(target=_load, args=(site.port, done, failures))
    load.start()
    try:
        site.kill_supervisor()
        assert get(site.port).body == b"r1"
        site.client = ensure_running(site.root)
        after = site.client.status()
        site.client.route({"blue": 2})
    finally:
        done.set()
        load.join()
    assert failures == []
    assert before.door is not None and after.door is not None
    assert [one.pid for one in after.slots["blue"].processes] == [
        one.pid for one in before.slots["blue"].processes
    ]
    assert (after.door.pid, after.jobs["runner"].pid) == (before.door.pid, before.jobs["runner"].pid)
    os.kill(site.pid_of("blue"), signal.SIGKILL)
    wait_for(
        "the adopted process to be restarted",
        lambda: site.client.status().slots["blue"].processes[0].restarts == 1,
    )
    site.wait_running("blue")
    assert get(site.port).body == b"r1"
    assert site.client.stop_slot("blue", ["queue"]).stopped == ("queue",)


def test_a_foreign_process_with_a_recycled_pid_is_never_taken_over(site: Site) -> None:
    site.start("blue", "r1", site.other("queue"))
    ours = site.pid_of("blue", "queue")
    site.kill_supervisor()
    os.kill(ours, signal.SIGKILL)
    foreign = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        path = site.root / "run" / "host.json"
        state = json.loads(path.read_text())
        [process] = state["slots"]["blue"]["processes"]
        process["life"]["pid"] = foreign.pid  # what a recycled pid looks like: same number, another birth
        path.write_text(json.dumps(state))
        site.client = ensure_running(site.root)
        site.wait_running("blue")
        assert site.pid_of("blue", "queue") != foreign.pid
        site.client.stop_slot("blue")
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


def test_a_process_started_in_the_instant_of_the_kill_is_found_by_its_mark(site: Site) -> None:
    site.start("blue", "r1", site.other("queue"))
    pid = site.pid_of("blue", "queue")
    site.kill_supervisor()
    path = site.root / "run" / "host.json"
    state = json.loads(path.read_text())
    [process] = state["slots"]["blue"]["processes"]
    process["life"]["pid"] = process["life"]["birth"] = None  # written before the start, not yet after it
    path.write_text(json.dumps(state))
    site.client = ensure_running(site.root)
    assert site.pid_of("blue", "queue") == pid


def test_a_stop_that_the_kill_interrupted_is_finished(site: Site) -> None:
    slow = site.other("slow", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    site.start("blue", "r1", slow)
    pid = site.pid_of("blue", "slow")

    def stop() -> None:
        with pytest.raises(HostUnavailable):
            site.client.stop_slot("blue", timeout_s=60)

    stopper = threading.Thread(target=stop)
    stopper.start()
    path = site.root / "run" / "host.json"
    wait_for("the stop to be written down", lambda: '"wanted":false' in path.read_text())
    site.kill_supervisor()
    stopper.join()
    assert is_running(pid)
    site.client = ensure_running(site.root)
    wait_for("the stop to be finished", lambda: not is_running(pid))
    wait_for("it to be seen", lambda: only(site, "blue").state == "stopped")


@pytest.mark.parametrize("damage", ["{torn", '{"schema_version":1,"slots":{"blue":5},"jobs":{}}'])
def test_a_damaged_state_is_put_aside_and_what_runs_is_found_by_its_mark(site: Site, damage: str) -> None:
    site.start("blue", "r1", site.web(PASSWORD="kept"), site.other("queue"))
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    before = {one.name: (one.pid, one.port) for one in site.client.status().slots["blue"].processes}
    site.kill_supervisor()
    (site.root / "run" / "host.json").write_text(damage)
    site.client = ensure_running(site.root)
    status = site.client.status()
    assert {one.name: (one.pid, one.port) for one in status.slots["blue"].processes} == before
    assert status.slots["blue"].release == "r1"
    assert "made no sense" in status.warnings[0]
    assert status.door is not None and status.door.weights == {"blue": 1}
    wait_for("the door to answer", lambda: getattr(site.client.status().door, "state", "") == "serving")
    assert get(site.port).body == b"r1"
    site.client.restart_process("blue", "api")
    site.wait_running("blue")
    assert psutil.Process(site.pid_of("blue")).environ()["PASSWORD"] == "kept"


def test_upgrade_keeps_pid_children_sockets_and_requests(site: Site) -> None:
    site.start("blue", "r1")
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    site.client.start_job("runner", ["sh", "-c", "sleep 1; exit 7"], site.root, final_codes=[7])
    before = site.client.status()
    failures: list[object] = []
    done = threading.Event()
    load = threading.Thread(target=_load, args=(site.port, done, failures))
    load.start()
    try:
        after = site.client.upgrade()
    finally:
        done.set()
        load.join()
    assert after.pid == before.pid and after.started_at > before.started_at
    assert failures == []
    status = site.client.status()
    assert [one.pid for one in status.slots["blue"].processes] == [
        one.pid for one in before.slots["blue"].processes
    ]
    wait_for("the job's exit code to be seen", lambda: site.client.status().jobs["runner"].last_exit == 7)
    assert site.client.status().jobs["runner"].state == "finished"


def test_shutdown_stops_everything_or_leaves_the_slots(site: Site) -> None:
    site.start("blue", "r1")
    site.client.configure_door(site.listen)
    pid = site.pid_of("blue")
    site.client.shutdown(stop_slots=False)
    assert is_running(pid) and not site.client.is_running()
    site.client = ensure_running(site.root)
    assert site.pid_of("blue") == pid
    os.kill(site.client.ping().pid, signal.SIGTERM)
    wait_for("all to stop", lambda: not is_running(pid) and not site.client.is_running())
    assert not _children_of_root(site)
    site.client = ensure_running(site.root)
    assert only(site, "blue").state == "stopped"


# -- jobs --------------------------------------------------------------------------------------------------


def test_a_job_is_started_again_until_it_ends_well(site: Site) -> None:
    script = "echo run; [ -e once ] || { touch once; kill -9 $$; }; [ -e twice ] || { touch twice; exit 4; }; exit 0"
    site.client.start_job("runner", ["sh", "-c", script], site.root)
    wait_for("the job to finish", lambda: site.client.status().jobs["runner"].state == "finished")
    job = site.client.status().jobs["runner"]
    assert (job.restarts, job.last_exit) == (2, 0)
    assert Path(job.log).read_text() == "run\n" * 3


def test_a_job_that_dies_too_often_is_given_up(site: Site) -> None:
    site.client.start_job("runner", ["false"], site.root, max_restarts=2, window_s=60)
    wait_for("the job to be given up", lambda: site.client.status().jobs["runner"].state == "failed")
    assert site.client.status().jobs["runner"].restarts == 2


def test_a_job_that_runs_is_left_alone_and_one_that_ended_is_started_anew(site: Site) -> None:
    first = site.client.start_job("runner", ["sleep", "1000"], site.root)
    assert site.client.start_job("runner", ["sleep", "1000"], site.root).pid == first.pid
    assert site.client.stop_job("runner").state == "stopped"
    assert not is_running(first.pid or 0)
    again = site.client.start_job("runner", ["sleep", "1000"], site.root)
    assert again.pid != first.pid and again.state == "running"
    with pytest.raises(HostRefused, match="nope was not found"):
        site.client.start_job("other", ["nope"], site.root)


# -- logs --------------------------------------------------------------------------------------------------


def test_a_log_that_has_grown_is_rotated_while_its_process_writes_on(site: Site) -> None:
    chatty = "head -c 11000000 /dev/zero | tr '\\0' x; echo; while :; do echo on; sleep 0.05; done"
    site.client.start_slot("blue", "r1", site.root, [site.other("chatty", "sh", "-c", chatty)])
    log = site.root / "run" / "blue" / "chatty.log"
    wait_for("the log to grow", lambda: log.exists() and log.stat().st_size > 11_000_000)
    assert site.client.rotate_logs() in ([str(log)], [])  # the supervisor may have been quicker
    wait_for("the old log", lambda: log.with_name("chatty.log.1").exists())
    wait_for("it to write on", lambda: "on\n" in log.read_text())
    assert log.stat().st_size < 1_000_000


def test_a_release_begins_a_log_of_its_own_and_the_one_before_is_kept(site: Site) -> None:
    for release in ("r1", "r2"):
        say = f"echo {release} speaks; exec sleep 1000"
        site.client.start_slot("blue", release, site.root, [site.other("speaker", "sh", "-c", say)])
        log = site.root / "run" / "blue" / "speaker.log"
        wait_for("it to speak", lambda log=log, release=release: log.read_text() == f"{release} speaks\n")
        site.client.stop_slot("blue")
    assert log.with_name("speaker.log.1").read_text() == "r1 speaks\n"


def _children_of_root(site: Site) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MOBIUS_ROOT") == str(site.root):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _load(port: int, done: threading.Event, failures: list[object]) -> None:
    """New connections and a kept one, one request after the other, until told to stop."""
    from host.talking import Line

    with Line(port) as kept:
        while not done.is_set():
            try:
                for answer in (kept.get("/"), get(port), kept.post("/", b"x")):
                    if answer.status != 200:
                        failures.append(answer)
            except OSError as error:
                failures.append(error)
                return
            time.sleep(0.001)
