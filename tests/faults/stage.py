"""A stage on which one scene is played again and again from the same start, each time struck elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.scenes import SCENES, Scene
from faults.shim import Fault, Seen, seen

TESTS = Path(__file__).resolve().parents[1]
CODES = {1, 3, 11}  # those of docs/reference for what can go wrong with a disk below a backup
REMOVING = ("unlink", "unlinkat", "rmdir")
NEED_SPACE = ("full once", "stays full", "quota")
NO_SPACE = ("full", "No space left on device", "quota")


@dataclass(frozen=True, slots=True)
class Told:
    """How the act ended: "done", "refused" (in words), "crashed" (a traceback) or "killed"."""

    how: str
    seen: Seen
    message: str = ""
    hint: str = ""
    code: int = 0


@dataclass
class Stage:
    """`play` acts once; `strike` plays with a fault, looks, repeats without one, and looks again."""

    folder: Path
    scene: Scene
    ask: Callable[[dict[str, Any]], dict[str, Any]]
    cases: int = 0
    struck: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True)
        self.temporary.mkdir()
        self.scene.prepare(self.work)
        self._copy(self.work, self.start)

    @property
    def work(self) -> Path:
        """Where it is played: always the same place, since a tree may hold its own address."""
        return self.folder / "work"

    @property
    def start(self) -> Path:
        return self.folder / "start"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of the process, struck as all else."""
        return self.folder / "temporary"

    def set_up(self) -> None:
        """All as it was in the beginning."""
        shutil.rmtree(self.work)
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()
        self._copy(self.start, self.work)

    def play(self, fault: Fault, below: Sequence[Path] = ()) -> Told:
        """One act under the fault, as the folder is now; by default every place it can write to is struck."""
        state = self.folder / "state"
        state.unlink(missing_ok=True)
        told = self.ask(
            {
                "scene": self.scene.name,
                "folder": str(self.work),
                "temporary": str(self.temporary),
                "below": [str(place) for place in below or (self.work, self.temporary)],
                "state": str(state),
                "fault": {"kind": fault.kind, "nth": fault.nth, "group": fault.group},
            }
        )
        return Told(
            told["how"], seen(state), told.get("message", ""), told.get("hint", ""), told.get("code", 0)
        )

    def count(self, group: str = "changes", below: Sequence[Path] = ()) -> Seen:
        """What one act does that can be struck."""
        self.set_up()
        told = self.play(Fault("count", 0, group), below)
        assert told.how == "done", told
        assert self.scene.problems(self.work, True) == []
        return told.seen

    def strike(self, fault: Fault) -> list[str]:
        """What was wrong with this fault: nothing, if all is as promised."""
        self.set_up()
        told = self.play(fault)
        self.cases += 1
        if told.seen.struck:
            self.struck[told.seen.call] = self.struck.get(told.seen.call, 0) + 1
        said = [*_of_the_answer(fault, told), *self.scene.problems(self.work, told.how == "done")]
        if told.seen.call in REMOVING or fault.kind == "stays broken":
            # What cannot be removed now, as nothing can be on a broken disk, is swept by the repetition.
            said = [each for each in said if not each.startswith("left behind")]
        again = self.play(Fault())
        if again.how != "done":
            said.append(f"a repetition {again.how}: {again.message}")
        said += [
            f"after a repetition: {each}" for each in self.scene.problems(self.work, again.how == "done")
        ]
        if left := [path.name for path in self.temporary.iterdir()] if fault.kind[:6] != "killed" else []:
            said.append(f"left among the temporary files: {left}")
        where = f"{fault} ({told.seen.call} {os.path.basename(told.seen.path)})"  # noqa: PTH119
        return [f"{where}: {each}" for each in said]

    def strike_all(self, kind: str, numbers: Sequence[int], group: str = "changes") -> list[str]:
        """`strike` for each number; all that was wrong."""
        return [each for number in numbers for each in self.strike(Fault(kind, number, group))]

    def _copy(self, source: Path, target: Path) -> None:
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _of_the_answer(fault: Fault, told: Told) -> list[str]:
    """A failure is one sentence of ours with an exit code of ours, and says what is the matter; never a traceback."""
    if told.how == "crashed":
        return [f"a traceback: {told.message.strip()}"]
    if told.how == "killed":
        return [] if fault.kind.startswith("killed") and told.seen.struck else ["it died unasked"]
    if not told.seen.struck:
        return [] if told.how == "done" else [f"not struck, and refused: {told.message}"]
    if told.how == "done":
        return []
    said = []
    if told.code not in CODES:
        said.append(f"exit code {told.code}")
    if not told.message:
        said.append("refused without a word")
    # SQLite says neither that its journal could not be made for want of space, nor that a quota was reached.
    by_sqlite = ".capture" in told.seen.path and "copied" in told.message
    says_so = by_sqlite or any(words in told.message for words in NO_SPACE)
    if fault.kind in NEED_SPACE and not says_so:
        said.append(f"does not say that the disk is full: {told.message!r}")
    if fault.kind == "short":
        said.append(f"a short write is no error: {told.message!r}")
    return said


@contextmanager
def serving(library: Path) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """A warm process under the shim; the function asks it, and waits for its answer."""
    environ = {**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    server = subprocess.Popen(
        [sys.executable, "-m", "faults.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    assert server.stdin is not None and server.stdout is not None

    def ask(question: dict[str, Any]) -> dict[str, Any]:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(question) + "\n")
        server.stdin.flush()
        line = server.stdout.readline()
        assert line, "the server of faults has ended"
        return dict(json.loads(line))

    try:
        yield ask
    finally:
        server.stdin.close()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


def stage_of(name: str, folder: Path, ask: Callable[[dict[str, Any]], dict[str, Any]]) -> Stage:
    """The stage for a scene by its name."""
    return Stage(folder / name.replace(" ", "-"), SCENES[name], ask)
