"""`mobius backup restore` and what `mobius backup verify` says of a damaged archive, as commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1 << 20
CONFIG = """
service = "dhash"

[release]
source = "."

[[process]]
name = "api"
kind = "web"
start = ["true"]

[backup]
paths = ["files"]

[environments.production]
target = "process"
url = "http://127.0.0.1:5999"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "files/sub").mkdir(parents=True)
    (tmp_path / "files/a.txt").write_text("hello\n")
    (tmp_path / "files/sub/big").write_bytes(os.urandom(2 * MIB))
    (tmp_path / "mobius.toml").write_text(CONFIG)
    return tmp_path


def mobius(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mobius", "backup", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def backup(project: Path) -> Path:
    made = mobius(project, "create", "--json")
    assert made.returncode == 0, made.stderr
    return Path(json.loads(made.stdout.splitlines()[-1])["path"]).relative_to(project)


def test_one_file_or_everything_comes_back_and_nothing_is_overwritten(project: Path) -> None:
    file = backup(project)
    (project / "files/a.txt").write_text("changed\n")
    dry = mobius(project, "restore", str(file), "--only", "data/files/a.txt", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, f"would restore 1 file, 6 B: {file.stem}/data/files/a.txt\n")
    assert dry.stderr.splitlines()[-1] == "nothing was written; leave --dry-run out to restore it"
    assert not (project / file.stem).exists()
    done = mobius(project, "restore", str(file), "--only", "data/files/a.txt")
    assert (done.returncode, done.stdout) == (0, f"restored 1 file, 6 B: {file.stem}/data/files/a.txt\n")
    assert (project / file.stem / "data/files/a.txt").read_text() == "hello\n"
    again = mobius(project, "restore", str(file), "--only", "data/files/a.txt")
    assert again.returncode == 1
    assert again.stderr.splitlines()[0] == f"error: {file.stem}/data/files/a.txt exists already"
    forced = mobius(project, "restore", str(file), "--only", "data/files/a.txt", "--force", "--json")
    assert len(json.loads(forced.stdout)["kept"]) == 1
    whole = mobius(project, "restore", str(file), "--to", "all")
    assert whole.stdout == "restored 3 files, 2.1 MB: all\n", whole.stderr
    assert (project / "all/data/files/sub/big").read_bytes() == (project / "files/sub/big").read_bytes()
    assert (project / "files/a.txt").read_text() == "changed\n"
    there = mobius(project, "restore", str(file), "--to", "all", "--dry-run")
    assert (there.returncode, there.stderr.splitlines()[0]) == (1, "error: all exists already")
    wrong = mobius(project, "restore", str(file), "--only", "files/a.txt")
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-2:] == [
        "error: the backup holds nothing below 'files/a.txt'",
        "  it holds: data, mobius.toml",
    ]


def test_what_is_lost_is_named_and_what_is_whole_still_comes_out(project: Path) -> None:
    file = backup(project)
    raw = bytearray((project / file).read_bytes())
    raw[raw.index((project / "files/sub/big").read_bytes()[MIB + 5000 : MIB + 5100])] ^= 1
    (project / file).write_bytes(raw)
    found = mobius(project, "verify", str(file), "--whole")
    assert found.returncode == 11
    lines = found.stdout.splitlines()
    assert lines[0] == f"{file}: backup {file.name} cannot be used: it does not match its SHA-256"
    assert lines[3].startswith(f"  damaged  data/files/sub/big: bytes {MIB} to {2 * MIB} (bytes ")
    assert lines[4:] == [
        "  whole    data/files",
        "  whole    data/files/a.txt",
        "  whole    data/files/sub",
        "  whole    mobius.toml",
        "  whole: 4 paths (compared with their SHA-256); lost: 1",
        f"  restore what is whole: mobius backup restore {file} --only PATH --to DIR",
    ]
    told = json.loads(mobius(project, "verify", str(file), "--json").stdout)
    assert (told["ok"], told["lost"], told["damaged"][0]["at"]) == (False, 1, MIB)
    assert mobius(project, "restore", str(file), "--only", "data/files/a.txt", "--to", "x").returncode == 0
    assert (project / "x/data/files/a.txt").read_text() == "hello\n"
    lost = mobius(project, "restore", str(file), "--only", "data/files/sub/big", "--to", "y")
    assert lost.returncode == 11
    assert not (project / "y").exists()
    assert mobius(project, "restore", str(file), "--to", "z").returncode == 11
    assert not (project / "z").exists()
