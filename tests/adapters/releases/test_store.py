"""A release is staged whole or not at all, and what it finds in `shared/` is never lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mobius.adapters.places import Places
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.model.release import Release
from mobius.model.settings import ProcessSettings, ReleaseSettings
from mobius.ports import nothing

API = ProcessSettings("api", ("sh", "run.sh"), env={"MODE": "fast", "DB": "shared/db"}, pass_env=("TOKEN",))
CRON = ProcessSettings("cron", ("sh", "-c", "sleep 1"), kind="singleton", stop_timeout_s=2.5)


class Project:
    """A project folder with a source `built/v1`, and stores of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built = folder / "built" / "v1"
        self.built.mkdir(parents=True)
        (self.built / "app.py").write_text("print(1)\n")
        self.root = folder / ".mobius" / "production"

    def store(self, *, processes: tuple[ProcessSettings, ...] = (API,), **settings: object) -> ReleaseStore:
        made = ReleaseSettings(**settings)  # type: ignore[arg-type]
        places = Places(self.folder, self.root, made.link)
        return ReleaseStore(places, made, processes, Files(f"{self.folder}/built/{{tag}}", (self.root,)))

    def release(self, store: ReleaseStore) -> Release:
        return Release("v1-1a2b", "v1", "", store.find("v1").digest, "c" * 64, staged_at=5.0)

    def stage(self, store: ReleaseStore) -> Path:
        release = self.release(store)
        store.stage(release, progress=nothing)
        return store.path(release.id)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def sh(script: str) -> tuple[tuple[str, ...], ...]:
    return (("sh", "-c", script),)


