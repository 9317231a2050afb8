"""The shim sees every call that changes a file: strace, which asks the kernel, counts the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.scenes import SCENES
from faults.shim import Fault, seen
from faults.stage import TESTS, Stage

SYSCALL = {
    "open": "openat",
    "pwrite": "pwrite64",
    "ftruncate64": "ftruncate",
    "truncate64": "truncate",
    "futimens": "utimensat",
    "sendfile64": "sendfile",
    "pwritev64": "pwritev",
    "pwritev64v2": "pwritev2",
    "fallocate64": "fallocate",
    "posix_fallocate": "fallocate",
    "posix_fallocate64": "fallocate",
}
TRACED = (
    "write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,fsync,fdatasync,syncfs,sync_file_range,"
    "ftruncate,truncate,fallocate,fchmod,chmod,fchmodat,fchown,chown,lchown,fchownat,utimensat,setxattr,lsetxattr,"
    "fsetxattr,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat,rmdir,open,openat,"
    "creat,mknod,mknodat,io_uring_enter"
)
LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)$")


@pytest.mark.parametrize("scene", ["create", "restore data", "rehearse"])
def test_the_kernel_was_asked_for_nothing_that_the_shim_did_not_see(
    shim: Path, tmp_path: Path, scene: str
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("there is no strace to compare with")
    folder, temporary, trace = tmp_path / "work", tmp_path / "temporary", tmp_path / "trace"
    temporary.mkdir()
    folder.mkdir()
    SCENES[scene].prepare(folder)
    environ = Fault().environ(shim, tmp_path / "state", [folder, temporary])
    environ |= {"TMPDIR": str(temporary), "PYTHONPATH": f"{TESTS}:{TESTS.parent / 'src'}"}
    act = f"SCENES[{scene!r}].act(Path({str(folder)!r}))"
    program = f"from pathlib import Path; from faults.scenes import SCENES; {act}"
    told = [word for name, value in environ.items() for word in ("-E", f"{name}={value}")]
    command = ["strace", "-f", "-y", "-qq", "-o", str(trace), "-e", f"trace={TRACED}", *told]
    done = subprocess.run(
        [*command, sys.executable, "-B", "-c", program],
        cwd=TESTS,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    by_shim: Counter[str] = Counter()
    for name, count in seen(tmp_path / "state").by_name.items():
        by_shim[SYSCALL.get(name, name)] += count
    assert by_shim == _by_kernel(trace, [folder, temporary])
    assert by_shim["fsync"] + by_shim["syncfs"] > 0 and by_shim["write"] + by_shim["pwrite64"] > 5


def _by_kernel(trace: Path, below: list[Path]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in trace.read_text(errors="replace").splitlines():
        line = re.sub(r'AT_FDCWD<[^>]*>, "/', 'AT_FDCWD, "/', line)  # where it stands says nothing then
        if (found := LINE.match(line)) is None or not any(f"{place}" in line for place in below):
            continue
        name, rest = found.groups()
        if name in ("open", "openat") and not re.search(r"O_CREAT|O_TRUNC|O_TMPFILE", rest):
            continue
        counted["openat" if name == "open" else name] += 1
    return counted


def test_each_fault_does_what_it_says(stages: Callable[[str], Stage]) -> None:
    stage = stages("write")
    calls = stage.count()
    stage.set_up()
    told = stage.play(Fault("full once", calls.count // 2))
    assert (told.how, told.seen.struck) == ("refused", 1)
    stage.set_up()
    assert stage.play(Fault("stays full", 1)).seen.struck >= 1
    stage.set_up()
    assert stage.play(Fault("killed before", calls.count)).how == "killed"
    stage.set_up()
    assert stage.play(Fault("killed after", 1)).seen.count == 1
    stage.set_up()
    after_the_end = stage.play(Fault("broken once", calls.count + 1000))
    assert (after_the_end.how, after_the_end.seen.struck) == ("done", 0)


def test_a_backup_that_forgets_the_checksum_or_tears_is_seen(stages: Callable[[str], Stage]) -> None:
    """The judge of all these tests must cry when there is something to cry about."""
    stage = stages("write")
    stage.count()
    backups = stage.work / "backups"
    (made,) = backups.glob("*02_120000.zip")
    whole, sidecar = made.read_bytes(), backups / f"{made.name}.sha256"
    made.write_bytes(whole[:-100])
    assert "wrong checksum" in str(stage.scene.problems(stage.work, True))
    made.write_bytes(whole)
    (backups / f".{made.name}.0123456789ab.tmp").touch()
    assert "left behind" in str(stage.scene.problems(stage.work, True))
    sidecar.unlink()
    assert "has no checksum" in str(stage.scene.problems(stage.work, True))
