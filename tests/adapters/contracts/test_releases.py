"""What every `Releases` promises, in memory and on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mobius.adapters.places import Places
from mobius.adapters.releases.memory import MemoryReleases
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.errors import MobiusError, UsageError
from mobius.model.release import Release
from mobius.model.settings import ProcessSettings, ReleaseSettings
from mobius.ports import Releases, Source, nothing

API = ProcessSettings("api", ("sh", "-c", "exec sleep 1"))


@dataclass
class Made:
    """The releases there are (v1 and v2), and a way to break the build of one."""

    releases: Releases
    break_build: Callable[[str], None]

    def release(self, tag: str, staged_at: float = 1.0) -> Release:
        digest = self.releases.find(tag).digest
        return Release(f"{tag}-1a2b", tag, "", digest, "c" * 64, staged_at=staged_at)


@pytest.fixture(params=["memory", "store"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    if request.param == "memory":
        memory = MemoryReleases({tag: Source(tag, "", f"{tag}" * 32, False) for tag in ("v1", "v2")}, [API])
        return Made(memory, memory.broken_builds.add)
    for tag in ("v1", "v2"):
        (tmp_path / "built" / tag / "migrations").mkdir(parents=True)
        (tmp_path / "built" / tag / "app.py").write_text(tag)
    settings = ReleaseSettings(build=(("sh", "-c", 'test ! -e "$BROKEN/$RELEASE_TAG.broken"'),))
    settings = replace(settings, build=(("sh", "-c", f"test ! -e {tmp_path}/$RELEASE_TAG.broken"),))
    places = Places(tmp_path, tmp_path / ".mobius" / "production")
    store = ReleaseStore(places, settings, [API], Files(f"{tmp_path}/built/{{tag}}", ()))
    return Made(store, lambda tag: (tmp_path / f"{tag}.broken").touch())


def test_an_unknown_tag_is_refused_with_those_that_exist(made: Made) -> None:
    assert made.releases.find("v1").tag == "v1"
    with pytest.raises(UsageError) as refused:
        made.releases.find("v9")
    assert "v9" in refused.value.message
    assert "v1, v2" in refused.value.hint


def test_looking_into_a_source_gives_a_folder_for_a_while(made: Made) -> None:
    source = made.releases.find("v1")
    for part in ("migrations", "no/such/part"):
        with made.releases.look_into(source, part) as folder:
            assert list(folder.iterdir()) == []
        assert not folder.exists()


def test_a_staged_release_is_there_with_its_processes(made: Made) -> None:
    release = made.release("v1")
    assert not made.releases.is_staged(release.id)
    assert made.releases.stage(release, progress=nothing) == release
    assert made.releases.is_staged(release.id)
    assert made.releases.processes(release.id) == (API,)
    assert made.releases.path(release.id).name == release.id


def test_staging_what_is_staged_is_a_success_and_builds_nothing(made: Made) -> None:
    release = made.release("v1")
    made.releases.stage(release, progress=nothing)
    made.break_build("v1")
    told: list[str] = []
    assert made.releases.stage(release, progress=told.append) == release
    assert told == []


def test_a_build_that_fails_leaves_nothing_staged(made: Made) -> None:
    made.break_build("v1")
    release = made.release("v1")
    with pytest.raises(MobiusError, match="the build of v1 failed"):
        made.releases.stage(release, progress=nothing)
    assert not made.releases.is_staged(release.id)
    assert not made.releases.path(release.id).exists()
    assert made.releases.manifests() == ()


def test_the_markers_name_what_they_were_pointed_to(made: Made) -> None:
    one, two = made.release("v1"), made.release("v2")
    for release in (one, two):
        made.releases.stage(release, progress=nothing)
    assert made.releases.current() == ("", "")
    for wanted in ((one.id, ""), (two.id, one.id), (two.id, one.id), (one.id, ""), ("", "")):
        made.releases.point_to(*wanted)
        assert made.releases.current() == wanted


def test_manifests_say_what_is_staged_newest_first(made: Made) -> None:
    old, new = made.release("v1", staged_at=10.0), made.release("v2", staged_at=20.0)
    for release in (new, old):
        made.releases.stage(release, progress=nothing)
    assert made.releases.manifests() == (new, old)


def test_a_removed_release_is_gone_and_removing_it_again_is_a_success(made: Made) -> None:
    release = made.release("v1")
    made.releases.stage(release, progress=nothing)
    for _ in range(2):
        made.releases.remove(release.id)
        assert not made.releases.is_staged(release.id)
    assert made.releases.manifests() == ()
    assert made.releases.stage(release, progress=nothing) == release


def test_looking_never_changes_the_source(made: Made, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    source = made.releases.find("v1")
    with made.releases.look_into(source, "migrations") as folder:
        (folder / "scribble").touch()
        shutil.rmtree(folder)
    assert made.releases.find("v1") == source
    assert sorted(tmp_path.rglob("*")) == before


def test_another_configuration_of_a_tree_is_a_release_of_its_own(made: Made) -> None:
    releases = made.releases
    first = releases.stage(made.release("v1"), progress=nothing)
    loud = replace(API, env={"LOUD": "yes"})
    wanted = replace(first, id=f"{first.id}+2", config_digest="d" * 64, staged_at=2.0)

    again = releases.configure(wanted, [loud])

    assert again == releases.configure(wanted, [API]) == wanted, (
        "there already: what it was configured with stays"
    )
    assert releases.is_staged(again.id)
    assert releases.processes(again.id)[0].env == {"LOUD": "yes"}
    assert releases.processes(first.id)[0].env == {}
    assert [release.id for release in releases.manifests()] == [again.id, first.id]
    releases.point_to(again.id, first.id)
    assert releases.current() == (again.id, first.id)


def test_a_tree_that_is_gone_cannot_be_configured_anew(made: Made) -> None:
    with pytest.raises(MobiusError, match=r"the tree of v1-1a2b\+2 is gone"):
        made.releases.configure(replace(made.release("v1"), id="v1-1a2b+2"), [API])
    assert not made.releases.is_staged("v1-1a2b+2")


def test_a_tree_stays_as_long_as_any_configuration_of_it_does(made: Made) -> None:
    releases = made.releases
    first = releases.stage(made.release("v1"), progress=nothing)
    releases.configure(replace(first, id=f"{first.id}+2"), [API])

    releases.remove(first.id)
    assert not releases.is_staged(first.id)
    third = releases.configure(replace(first, id=f"{first.id}+3"), [API])
    releases.remove(f"{first.id}+2")
    assert releases.is_staged(third.id)
    releases.remove(third.id)

    with pytest.raises(MobiusError, match="is gone"):
        releases.configure(replace(first, id=f"{first.id}+4"), [API])


def test_a_release_that_somebody_else_lays_out_is_remembered(made: Made) -> None:
    release = Release("v7-seen", "v7", "", "", "", staged_at=3.0)

    assert (
        made.releases.register(release) == made.releases.register(replace(release, staged_at=9.0)) == release
    )
    assert made.releases.is_staged("v7-seen")
    assert made.releases.manifests() == (release,)
    made.releases.point_to("v7-seen", "")
    assert made.releases.current() == ("v7-seen", "")
    made.releases.remove("v7-seen")
    assert not made.releases.is_staged("v7-seen")
