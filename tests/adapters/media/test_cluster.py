"""A real cluster of Dask: a worker that dies, one of another version, one without the files."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from adapters.media.signals import sine, stereo
from dask_cluster import dask_cluster
from mobius.adapters.media.cluster import ClusterExecutor
from mobius.cli.main import run
from mobius.errors import GateUnknown
from mobius.model.golden import METER

pytestmark = pytest.mark.slow


def test_a_suite_survives_the_death_of_a_worker_and_judges_each_film_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    for number in range(16):  # without a picture, so that each fails, and is judged nonetheless
        stereo(Path(f"out/{number}.wav").with_suffix(".mkv"), sine(-20.0 - number, 20))
    with dask_cluster(tmp_path) as cluster:
        done = threading.Event()

        def kill_one() -> None:
            while not done.is_set():
                if len(list((tmp_path / "known").glob("*/*.json"))) >= 3:
                    cluster.kill(0)
                    return
                time.sleep(0.01)

        killing = threading.Thread(target=kill_one)
        killing.start()
        words = ["media", "check", "out", "--cluster", cluster.address, "--cache", "known", "--json"]
        code = run(words)
        done.set()
        killing.join()
        assert cluster.workers[0].poll() is not None
    assert code == 3
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    films = [row["file"] for row in told if row["event"] == "film"]
    assert sorted(films) == sorted(f"out/{number}.mkv" for number in range(16))
    assert {row["outcome"] for row in told if row["event"] == "film"} == {"FAIL"}
    assert (told[-1]["done"], told[-1]["known"]) == (16, 0)


def test_a_worker_that_measures_in_another_way_is_refused_before_anything(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import mobius.model.golden as golden\ngolden.METER = '0'\n")
    with dask_cluster(tmp_path, workers=1) as cluster:
        cluster.add_worker(environ={"PYTHONPATH": str(tmp_path)})
        with ClusterExecutor(cluster.address) as executor, pytest.raises(GateUnknown) as refused:
            executor.meter()
    assert refused.value.message == "1 of 2 workers would measure in another way than this machine"
    assert refused.value.details[0].endswith(f": meter 0, here {METER}")


def test_a_worker_without_mobius_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mobius'] = None\n")
    with dask_cluster(tmp_path, workers=0) as cluster:
        cluster.add_worker(environ={"PYTHONPATH": str(tmp_path)})
        with ClusterExecutor(cluster.address) as executor, pytest.raises(GateUnknown) as refused:
            executor.meter()
    assert refused.value.hint


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap hides the folder from the worker")
def test_a_film_that_a_worker_does_not_have_is_an_error_of_that_film(tmp_path: Path) -> None:
    films, there = tmp_path / "films", tmp_path / "there"
    films.mkdir()
    there.mkdir()
    sound, shared = stereo(films / "a.wav", sine(-20.0, 1)), stereo(there / "b.wav", sine(-20.0, 1))
    with dask_cluster(tmp_path, workers=0) as cluster:
        cluster.add_worker(inside=["bwrap", "--dev-bind", "/", "/", "--tmpfs", str(films)])
        with ClusterExecutor(cluster.address) as executor:
            with pytest.raises(
                GateUnknown, match=r"a\.wav: .*/a\.wav is not there on the worker "
            ) as refused:
                executor.ask("loudness", sound, {})
            assert "workers need the same files at the same paths" in refused.value.hint
            assert executor.ask("loudness", shared, {})["integrated_lufs"] is not None


def test_without_a_worker_left_a_film_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    sound = stereo(tmp_path / "a.wav", sine(-20.0, 1))
    with dask_cluster(tmp_path, workers=1) as cluster:
        with ClusterExecutor(cluster.address, alone_s=1.0) as executor:
            cluster.kill(0)
            with pytest.raises(GateUnknown, match="has had no worker for 1 s"):
                executor.ask("loudness", sound, {})
        with pytest.raises(GateUnknown, match="has no workers"):
            ClusterExecutor(cluster.address)
