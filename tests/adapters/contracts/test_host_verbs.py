"""What a host of a fleet answers: the agent's verbs on a real folder, and the same of a host in memory."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.fleet.agents import ended, line_to, wanted
from mobius.adapters.fleet.line import Asks, HostRefused
from mobius.adapters.fleet.memory import MemoryHost, MemoryLine
from mobius.adapters.releases.tree import tree_digest
from mobius.errors import Fenced

NOT_THERE = "no-such-command"
OF_A_MACHINE = {"host", "python", "free_bytes", "now", "boot_id", "place", "keeper", "is_kept"}
OF_A_PROCESS = {"kind", "release", "state", "port", "restarts", "generation"}  # which the controller reads
API = wanted("api", "sleep", "60", port=8100)
JOBS = wanted("jobs", "sleep", "60", kind="worker")
Question = tuple[str, Mapping[str, Any]]

QUESTIONS: Sequence[Question] = [
    ("hello", {}),
    ("processes", {}),
    ("tail", {"slot": "blue", "lines": 5}),
    ("no-such-verb", {}),
    ("start", {"token": 1, "slot": "blue", "release": "v1", "processes": [API]}),
    ("stage", {"token": 1, "release": "v1"}),
    ("stage", {"token": 1, "release": "v1"}),
    ("start", {"token": 1, "slot": "blue", "release": "v1", "processes": [wanted("api", NOT_THERE)]}),
    ("hello", {}),
    ("start", {"token": 1, "slot": "blue", "release": "v1", "processes": [API, JOBS]}),
    ("start", {"token": 1, "slot": "blue", "release": "v1", "processes": [API]}),
    ("processes", {}),
    ("point", {"token": 1, "live": "v1", "previous": ""}),
    ("fence", {"token": 3}),
    ("stage", {"token": 2, "release": "v2"}),
    ("stage", {"token": 3, "release": "v2"}),
    ("start", {"token": 3, "slot": "blue", "release": "v2", "processes": [API]}),
    ("start", {"token": 3, "slot": "green", "release": "v2", "processes": [API, JOBS]}),
    ("start", {"token": 3, "slot": "green", "release": "v2", "processes": [API]}),
    ("hello", {}),
    ("processes", {}),
    ("restart", {"token": 3, "slot": "green", "name": "api"}),
    ("restart", {"token": 3, "slot": "green", "name": "nobody"}),
    ("restart", {"token": 3, "slot": "purple", "name": "api"}),
    ("stop", {"token": 2, "slot": "blue", "kinds": []}),
    ("stop", {"token": 3, "slot": "blue", "kinds": ["worker"]}),
    ("start", {"token": 3, "slot": "green", "release": "v2", "processes": [JOBS]}),
    ("point", {"token": 3, "live": "v2", "previous": "v1"}),
    ("remove", {"token": 3, "release": "v1"}),
    ("fence", {"token": 2}),
    ("fence", {"token": 4, "by": "ann@laptop (pid 7)", "at": 5.0}),
    ("stop", {"token": 3, "slot": "blue", "kinds": []}),
    ("stop", {"token": 4, "slot": "blue", "kinds": []}),
    ("stop", {"token": 4, "slot": "blue", "kinds": []}),
    ("remove", {"token": 3, "release": "v1"}),
    ("remove", {"token": 4, "release": "v1"}),
    ("point", {"token": 4, "live": "v2", "previous": ""}),
    ("hello", {}),
    ("processes", {}),
    ("stop", {"token": 4, "slot": "green", "kinds": []}),
    ("hello", {}),
]  # fmt: skip


def test_a_host_in_memory_answers_whatever_it_is_asked_as_the_agent_does(tmp_path: Path) -> None:
    release = tmp_path / "made"
    release.mkdir()
    (release / "note").write_text("a release")
    in_memory = MemoryHost("web1")
    in_memory.missing_commands.add(NOT_THERE)
    root = tmp_path / "host"
    with ended(root), contextlib.closing(line_to(root)) as real:
        for number, question in enumerate(QUESTIONS):
            told = _asked(real, question, release)
            assert _asked(MemoryLine(in_memory), question, release) == told, f"{number}: {question}"


def test_a_host_that_was_booted_runs_all_that_it_was_told_as_other_processes() -> None:
    host = MemoryHost("web1")
    line = MemoryLine(host)
    line.ask("stage", token=1, release="v1", digest="d")
    line.ask("start", token=1, slot="blue", release="v1", processes=[API])
    before = line.ask("processes")["processes"]["blue/api"]
    host.boot()
    after = line.ask("processes")["processes"]["blue/api"]
    assert after["pid"] != before["pid"]
    assert {**after, "pid": 0} == {**before, "pid": 0}


@pytest.mark.parametrize("verb", ["stage", "start", "stop", "restart", "point", "remove", "fence"])
def test_in_memory_too_nothing_changes_for_a_token_that_was_overtaken(verb: str) -> None:
    host = MemoryHost("web1")
    line = MemoryLine(host)
    line.ask("stage", token=1, release="v1", digest="d")
    line.ask("start", token=1, slot="blue", release="v1", processes=[API])
    line.ask("fence", token=7)
    before = (line.ask("hello"), line.ask("processes"))
    asked: dict[str, Any] = {
        "slot": "blue",
        "release": "v1",
        "digest": "e",
        "processes": [JOBS],
        "name": "api",
        "live": "v2",
    }
    with pytest.raises(Fenced, match="has seen 7"):
        line.ask(verb, token=6, previous="", **asked)
    assert (line.ask("hello"), line.ask("processes")) == before


def _asked(line: Asks, question: Question, release: Path) -> object:
    """Its answer, without what is of one machine alone; or how it says no."""
    verb, asked = question
    more: dict[str, Any] = {}
    if verb == "stage":
        more = {"digest": tree_digest(release), "stream": lambda: _packed(release)}
    try:
        told = line.ask(verb, **asked, **more)
    except Fenced as no:
        return "fenced", no.message, no.hint
    except HostRefused as no:
        return no.code, no.message, no.hint
    seen = {key: value for key, value in told.items() if key not in OF_A_MACHINE}
    if "processes" in seen:
        seen["processes"] = {
            key: {name: one[name] for name in OF_A_PROCESS} for key, one in seen["processes"].items()
        }
    return seen


def _packed(folder: Path) -> Iterator[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(folder, arcname=".")
    yield stream.getvalue()
