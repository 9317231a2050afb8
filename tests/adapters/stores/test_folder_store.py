"""A store that is a folder on another disk: killed, full, not mounted, without hard links, on the same disk."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from mobius.adapters.stores.folder import FolderStore
from mobius.archive.durable import lock_file
from mobius.errors import MobiusError
from mobius.model.stored import Created
from mobius.model.verdict import Outcome
from mobius.ports import NameTaken

MIB = 1 << 20

PROGRAM = """
import json, os, resource, signal, sys
from pathlib import Path
from mobius.adapters.stores.folder import FolderStore
from mobius.errors import MobiusError
given = json.loads(sys.argv[1])
if given.get("limit"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (given["limit"], given["limit"]))
def progress(done):
    if given.get("dies_at") and done >= given["dies_at"]:
        os.kill(os.getpid(), signal.SIGKILL)
store = FolderStore(Path(given["root"]), timeout_s=60)
try:
    store.create("a.zip", Path(given["path"]), sha256=given["sha256"], progress=progress)
except MobiusError as problem:
    print(json.dumps([problem.message, problem.hint]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "disk"
    made.mkdir()
    return made


@pytest.fixture
def content(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "content"
    path.write_bytes(random.Random(3).randbytes(24 * MIB))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def apart(root: Path, content: tuple[Path, str], **more: int) -> subprocess.CompletedProcess[str]:
    given = {"root": str(root), "path": str(content[0]), "sha256": content[1], **more}
    argv = [sys.executable, "-c", PROGRAM, json.dumps(given)]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)


def create(store: FolderStore, content: tuple[Path, str]) -> Created:
    return store.create("a.zip", content[0], sha256=content[1], progress=lambda _: None)


def test_what_a_killed_copy_left_is_compared_and_used_again(root: Path, content: tuple[Path, str]) -> None:
    assert apart(root, content, dies_at=10 * MIB).returncode == -9
    store = FolderStore(root, timeout_s=60)
    assert store.look("a.zip") is None
    assert list(store.listed()) == []
    made = create(store, content)
    assert made.kept_bytes >= 9 * MIB
    assert made.kept_bytes + made.sent_bytes == 24 * MIB
    assert [path.name for path in root.iterdir()] == ["a.zip"]
    assert (root / "a.zip").read_bytes() == content[0].read_bytes()


def test_what_was_left_of_other_content_is_written_over(root: Path, content: tuple[Path, str]) -> None:
    (root / ".a.zip.part").write_bytes(b"?" * (30 * MIB))
    made = create(FolderStore(root, timeout_s=60), content)
    assert (made.kept_bytes, made.sent_bytes) == (0, 24 * MIB)
    assert (root / "a.zip").read_bytes() == content[0].read_bytes()


def test_a_full_disk_is_named_and_nothing_has_the_name(root: Path, content: tuple[Path, str]) -> None:
    message, hint = json.loads(apart(root, content, limit=4 * MIB).stdout)
    assert message.startswith(f"{root / 'a.zip'} could not be written: the disk below {root} is full (")
    assert hint.startswith(f"free some space below {root}")
    assert FolderStore(root, timeout_s=60).look("a.zip") is None


def test_a_disk_that_is_not_mounted_is_never_written_to(tmp_path: Path, content: tuple[Path, str]) -> None:
    store = FolderStore(tmp_path / "disk", timeout_s=60)
    with pytest.raises(MobiusError) as missing:
        create(store, content)
    assert missing.value.message == f"the store {tmp_path / 'disk'} is not there"
    assert missing.value.hint.startswith(
        "mount its disk; if this is the right place, make the folder: mkdir -p "
    )
    assert not (tmp_path / "disk").exists()
    assert store.preflight().outcome is Outcome.ERROR


def test_without_hard_links_a_name_is_still_given_once(
    root: Path, content: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Path, target: Path) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", none)
    store = FolderStore(root, timeout_s=60)
    create(store, content)
    assert create(store, content).was_there
    other = content[0].with_name("other")
    other.write_bytes(b"other")
    with pytest.raises(NameTaken):
        create(store, (other, hashlib.sha256(b"other").hexdigest()))
    assert [path.name for path in root.iterdir()] == ["a.zip"]


def test_one_that_another_process_copies_now_is_left_to_it(root: Path, content: tuple[Path, str]) -> None:
    with (root / ".a.zip.part").open("w+b") as part:
        assert lock_file(part.fileno(), wait=False)
        with pytest.raises(MobiusError, match=r"a\.zip is being copied by another process"):
            create(FolderStore(root, timeout_s=60), content)
    create(FolderStore(root, timeout_s=60), content)


def test_the_disk_of_the_backups_themselves_is_told_to_be_no_other(root: Path, tmp_path: Path) -> None:
    seen = FolderStore(root, timeout_s=60, beside=tmp_path).preflight()
    assert (seen.outcome, seen.advice) == (Outcome.FAIL, "set store.url to a folder of another disk")
    assert seen.message == f"{root} is on the same disk as {tmp_path}: both would be lost at once"
    elsewhere = Path("/dev/shm")
    if elsewhere.is_dir() and elsewhere.stat().st_dev != root.stat().st_dev:
        assert FolderStore(root, timeout_s=60, beside=elsewhere).preflight().outcome is Outcome.PASS


def test_a_copy_that_takes_too_long_ends_and_the_next_one_goes_on(
    root: Path, content: tuple[Path, str]
) -> None:
    with pytest.raises(MobiusError) as late:
        create(FolderStore(root, timeout_s=0.0001), content)
    assert "did not end within 0.0001 s" in late.value.message
    assert late.value.hint == "do it again, with a longer store.timeout in mobius.toml"
    assert FolderStore(root, timeout_s=60).look("a.zip") is None
    create(FolderStore(root, timeout_s=60), content)