def wait_for(what: str, holds: Callable[[], bool], within_s: float = 30.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, f"waited {within_s} s for {what}"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# Staging and building


def test_the_build_runs_in_the_tree_and_knows_its_release(project: Project) -> None:
    store = project.store(build=(*sh("echo $RELEASE_TAG $MOBIUS_RELEASE > built.txt"), ("touch", "second")))
    told: list[str] = []
    release = project.release(store)
    store.stage(release, progress=told.append)
    tree = store.path(release.id)
    assert (tree / "built.txt").read_text() == "v1 v1-1a2b\n"
    assert (tree / "second").exists()
    assert told == ["build: sh -c echo $RELEASE_TAG $MOBIUS_RELEASE > built.txt", "build: touch second"]


def test_a_failing_build_says_its_last_lines_and_leaves_nothing(project: Project) -> None:
    store = project.store(build=sh("seq 1 100; echo wrong >&2; exit 3"))
    with pytest.raises(MobiusError) as failed:
        project.stage(store)
    assert failed.value.message == (
        "the build of v1 failed: sh -c seq 1 100; echo wrong >&2; exit 3: exit code 3"
    )
    assert failed.value.details == (*(str(n) for n in range(82, 101)), "wrong")
    assert list((project.root / "releases").iterdir()) == []


def test_a_build_command_that_is_not_there_says_so(project: Project) -> None:
    with pytest.raises(
        MobiusError, match=r"the build of v1 failed: no-such-tool: no-such-tool: No such file"
    ):
        project.stage(project.store(build=(("no-such-tool",),)))


@pytest.mark.parametrize(
    ("ends", "why"),
    [("sleep 1000", "not finished after 2 s, killed"), ("sleep 0.1; exit 1", "exit code 1")],
)
def test_nothing_that_a_failed_build_started_lives_on(ends: str, why: str, project: Project) -> None:
    pid_file = project.folder / "pid"
    within_s = 2.0 if "1000" in ends else 60.0
    store = project.store(build=sh(f"sleep 1000 & echo $! > {pid_file}; {ends}"), build_timeout_s=within_s)
    with pytest.raises(MobiusError, match=why):
        project.stage(store)
    wait_for("the build's child to be gone", lambda: is_gone(int(pid_file.read_text())))


def test_content_that_changed_since_the_plan_is_refused(project: Project) -> None:
    store = project.store()
    release = project.release(store)
    (project.built / "app.py").write_text("print(2)\n")
    with pytest.raises(GateFailed) as refused:
        store.stage(release, progress=nothing)
    assert refused.value.message == "v1 is not what was planned any more: its content changed"
    assert refused.value.exit_code == 3
    assert not store.path(release.id).exists()


@pytest.mark.parametrize("program", ["./serve", "no-such-program", "/no/such/program"])
def test_a_start_command_that_the_build_did_not_make_is_refused(program: str, project: Project) -> None:
    store = project.store(processes=(ProcessSettings("api", (program,)),))
    with pytest.raises(GateFailed, match=f"the start command of api is missing: {program}"):
        project.stage(store)
    assert list((project.root / "releases").iterdir()) == []


def test_a_start_command_may_be_made_by_the_build(project: Project) -> None:
    store = project.store(
        build=sh("printf '#!/bin/sh' > serve; chmod +x serve"),
        processes=(ProcessSettings("api", ("./serve",)),),
    )
    assert (project.stage(store) / "serve").exists()


def test_a_full_disk_while_staging_is_an_error_in_words(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", refuse)
    with pytest.raises(MobiusError) as failed:
        project.stage(project.store())
    assert failed.value.message == "v1-1a2b could not be staged: No space left on device"
    assert list((project.root / "releases").iterdir()) == []


DIES = """
import json, sys
from pathlib import Path
from mobius.adapters.places import Places
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.model.release import Release
from mobius.model.settings import ReleaseSettings

folder, build = Path(sys.argv[1]), json.loads(sys.argv[2])
places = Places(folder, folder / ".mobius" / "production")
store = ReleaseStore(places, ReleaseSettings(build=((*build,),)), (), Files(f"{folder}/built/{{tag}}", ()))
store.stage(Release("v1-1a2b", "v1", "", store.find("v1").digest, "c"), progress=lambda line: None)
"""


def test_a_runner_killed_during_the_build_leaves_nothing_that_counts(project: Project) -> None:
    """The build of the dead one goes on by itself; it must not write into the tree that is made anew."""
    pid_file = project.folder / "pid"
    build = ["sh", "-c", f"echo half > half.txt; sleep 1000 & echo $! > {pid_file}.new; "
             f"mv {pid_file}.new {pid_file}; while :; do echo old > $PWD/old.txt; sleep 0.01; done"]  # fmt: skip
    script = [sys.executable, "-c", textwrap.dedent(DIES), str(project.folder), json.dumps(build)]
    runner = subprocess.Popen(script, start_new_session=True)
    try:
        wait_for("the build to begin", pid_file.exists)
    finally:
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    store = project.store(build=sh("test ! -e half.txt && sleep 0.1"))
    assert not store.is_staged("v1-1a2b")
    assert store.manifests() == ()
    tree = project.stage(store)
    assert sorted(path.name for path in tree.iterdir()) == ["app.py"]
    assert is_gone(int(pid_file.read_text()))


def test_a_tree_without_its_manifest_is_made_anew(project: Project) -> None:
    store = project.store()
    tree = project.stage(store)
    (tree / "left.txt").touch()
    (project.root / "releases" / "v1-1a2b.json").unlink()
    assert not store.is_staged("v1-1a2b")
    project.stage(store)
    assert not (tree / "left.txt").exists()


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs another user to be")
def test_folders_that_a_build_made_read_only_can_be_removed() -> None:
    code = "import os, sys; from pathlib import Path; from mobius.adapters.releases.tree import remove_tree;"
    code += "os.setuid(65534); remove_tree(Path(sys.argv[1]))"
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        tree = Path(place) / "tree"
        (tree / "cache" / "deep").mkdir(parents=True)
        (tree / "cache" / "deep" / "module.go").touch(mode=0o444)
        for path in (tree / "cache" / "deep" / "module.go", tree / "cache" / "deep", tree / "cache", tree):
            os.chown(path, 65534, 65534)
            path.chmod(0o555)
        subprocess.run([sys.executable, "-c", code, str(tree)], check=True)
        assert not tree.exists()


# Manifests


def test_the_manifest_brings_everything_back_and_is_private(project: Project) -> None:
    store = project.store(processes=(API, CRON), build=sh("echo > run.sh"))
    project.stage(store)
    manifest = project.root / "releases" / "v1-1a2b.json"
    assert manifest.stat().st_mode & 0o777 == 0o600
    later = project.store(processes=(ProcessSettings("other", ("sh",)),))
    assert later.processes("v1-1a2b") == (API, CRON)
    assert later.manifests() == (project.release(store),)


def test_a_tampered_or_torn_manifest_means_not_staged(project: Project) -> None:
    store = project.store()
    project.stage(store)
    manifest = project.root / "releases" / "v1-1a2b.json"
    whole = manifest.read_text()
    body = json.loads(whole)
    evil = {**body, "processes": [{**body["processes"][0], "start": ["sh", "-c", "evil"]}]}
    for text in (json.dumps(evil), whole[:100], "", "[]", "null", "{}", '{"sha256": 1}'):
        manifest.write_text(text)
        assert not store.is_staged("v1-1a2b"), text
        assert store.manifests() == ()
    manifest.write_text(whole)
    assert store.is_staged("v1-1a2b")


def test_a_manifest_without_its_tree_means_not_staged(project: Project) -> None:
    store = project.store()
    tree = project.stage(store)
    tree.rename(tree.with_name("elsewhere"))
    assert not store.is_staged("v1-1a2b")
    assert store.manifests() == ()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "-rf", "a\0", "a\n", "x" * 300]
)
def test_an_id_that_leads_elsewhere_is_no_release(name: str, project: Project) -> None:
    store = project.store()
    tree = project.stage(store)
    (project.root / "x").mkdir()
    for act in (
        store.path,
        store.remove,
        lambda it: store.stage(replace(project.release(store), id=it), progress=nothing),
        lambda it: store.adopt(replace(project.release(store), id=it), ()),
    ):
        with pytest.raises(UsageError, match="cannot be a release"):
            act(name)
    if name:
        with pytest.raises(UsageError):
            store.point_to(name, "")
    assert not store.is_staged(name)
    assert (tree / "app.py").exists()
    assert (project.root / "x").exists()


