"""Writing, verifying and extracting take at most 128 MB, whatever the number of files and their size."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MOST_MB = 128
MIB = 1 << 20

WRITE = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from mobius.archive import Source, write_archive
    room, threads = Path(sys.argv[1]), int(sys.argv[2])
    written = write_archive(
        room / "x.zip", [Source("d", room / "data")], {}, checksum_root=room, threads=threads, nice=True
    )
    print(written.manifest.files, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
)
EXTRACT = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from mobius.archive import extract_archive
    room = Path(sys.argv[1])
    extracted = extract_archive(room / "x.zip", room / "out")
    print(extracted.files, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
)


def measured(script: str, room: Path, *more: str) -> tuple[int, int]:
    """The number of files, and the most memory in MB, of a process of its own."""
    # A child's peak begins at that of whoever forked it, so a small process stands between.
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    command = [sys.executable, "-c", between, sys.executable, "-c", script, str(room), *more]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": sys.path[0]}
    )
    assert done.returncode == 0, done.stderr
    files, most_mb = done.stdout.split()
    return int(files), int(most_mb)


def room_for(tmp_path: Path, gigabytes: int) -> Path:
    if shutil.disk_usage(tmp_path).free < gigabytes << 30:
        pytest.skip(f"needs {gigabytes} GB of disk")
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.slow
def test_300_000_files_half_of_them_in_one_folder(tmp_path: Path) -> None:
    room = room_for(tmp_path, 4)
    for number in range(300_000):
        folder = room / "data" / ("all" if number % 2 else f"{number // 2000:04}")
        if number < 2 or number % 2000 == 0:
            folder.mkdir(exist_ok=True)
        fd = os.open(folder / f"a-name-of-some-length-{number:06}.json", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b'{"number": %d}' % number)
        os.close(fd)
    for script, more in ((WRITE, ("8",)), (EXTRACT, ())):
        files, most_mb = measured(script, room, *more)
        assert files == 300_000
        assert most_mb <= MOST_MB


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "8", "64"])
def test_large_files_of_every_kind_with_any_number_of_threads(tmp_path: Path, threads: str) -> None:
    room = room_for(tmp_path, 5)
    with (room / "data" / "sparse").open("wb") as file:
        file.truncate(3 << 30)
        file.seek(1 << 30)
        file.write(os.urandom(5 * MIB))
    with (room / "data" / "noise").open("wb") as noise, (room / "data" / "text").open("wb") as text:
        for number in range(300):
            noise.write(os.urandom(MIB))
            text.write(b"%020d: a line of a log\n" % number * (MIB // 40))
    for number in range(40):
        (room / "data" / f"middling-{number}").write_bytes(os.urandom(MIB - number))
    for script, more in ((WRITE, (threads,)), (EXTRACT, ())):
        files, most_mb = measured(script, room, *more)
        assert files == 43
        assert most_mb <= MOST_MB


@pytest.mark.slow
def test_a_tree_of_nothing_but_hard_links(tmp_path: Path) -> None:
    """As package managers make them: each file has its other name in a store elsewhere."""
    room = room_for(tmp_path, 4)
    (room / "store").mkdir()
    for number in range(100_000):
        place = room / "data" / f"{number:06}"
        place.touch()
        (room / "store" / place.name).hardlink_to(place)
    files, most_mb = measured(WRITE, room, "2")
    assert files == 100_000
    assert most_mb <= MOST_MB
