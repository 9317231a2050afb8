"""What every `Executor` promises: in this process, on children of this machine, and on workers of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.media.films import film
from adapters.media.signals import sine, stereo
from dask_cluster import DaskCluster, dask_cluster
from mobius.adapters.media.cluster import ClusterExecutor
from mobius.adapters.media.jobs import JOBS
from mobius.adapters.media.memory import MemoryExecutor
from mobius.adapters.media.meter import versions
from mobius.adapters.media.pool import PoolExecutor
from mobius.errors import GateFailed, GateUnknown, Interrupted, MobiusError, UsageError
from mobius.ports import Executor


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


@pytest.fixture(params=["memory", "pool", pytest.param("cluster", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "memory":
        made: Executor = MemoryExecutor(
            lambda job, file, options: JOBS[job](file, **options), lanes=2, meter=versions()
        )
    elif request.param == "pool":
        made = PoolExecutor(2)
    else:
        made = ClusterExecutor(request.getfixturevalue("cluster").address)
    with made:
        yield made


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = tmp_path_factory.mktemp("sounds")
    return [stereo(made / f"{level}.wav", sine(-20.0 - level, 3)) for level in range(6)]


def test_it_says_how_many_films_it_measures_at_a_time_and_who_does(executor: Executor) -> None:
    assert executor.lanes == 2
    assert executor.meter() == versions()
    assert set(executor.meter()) >= {"mobius", "meter", "av", "ffmpeg", "libraries", "numpy"}


def test_many_threads_ask_and_each_gets_its_own_answer(executor: Executor, sounds: list[Path]) -> None:
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda file: executor.ask("loudness", file, {}), sounds))
    assert [round(one["integrated_lufs"]) for one in told] == [-20, -21, -22, -23, -24, -25]


def test_what_is_asked_again_is_measured_again(executor: Executor, sounds: list[Path]) -> None:
    first, second = (executor.ask("loudness", sounds[0], {}) for _ in range(2))
    assert first == second


def test_what_a_job_raises_is_raised_with_its_hint(executor: Executor, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\x00" * 4096)
    silent = film(tmp_path / "silent.mp4", seconds=0.5, audio=False)
    for file, kind in (("broken.mp4", GateUnknown), ("silent.mp4", GateFailed), ("none.mp4", UsageError)):
        with pytest.raises(kind, match=file) as refused:
            executor.ask("loudness", tmp_path / file, {})
        assert refused.value.hint
    assert executor.ask("probe", silent, {})["audio"] == []


def test_a_job_that_dies_is_an_error_of_its_file_only(executor: Executor, sounds: list[Path]) -> None:
    with pytest.raises(GateUnknown, match=r"0\.wav"):
        executor.ask("no such job", sounds[0], {})
    assert executor.ask("loudness", sounds[0], {})["integrated_lufs"] < -19


def test_paths_are_relative_to_where_it_is_asked(
    executor: Executor, sounds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sounds[0].parent)
    if isinstance(executor, PoolExecutor):
        with PoolExecutor(1) as here:  # a process that is warm already stays where it was started
            assert here.ask("probe", Path(sounds[0].name), {})["name"] == "0.wav"
    else:
        assert executor.ask("probe", Path(sounds[0].name), {})["name"] == "0.wav"


def test_who_still_asks_when_it_is_over_is_told_so(executor: Executor, tmp_path: Path) -> None:
    long = film(tmp_path / "long.mp4", seconds=2, options={"preset": "ultrafast"})
    said: list[MobiusError] = []

    def ask() -> None:
        for _ in range(1000):
            try:
                executor.ask("probe", long, {"deep": True})
            except MobiusError as problem:
                said.append(problem)
                return

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in asking:
        one.start()
    executor.__exit__(None, None, None)
    for one in asking:
        one.join(30)
    assert [type(problem) for problem in said] == [Interrupted] * 4
    assert all(problem.hint for problem in said)