# Version markers


def test_the_markers_are_links_and_a_file_that_people_can_read(project: Project) -> None:
    store = project.store()
    tree = project.stage(store)
    for _ in range(2):
        store.point_to("v1-1a2b", "")
        assert (project.root / "current").resolve() == tree
        assert (project.root / "current").readlink() == Path("releases/v1-1a2b")
        assert (project.root / "VERSION").read_text() == "v1 v1-1a2b\n"
    store.point_to("", "")
    assert not os.path.lexists(project.root / "current")
    assert not (project.root / "VERSION").exists()


def test_the_marker_is_never_missing_while_it_changes(project: Project) -> None:
    store = project.store()
    project.stage(store)
    store.point_to("v1-1a2b", "")
    code = "import os,sys\nwhile True: os.readlink(sys.argv[1])"
    reader = subprocess.Popen([sys.executable, "-c", code, str(project.root / "current")])
    try:
        for name in ["other", "v1-1a2b"] * 100:
            store.point_to(name, "")
        assert reader.poll() is None
    finally:
        reader.kill()
        reader.wait()


# Links into shared/


def test_what_a_release_brings_at_a_linked_path_is_the_first_content_only(project: Project) -> None:
    (project.built / "data").mkdir()
    (project.built / "data" / "seed.txt").write_text("first")
    (project.built / "settings.ini").write_text("first")
    store = project.store(link=("data", "settings.ini", "var/log/app"))
    tree = project.stage(store)
    shared = project.root / "shared"
    for name in store._settings.link:
        assert (tree / name).is_symlink()
        assert (tree / name).resolve() == shared / name
    assert (shared / "data" / "seed.txt").read_text() == "first"
    assert (shared / "var" / "log" / "app").is_dir()

    (shared / "data" / "seed.txt").write_text("changed in production")
    (shared / "settings.ini").write_text("changed in production")
    store.remove("v1-1a2b")
    assert (shared / "data" / "seed.txt").exists(), "removing a release must not follow its links"
    tree = project.stage(store)
    assert (tree / "data" / "seed.txt").read_text() == "changed in production"
    assert (tree / "settings.ini").read_text() == "changed in production"


def test_a_link_below_another_link_loses_nothing(project: Project) -> None:
    (project.built / "data" / "uploads").mkdir(parents=True)
    (project.built / "data" / "uploads" / "a.png").write_text("picture")
    for links in (("data", "data/uploads"), ("data", "./data/uploads")):
        store = project.store(link=links)
        tree = project.stage(store)
        assert (tree / "data" / "uploads" / "a.png").read_text() == "picture"
        assert (project.root / "shared" / "data" / "uploads" / "a.png").read_text() == "picture"
        store.remove("v1-1a2b")


def test_the_first_content_is_there_whole_or_not_yet(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.built / "data").mkdir()
    for n in range(3):
        (project.built / "data" / f"{n}.txt").touch()
    store = project.store(link=("data",))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            project.stage(store)
    assert not (project.root / "shared" / "data").exists()
    project.stage(store)
    assert len(list((project.root / "shared" / "data").iterdir())) == 3


def test_a_link_that_an_operator_made_in_shared_is_kept(project: Project, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (project.root / "shared").mkdir(parents=True)
    (project.root / "shared" / "data").symlink_to(tmp_path / "disk")
    tree = project.stage(project.store(link=("data",)))
    assert (tree / "data").resolve() == tmp_path / "disk"
