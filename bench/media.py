"""What it costs to hold a film against its golden, beside the scripts it replaces, and how many films a minute.

The scripts before: for each frame one ffmpeg that decodes from the beginning and one for its SSIM, one ffmpeg for the
loudness that decodes the picture, too, one ffprobe. Ours: `mobius media golden check`, a whole command with all its
processes, nothing known from before. Both on the same films in turn; processor time with all children. The films are
made here with Debian's ffmpeg: 1080p, 30 pictures a second, 4 Mbit/s, a sound like speech; the long one is the short
one ten times.

    python -m bench.media --rounds 5 --write
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import common

QUESTION = """Holding a film against its golden (frames at 5, 10, 20 s, loudness, container): processor time of
`mobius media golden check` with all its processes, against one ffmpeg decode per frame, one ffmpeg per SSIM and one
ffmpeg with video for the loudness, as the scripts before did it. Goals: 8 times less at 30 s, 12 times at 5 min, 200 MB
a worker."""
TIMES = ("5", "10", "20")
PICTURE = "testsrc2=s=1920x1080:r=30:d=30,noise=alls=8:allf=t"
SOUND = (
    "aevalsrc='0.2*(sin(2*PI*140*t)+0.6*sin(2*PI*560*t)+0.4*sin(2*PI*1820*t))*random(0)"
    "*max(0,sin(2*PI*3.7*t))*lt(mod(t,4),3.2)':s=48000:d=30"
)
ENCODED = (
    "-c:v libx264 -preset veryfast -b:v 4M -maxrate 6M -bufsize 8M -pix_fmt yuv420p -c:a aac -b:a 128k -ac 2"
)
SUITE = 8


@dataclass(frozen=True)
class Spent:
    """Seconds of processor, with all children, and by the clock."""

    cpu_s: float
    wall_s: float


def main() -> None:
    arguments = common.parser(__doc__, rounds=5, of="times each").parse_args()
    if missing := common.why_missing("ffmpeg"):
        raise common.BenchFailed(missing)
    with tempfile.TemporaryDirectory(prefix="mobius-bench-media-") as made:
        folder = Path(made)
        films = {"30 s": folder / "short.mp4", "5 min": folder / "long.mp4"}
        _make(films["30 s"], films["5 min"])
        costs = [_cost(name, film, arguments.rounds) for name, film in films.items()]
        memory = [[name, *_memory(film)] for name, film in films.items()]
        suite = _throughput(films["30 s"], max(1, arguments.rounds // 2))
    entry = "\n\n".join(
        [
            common.table(
                ["Film", "Scripts, CPU s", "mobius, CPU s", "Ratio of CPU", "Ratio by the clock"], costs
            ),
            common.table(["Film", "Largest process, MB", "All of one lane (PSS), MB"], memory),
            common.table([f"{SUITE} films of 30 s", "Video minutes a minute", "Against one worker"], suite),
            f"{arguments.rounds} rounds in turn, medians; load {os.getloadavg()[0]:.1f} after.",
        ]
    )
    print(f"\n{entry}")
    if arguments.write:
        common.write_entry("media", QUESTION, entry)


def _make(short: Path, long: Path) -> None:
    print("making the films …", flush=True)
    inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND]
    _run(["ffmpeg", "-loglevel", "error", "-y", *inputs, *ENCODED.split(), str(short)])
    _run(
        ["ffmpeg", "-loglevel", "error", "-y", "-stream_loop", "9", "-i", str(short), "-c", "copy", str(long)]
    )
    print(f"{short.stat().st_size * 8 / 30 / 1e6:.1f} Mbit/s", flush=True)


def _cost(name: str, film: Path, rounds: int) -> list[str]:
    scripts, ours = film.parent / f"scripts-{film.stem}", film.parent / f"project-{film.stem}"
    scripts.mkdir()
    ours.mkdir()
    for at in TIMES:
        _run(
            [
                "ffmpeg",
                "-loglevel",
                "error",
                "-y",
                "-ss",
                at,
                "-i",
                str(film),
                "-frames:v",
                "1",
                f"{scripts}/golden{at}.png",
            ]
        )
    _mobius(
        ours, "record", "--game", "bench", "--in", str(film), "--frames", ",".join(TIMES), "--by", "bench"
    )
    pairs = []
    for number in range(rounds):
        theirs = _spent(lambda: _as_the_scripts(film, scripts))
        mine = _spent(lambda: _mobius(ours, "check", "--game", "bench", "--in", str(film), "--no-cache"))
        pairs.append((theirs, mine))
        print(
            f"{name} {number + 1}: {theirs.cpu_s:.2f} s, {mine.cpu_s:.2f} s, {theirs.cpu_s / mine.cpu_s:.1f}",
            flush=True,
        )
    cpu = common.median([theirs.cpu_s / mine.cpu_s for theirs, mine in pairs])
    wall = common.median([theirs.wall_s / mine.wall_s for theirs, mine in pairs])
    both = [common.median([pair[side].cpu_s for pair in pairs]) for side in (0, 1)]
    return [name, f"{both[0]:.2f}", f"{both[1]:.2f}", f"{cpu:.1f}", f"{wall:.1f}"]


def _as_the_scripts(film: Path, folder: Path) -> None:
    """`-ss` behind `-i` decodes from the beginning; their loudness has no `-vn`, so that the picture is decoded."""
    probe = ["ffprobe", "-v", "error", "-print_format", "json", "-show_streams", "-show_format", str(film)]
    assert json.loads(_run(probe).stdout)["streams"]
    for at in TIMES:
        shot = f"{folder}/now{at}.png"
        _run(["ffmpeg", "-loglevel", "error", "-y", "-i", str(film), "-ss", at, "-frames:v", "1", shot])
        two = ["-i", shot, "-i", f"{folder}/golden{at}.png"]
        same = "[0:v][1:v]scale2ref[a][b];[a][b]ssim"
        assert b"SSIM" in _run(["ffmpeg", *two, "-filter_complex", same, "-f", "null", "-"]).stderr
    loud = ["ffmpeg", "-nostats", "-i", str(film), "-filter_complex", "ebur128", "-f", "null", "-"]
    assert b"LUFS" in _run(loud).stderr


def _memory(film: Path) -> list[str]:
    """The most that one lane has: the process that forks, and the child that reads the film."""
    project = film.parent / f"project-{film.stem}"
    words = ["check", "--game", "bench", "--in", str(film), "--no-cache"]
    command = subprocess.Popen(_words(*words), cwd=project, stdout=subprocess.DEVNULL, env=_environ())
    seen = psutil.Process(command.pid)
    largest = together = 0
    while command.poll() is None:
        sizes = [_size(child) for child in _children(seen)]
        largest = max([largest, *(rss for rss, _ in sizes)])
        together = max(together, sum(pss for _, pss in sizes))
        time.sleep(0.01)
    return [f"{largest / 1e6:.0f}", f"{together / 1e6:.0f}"]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _size(process: psutil.Process) -> tuple[int, int]:
    try:
        about = process.memory_full_info()
        return about.rss, about.pss
    except psutil.Error:
        return 0, 0


def _throughput(film: Path, rounds: int) -> list[list[str]]:
    """Of a folder of films, on one worker, two, and two workers of a cluster of Dask."""
    folder = film.parent / "suite"
    (folder / "out").mkdir(parents=True)
    for number in range(SUITE):
        shutil.copyfile(film, folder / "out" / f"film{number:02}.mp4")
    shutil.copytree(film.parent / "project-short" / "tests", folder / "tests")
    ways: dict[str, list[float]] = {"1 worker": [], "2 workers": [], "Dask, 2 workers": []}
    with _cluster(film.parent) as address:
        options = {"1 worker": ["--workers", "1"], "2 workers": ["--workers", "2"]}
        options["Dask, 2 workers"] = ["--cluster", address]
        for _ in range(rounds):
            for name, typed in options.items():
                words = ["media", "check", "out", "--game", "bench", "--no-cache", "--json", *typed]
                spent = _spent(lambda words=words: _suite(folder, words))  # type: ignore[misc]
                ways[name].append(spent.wall_s)
                print(f"{name}: {SUITE} films in {spent.wall_s:.1f} s", flush=True)
    rows = []
    for name, seconds in ways.items():
        against = [one / other for one, other in zip(ways["1 worker"], seconds, strict=True)]
        rows.append(
            [name, f"{SUITE * 0.5 * 60 / common.median(seconds):.0f}", f"{common.median(against):.2f}"]
        )
    return rows


def _suite(folder: Path, words: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mobius", *words], cwd=folder, env=_environ(), capture_output=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["event"], told["done"], told["known"]) == ("suite", SUITE, 0), done.stderr.decode()


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A scheduler and two workers of one thread each."""
    port = common.free_port()
    dask = [sys.executable, "-W", "ignore", "-m", "dask"]
    address, log = f"tcp://127.0.0.1:{port}", folder / "dask.log"
    worker = ["worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    started = [
        common.Child([*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"], log)
    ]
    try:
        common.wait_for("the scheduler", lambda: "Scheduler at" in log.read_text(), 60)
        started += [common.Child([*dask, *worker, "--local-directory", str(folder)], log) for _ in range(2)]
        common.wait_for("two workers", lambda: log.read_text().count("Register worker") >= 2, 60)
        yield address
    finally:
        for child in reversed(started):
            child.stop()


def _mobius(folder: Path, *words: str) -> None:
    done = subprocess.run(_words(*words), cwd=folder, env=_environ(), capture_output=True)
    if done.returncode:
        raise common.BenchFailed(
            f"{' '.join(words)}: exit {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        )


def _words(*words: str) -> list[str]:
    return [sys.executable, "-m", "mobius", "media", "golden", *words]


def _environ() -> dict[str, str]:
    here = {name: value for name, value in os.environ.items() if name != "CI"}
    return {**here, "PYTHONPATH": common.python_path()}


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _spent(act: Callable[[], None]) -> Spent:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    act()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, time.perf_counter() - began)


if __name__ == "__main__":
    common.keep_bytecode(Path(tempfile.gettempdir()) / "mobius-bench-bytecode")
    main()
