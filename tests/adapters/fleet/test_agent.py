"""What runs on a host of a fleet: told over a line, it keeps processes running, and obeys nobody who was overtaken."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.fleet.agents import ended, line_to, seen, until, wanted
from mobius.adapters.fleet.agent import keeper, processes, tree
from mobius.adapters.fleet.line import HostLost, HostRefused, Line
from mobius.adapters.releases.tree import tree_digest
from mobius.errors import Fenced

SLEEPS = (sys.executable, "-c", "import time\nwhile True: time.sleep(1)")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with ended(tmp_path / "host"):
        yield tmp_path / "host"


@pytest.fixture
def line(root: Path) -> Iterator[Line]:
    with contextlib.closing(line_to(root)) as line:
        yield line


@pytest.fixture
def release(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "run").write_text("#!/bin/sh\nexec sleep 60\n")
    (made / "bin" / "run").chmod(0o755)
    (made / "naïve name").write_text("é")
    (made / "link").symlink_to("bin/run")
    (made / "empty").mkdir()
    return made


def packed(folder: Path) -> Iterator[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(folder, arcname=".")
    content = stream.getvalue()
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def stage(line: Line, release: Path, name: str = "v1", token: int = 1) -> bool:
    told = line.ask(
        "stage", token=token, release=name, digest=tree_digest(release), stream=lambda: packed(release)
    )
    return bool(told["sent"])


def test_a_release_arrives_whole_and_is_sent_once(root: Path, line: Line, release: Path) -> None:
    assert stage(line, release)
    assert tree_digest(root / "releases" / "v1") == tree_digest(release)
    assert not stage(line, release)
    assert line.ask("hello")["releases"] == ["v1"]


def test_a_release_that_arrives_otherwise_is_refused_and_nothing_of_it_is_left(
    root: Path, line: Line, release: Path
) -> None:
    with pytest.raises(HostRefused, match="arrived with the digest"):
        line.ask("stage", token=1, release="v1", digest="0" * 64, stream=lambda: packed(release))
    assert list((root / "releases").iterdir()) == []
    assert line.ask("hello")["releases"] == []  # and the line is good for the next question


@pytest.mark.parametrize(
    "member",
    ["../outside", "/etc/outside", "link/../../outside"],
)
def test_a_release_that_reaches_outside_is_refused(root: Path, line: Line, member: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo(member)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(HostRefused, match="lies outside"):
        line.ask("stage", token=1, release="v1", digest="0" * 64, stream=lambda: iter([stream.getvalue()]))
    assert not (root / "outside").exists()
    assert not (root.parent / "outside").exists()


def test_nothing_is_written_through_a_link_of_the_release(root: Path, line: Line, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(link)
        info = tarfile.TarInfo("way/in")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(HostRefused, match="through a link"):
        line.ask("stage", token=1, release="v1", digest="0" * 64, stream=lambda: iter([stream.getvalue()]))
    assert not (tmp_path / "in").exists()


def test_what_is_started_runs_on_when_the_line_is_gone(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    pid = seen(root)["blue/api"]["pid"]
    line.close()
    assert processes.is_alive(pid, seen(root)["blue/api"]["started"])
    assert line.ask("processes")["is_kept"]


def test_the_same_start_again_changes_nothing(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    for _ in range(2):
        line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    assert seen(root)["blue/api"]["generation"] == 1


def test_what_dies_is_started_again_and_counted(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    first = seen(root)["blue/api"]["pid"]
    os.killpg(first, signal.SIGKILL)
    until(lambda: seen(root)["blue/api"]["restarts"] == 1, "it is started again")
    assert seen(root)["blue/api"]["pid"] != first


def test_what_is_stopped_is_gone_with_all_that_it_started(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    forks = wanted("api", "sh", "-c", "sleep 60 & sleep 60 & wait")
    line.ask("start", token=1, slot="blue", release="v1", processes=[forks])
    one = seen(root)["blue/api"]
    line.ask("stop", token=1, slot="blue")
    assert processes.is_gone(one["pid"], one["started"])
    assert seen(root) == {}


def test_what_does_not_listen_is_ended_by_force(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    deaf = wanted("api", "sh", "-c", "trap '' TERM; while :; do sleep 1; done", stop_timeout_s=0.5)
    line.ask("start", token=1, slot="blue", release="v1", processes=[deaf])
    one = seen(root)["blue/api"]
    line.ask("stop", token=1, slot="blue")
    assert processes.is_gone(one["pid"], one["started"])


def test_a_token_that_was_overtaken_changes_nothing(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    line.ask("start", token=3, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    line.ask("fence", token=7)
    before = (root / "fleet.json").read_bytes()
    late = {"slot": "green", "release": "v1", "processes": [wanted("api", "bin/run")]}
    for verb, asked in (
        ("start", late),
        ("stop", {"slot": "blue"}),
        ("fence", {}),
        ("remove", {"release": "v1"}),
    ):
        with pytest.raises(Fenced, match="has seen 7"):
            line.ask(verb, token=6, **asked)
    with pytest.raises(Fenced):
        stage(line, release, "v2", token=6)
    assert (root / "fleet.json").read_bytes() == before
    assert list(seen(root)) == ["blue/api"]


def test_a_worker_never_runs_in_two_slots(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    worker = wanted("jobs", "bin/run", kind="worker")
    line.ask("start", token=1, slot="blue", release="v1", processes=[worker])
    with pytest.raises(HostRefused, match="still runs in blue"):
        line.ask("start", token=1, slot="green", release="v1", processes=[worker])
    line.ask("stop", token=1, slot="blue", kinds=["worker"])
    line.ask("start", token=1, slot="green", release="v1", processes=[worker])
    assert list(seen(root)) == ["green/jobs"]


def test_a_command_that_is_not_there_is_refused_before_anything_changes(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    with pytest.raises(HostRefused, match="no command bin/absent"):
        line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/absent")])
    assert line.ask("hello")["state"]["slots"] == {}


def test_a_killed_keeper_leaves_everything_running_and_is_replaced(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    pid = seen(root)["blue/api"]["pid"]
    os.kill(keeper.read_seen(root)["keeper"]["pid"], signal.SIGKILL)
    until(lambda: not line.ask("processes")["is_kept"], "the keeper is gone")
    line.ask("fence", token=2)
    assert line.ask("processes")["is_kept"]
    assert seen(root)["blue/api"]["pid"] == pid


def test_a_keeper_that_knows_nothing_any_more_starts_nothing_twice(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("jobs", *SLEEPS, kind="worker")])
    pid = seen(root)["blue/jobs"]["pid"]
    os.kill(keeper.read_seen(root)["keeper"]["pid"], signal.SIGKILL)
    until(lambda: not line.ask("processes")["is_kept"], "the keeper is gone")
    keeper.seen_path(root).unlink()
    line.ask("fence", token=2)
    assert seen(root)["blue/jobs"]["pid"] == pid


def test_a_state_that_is_damaged_is_told_and_leaves_what_runs_alone(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    one = seen(root)["blue/api"]
    file = root / "fleet.json"
    whole = file.read_text()
    file.write_text(whole.replace('"epoch": 1', '"epoch": 0'))
    with pytest.raises(HostRefused) as refused:
        line.ask("hello")
    assert f"on that host: rm {file}, which ends what it runs; then" in refused.value.hint
    file.write_text(whole)
    line.ask("fence", token=2)
    file.write_text(whole.replace('"epoch": 1', '"epoch": 0'))
    with pytest.raises(HostRefused, match="is damaged") as refused:
        line.ask("stop", token=2, slot="blue")
    assert processes.is_alive(one["pid"], one["started"])
    command = refused.value.hint.partition("on that host: ")[2].partition(";")[0]
    assert command == f"cp {file}.before {file}"
    subprocess.run(command.split(), check=True)
    line.ask("start", token=2, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    until(lambda: seen(root)["blue/api"]["state"] == "running", "it runs as it was told anew")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[]", "{}", "\0\0", '{"keeper": {}, "processes": {"blue/api": {}}}']
)
def test_what_the_keeper_wrote_last_is_damaged_and_written_anew_and_nothing_is_started_twice(
    root: Path, line: Line, release: Path, text: str
) -> None:
    stage(line, release)
    line.ask("start", token=1, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    pid = seen(root)["blue/api"]["pid"]
    keeper.seen_path(root).write_text(text)
    until(lambda: "blue/api" in seen(root), "it is written anew")
    line.ask("fence", token=2)
    told = line.ask("processes")
    assert told["is_kept"]
    assert told["processes"]["blue/api"]["pid"] == pid
    os.kill(keeper.read_seen(root)["keeper"]["pid"], signal.SIGKILL)
    until(lambda: not line.ask("processes")["is_kept"], "the keeper is gone")
    keeper.seen_path(root).write_text(text)
    line.ask("fence", token=3)
    assert line.ask("processes")["processes"]["blue/api"]["pid"] == pid


def test_an_agent_that_fails_says_so_and_the_line_goes_on(root: Path, line: Line) -> None:
    line.ask("hello")
    with pytest.raises(HostRefused, match="web1: the agent of this host failed: OverflowError") as refused:
        line.ask("fence", token=float("inf"))
    assert f"ls -l {root}" in refused.value.hint
    assert line.ask("hello")["state"]["epoch"] == 0


def test_secrets_stay_in_the_file_of_the_host(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    (root / "shared").mkdir()
    (root / "shared" / "app.env").write_text("# of this host\nexport KEY='canary 1'\n")
    tells = wanted("api", "sh", "-c", 'echo "$KEY at $PORT"; sleep 60', env_file="shared/app.env", port=8123)
    line.ask("start", token=1, slot="blue", release="v1", processes=[tells])
    until(lambda: line.ask("tail", slot="blue", lines=5)["text"] == "canary 1 at 8123", "it says both")
    assert "canary" not in (root / "fleet.json").read_text()


def test_the_end_of_a_long_log_begins_with_a_whole_line(root: Path, line: Line) -> None:
    """Half a secret is not known for one where it is taken out."""
    log = root / "run" / "blue" / "api.log"
    log.parent.mkdir(parents=True)
    log.write_text("password canary-1\n" + "x" * (65536 - 3) + "\nb\n")
    assert line.ask("tail", slot="blue", lines=5)["text"] == "b"
    log.write_text("canary-1\nb\n")
    assert line.ask("tail", slot="blue", lines=5)["text"] == "canary-1\nb"


def test_current_and_previous_are_named(root: Path, line: Line, release: Path) -> None:
    stage(line, release)
    line.ask("point", token=1, live="v1", previous="")
    assert (root / "current").resolve() == (root / "releases" / "v1").resolve()
    assert line.ask("hello")["state"]["live"] == "v1"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo 'no route to host' >&2; exit 255", "no route to host"),
        ("sleep 60", "no answer"),
        ("echo hello; sleep 60", "hello"),
    ],
)
def test_a_host_without_an_answer_is_lost_and_not_empty(
    root: Path, command: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobius.adapters.fleet.line.CONNECT_WITHIN_S", 0.5)
    with (
        contextlib.closing(Line("web9", ["sh", "-c", command], str(root))) as line,
        pytest.raises(HostLost, match=f"web9 is not reached: .*{why}"),
    ):
        line.ask("hello")


def test_the_agent_is_of_the_standard_library_and_of_python_3_8() -> None:
    for source in sorted(Path(keeper.__file__).parent.glob("*.py")):
        parsed = ast.parse(source.read_text(), feature_version=(3, 8))
        for node in ast.walk(parsed):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), source


def test_a_line_that_was_cut_is_opened_anew(root: Path, line: Line) -> None:
    line.ask("hello")
    assert line._process is not None
    os.killpg(line._process.pid, signal.SIGKILL)
    with pytest.raises(HostLost):
        line.ask("hello")
    assert line.ask("hello")["ok"]


def test_the_digest_of_a_tree_is_the_same_at_both_ends(release: Path) -> None:
    assert tree.digest_of(release) == tree_digest(release)


def test_what_a_line_that_was_cut_brings_when_the_host_was_put_right_has_no_effect(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    line.ask("start", token=4, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    time.sleep(0.05)  # lines are told apart by hundredths of a second
    with contextlib.closing(line_to(root)) as newer:
        newer.ask("fence", token=4)  # the same run, once the line is back
        process = line._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        os.write(process.stdin.fileno(), b'{"verb": "stop", "token": 4, "slot": "blue"}\n')
        until(lambda: select.select([process.stdout], [], [], 0)[0], "an answer")
        told = json.loads(os.read(process.stdout.fileno(), 65536))
        assert (told["ok"], told["code"]) == (False, "line")
        assert seen(root)["blue/api"]["state"] == "running"


def test_who_is_still_there_asks_again_on_a_new_line_and_is_heard(
    root: Path, line: Line, release: Path
) -> None:
    stage(line, release)
    line.ask("start", token=4, slot="blue", release="v1", processes=[wanted("api", "bin/run")])
    time.sleep(0.05)
    with contextlib.closing(line_to(root)) as newer:
        newer.ask("fence", token=4)
        line.ask("stop", token=4, slot="blue")
        assert "blue/api" not in seen(root)
        assert stage(line, release, "v2", token=4)
        assert newer.ask("stop", token=4, slot="blue")["stopped"] == []
