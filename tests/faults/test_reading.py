"""A disk that cannot be read: a backup fails by the name of the file, a restore changes nothing, both in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.shim import Fault
from faults.stage import Stage, Told

SOURCES = ("data", "release")


def struck_reads(stage: Stage, kind: str, numbers: list[int]) -> list[str]:
    """What was wrong when the n-th read of a source failed."""
    said = []
    below = [stage.work / name for name in SOURCES]
    for number in numbers:
        stage.set_up()
        told = stage.play(Fault(kind, number, "reads"), below)
        where = f"{kind} at read {number} ({told.seen.call} {told.seen.path})"
        if told.how != "refused":
            said.append(f"{where}: {told.how} {told.message}")
        elif told.code not in (1, 11) or not names_it(kind, told, stage):
            said.append(f"{where}: does not name the file: {told.message!r}")
        said += [f"{where}: {each}" for each in stage.scene.problems(stage.work, False)]
        if left := [path.name for path in (stage.work / "backups").glob(".*")]:
            said.append(f"{where}: left behind: {left}")
        again = stage.play(Fault())
        if again.how != "done" or stage.scene.problems(stage.work, True):
            said.append(f"{where}: a repetition {again.how}: {again.message}")
    return said


def names_it(kind: str, told: Told, stage: Stage) -> bool:
    """The file that was struck; where more than one is, whichever a thread came to first."""
    path = str(stage.work) if kind == "stays broken" else told.seen.path
    return path in told.message


def test_a_source_that_cannot_be_read_fails_the_backup_by_its_name(stages: Callable[[str], Stage]) -> None:
    stage = stages("write")
    reads = stage.count("reads", [stage.work / name for name in SOURCES])
    assert reads.count > 10 and set(reads.by_name) >= {"readdir"}
    assert (
        struck_reads(stage, "broken once", list(range(1, reads.count + 1, max(1, reads.count // 12)))) == []
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["broken once", "stays broken"])
def test_a_source_that_cannot_be_read_at_any_read_fails_the_backup(
    stages: Callable[[str], Stage], kind: str
) -> None:
    stage = stages("write")
    reads = stage.count("reads", [stage.work / name for name in SOURCES])
    assert struck_reads(stage, kind, list(range(1, reads.count + 1))) == []


@pytest.mark.parametrize("scene", ["extract", "swap"])
def test_a_backup_that_cannot_be_read_restores_nothing(stages: Callable[[str], Stage], scene: str) -> None:
    stage = stages(scene)
    backups = stage.work / "backups"
    reads = stage.count("reads", [backups])
    assert reads.count > 3
    said = []
    for number in range(1, reads.count + 1, max(1, reads.count // 15)):
        stage.set_up()
        told = stage.play(Fault("broken once", number, "reads"), [backups])
        where = f"read {number} ({told.seen.call} {told.seen.path})"
        if told.how != "refused" or told.code not in (1, 11) or ".zip" not in told.message:
            said.append(f"{where}: {told.how} {told.message!r}")
        said += [f"{where}: {each}" for each in stage.scene.problems(stage.work, False)]
    assert said == []
