"""What lies where inside a boot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobius.adapters.rehearsal.asked import Mount
from mobius.adapters.rehearsal.layout import ETC, Copied, mounts, programs_of
from mobius.errors import GateFailed
from mobius.model.settings import ProcessSettings


def laid_out(
    place: Path, *copies: Copied, hidden: tuple[Path, ...] = (), shown: tuple[Path, ...] = ()
) -> dict[Path, Mount]:
    room = place / "room"
    room.mkdir(exist_ok=True)
    found = mounts(copies, hidden=hidden, shown=shown, links={}, room=room)
    assert [m.at.parts for m in found] == sorted(m.at.parts for m in found)  # an outer folder comes first
    return {mount.at: mount for mount in found}


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_of_the_system_only_programs_and_what_they_need_are_there(place: Path) -> None:
    found = laid_out(place)
    assert {at.parts[1] for at in found} <= {
        "usr",
        "bin",
        "sbin",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "nix",
        "gnu",
        "etc",
    }
    assert {m.kind for m in found.values()} <= {"show", "link"}
    assert Path("/etc/shadow") not in found and "ssl/private" not in ETC and Path("/etc") not in found


def test_a_copy_lies_where_the_live_one_does_and_where_that_really_is(place: Path) -> None:
    really, copy = folder(place / "disk" / "data"), folder(place / "copy")
    (place / "data").symlink_to(really)
    found = laid_out(place, Copied(place / "data", copy))
    assert found[place / "data"] == Mount("copy", place / "data", copy)
    assert found[really] == Mount("copy", really, copy)


def test_a_single_file_comes_with_a_folder_that_may_be_written_to(place: Path) -> None:
    (place / "copy").mkdir()
    for name in ("app.db", "other.db"):
        (place / "copy" / name).write_text(name)
    live = place / "srv"
    found = laid_out(place, *(Copied(live / name, place / "copy" / name) for name in ("app.db", "other.db")))
    mount = found[live]
    assert mount.kind == "copy"
    assert sorted(p.name for p in mount.source.iterdir()) == ["app.db", "other.db"]


def test_what_is_hidden_is_covered_below_what_is_shown(place: Path) -> None:
    project = folder(place / "opt" / "project")
    (place / "opt" / "key").write_text("secret")
    found = laid_out(place, hidden=(project, place / "opt" / "key"), shown=(place / "opt",))
    assert found[place / "opt"].kind == "show"
    assert found[project] == Mount("mask", project)
    assert found[place / "opt" / "key"] == Mount("show", place / "opt" / "key", Path(os.devnull))


def test_it_is_covered_also_where_it_is_shown_by_another_name(place: Path) -> None:
    project = folder(place / "disk" / "project")
    (place / "name").symlink_to(place / "disk")
    found = laid_out(place, hidden=(project,), shown=(place / "name",))
    assert found[place / "name" / "project"].kind == "mask"


@pytest.mark.parametrize("what", ["data", "data/inside", "."])
def test_nothing_that_is_live_can_be_shown(place: Path, what: str) -> None:
    inside, copy = folder(place / "live" / "data" / "inside"), folder(place / "copy")
    with pytest.raises(GateFailed) as refused:
        laid_out(
            place,
            Copied(inside.parent, copy),
            hidden=(place / "live", inside.parent),
            shown=(place / "live" / what,),
        )
    assert refused.value.message == (
        f"{(place / 'live' / what)} is to be shown to a rehearsal, but what is live lies there"
    )


def program(path: Path, first: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(first)
    path.chmod(0o755)
    return path


def needed(place: Path, start: str, path: str = "", hidden: tuple[Path, ...] = ()) -> list[Path]:
    tree = place / "releases" / "v1"
    tree.mkdir(parents=True, exist_ok=True)
    return programs_of([ProcessSettings("api", (start,))], tree, path or os.environ["PATH"], hidden)


def test_a_runtime_outside_of_the_system_is_shown_whole(place: Path) -> None:
    node = program(place / "node-20" / "bin" / "node")
    assert needed(place, str(node)) == [place / "node-20"]


def test_a_shim_is_shown_with_what_it_leads_to(place: Path) -> None:
    python = program(place / "pyenv" / "shims" / "python3")
    assert needed(place, "python3", str(python.parent)) == [place / "pyenv"]


def test_a_link_to_it_is_shown_as_well_and_not_what_lies_around_it(place: Path) -> None:
    node = program(place / "node-20" / "bin" / "node")
    (place / "bin").mkdir()
    (place / "bin" / "node").symlink_to(node)
    assert needed(place, "node", str(place / "bin")) == [place / "bin" / "node", place / "node-20"]


def test_a_virtual_environment_is_shown_whole_although_its_python_is_a_link(place: Path) -> None:
    python = program(place / "py" / "bin" / "python3")
    (place / "venv" / "bin").mkdir(parents=True)
    (place / "venv" / "bin" / "python").symlink_to(python)
    (place / "venv" / "pyvenv.cfg").touch()
    assert needed(place, str(place / "venv" / "bin" / "python")) == [place / "venv", place / "py"]


def test_of_a_folder_that_holds_something_hidden_the_program_alone_is_shown(place: Path) -> None:
    serve = program(place / "project" / "bin" / "serve")
    for hidden in (place / "project", place / "project" / "data"):
        assert needed(place, str(serve), hidden=(hidden,)) == [serve]


def test_so_is_what_runs_the_script_that_is_started(place: Path) -> None:
    python = program(place / "py" / "bin" / "python")
    script = program(place / "releases" / "v1" / "run.sh", f"#!{python}\n")
    assert needed(place, "./run.sh") == [place / "py"]
    assert script.exists()


def test_the_systems_programs_and_those_of_the_release_need_no_showing(place: Path) -> None:
    program(place / "releases" / "v1" / "bin" / "serve")
    assert needed(place, "bin/serve") == []
    assert needed(place, "/usr/bin/env") == []
    assert needed(place, "no-such-program") == []
