"""What is read for an export is looked at with suspicion; what is not taken is named, with the reason."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobius.adapters.exporting import collecting
from mobius.adapters.exporting.collecting import Collector, safe_name
from mobius.adapters.exporting.scrub import Scrubber
from mobius.adapters.redaction import SHOWN, forms_of

SECRET = "hunter22-of-ours"
SCRUB = Scrubber(tuple(sorted(forms_of([SECRET]), key=len, reverse=True)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def collected(project: Path, scrub: Scrubber | None = SCRUB, **more: bool) -> Collector:
    collector = Collector((project,), scrub)
    collector.folder("all", project, **more)
    return collector


def why(collector: Collector, name: str) -> str:
    (found,) = (one.why for one in collector.left_out if one.name.endswith(name))
    return found


def contents(collector: Collector) -> dict[str, bytes]:
    return {member.name: member.content for member in collector.members}


def test_every_text_is_taken_in_a_fixed_order_without_its_secrets(project: Path) -> None:
    (project / "b").mkdir()
    (project / "b" / "x.md").write_text("b")
    (project / "a.txt").write_text(f"use {SECRET}")
    (project / "latin.txt").write_bytes(b"caf\xe9 " + SECRET.encode())
    found = collected(project)
    assert [member.name for member in found.members] == ["all/a.txt", "all/latin.txt", "all/b/x.md"]
    assert contents(found)["all/a.txt"] == f"use {SHOWN}".encode()
    assert contents(found)["all/latin.txt"] == b"caf\xe9 " + SHOWN.encode()
    assert found.members[0].redacted == {"a known value": 1}


def _link_out(project: Path) -> None:
    (project.parent / "outside").write_text("not for you")
    (project / "x").symlink_to(project.parent / "outside")


def _link_to_nothing(project: Path) -> None:
    (project / "x").symlink_to(project / "nowhere")


def _link_to_folder(project: Path) -> None:
    (project / "x").symlink_to(project.parent, target_is_directory=True)


def _socket(project: Path) -> None:
    here = Path.cwd()
    os.chdir(project)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("x")
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_link_out, "it is a link out of the project"),
        (_link_to_nothing, "it is gone"),
        (_link_to_folder, "it is a link to a folder"),
        (lambda project: os.mkfifo(project / "x"), "it is no regular file"),
        (_socket, "it cannot be read"),
        (lambda project: (project / "x").write_bytes(b"a\0b"), "it is no text"),
        (lambda project: (project / "x").write_text(SECRET, encoding="utf-16"), "it is no text"),
        (
            lambda project: os.truncate(os.open(project / "x", os.O_CREAT | os.O_WRONLY), 9 << 20),
            "it is larger",
        ),
    ],
)
def test_what_is_no_plain_text_of_the_project_is_left_out_and_said(
    project: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(project)
    found = collected(project)
    assert found.members == []
    assert why(found, "x").startswith(reason)


def test_a_link_inside_the_project_is_followed(project: Path) -> None:
    (project / "a").write_text("here")
    (project / "b").symlink_to("a")
    assert contents(collected(project)) == {"all/a": b"here", "all/b": b"here"}


def test_of_a_large_log_the_end_is_taken_from_a_whole_line_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "LARGEST_BYTES", 1000)
    monkeypatch.setattr(collecting, "TAIL_BYTES", 100)
    (project / "x.log").write_text("".join(f"line {n:04}\n" for n in range(500)))
    found = collected(project, tail=True)
    assert found.members[0].content.startswith(b"line ")
    assert found.members[0].content.endswith(b"line 0499\n")
    assert found.members[0].note.startswith("only its last")


def test_a_file_that_goes_while_it_is_looked_at_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "x").write_text("soon gone")
    really = os.open

    def gone(path: object, *rest: object) -> int:
        if str(path).endswith("/x"):
            (project / "x").unlink()
        return really(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(collecting.os, "open", gone)
    assert why(collected(project), "x").startswith("it is gone")


def test_an_export_has_an_end(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_FILES", 2)
    for name in "abc":
        (project / name).write_text(name)
    found = collected(project)
    assert len(found.members) == 2
    assert why(found, "c").startswith("the export is full")


def test_a_secret_in_a_name_is_taken_out_and_names_that_meet_stay_apart(project: Path) -> None:
    (project / f"{SECRET}.md").write_text("1")
    (project / f"{SECRET.encode().hex()}.md").write_text("2")
    found = contents(collected(project))
    assert sorted(found) == [f"all/{SHOWN}.md", f"all/{SHOWN}.md.2"]
    assert all(SECRET not in one.source for one in collected(project).members)


def test_what_is_signed_stays_byte_for_byte_or_is_withheld(project: Path) -> None:
    def envelope(payload: str) -> bytes:
        return json.dumps({"payload": base64.b64encode(payload.encode()).decode()}).encode()

    (project / "good").write_bytes(envelope("nothing to hide"))
    (project / "bad").write_bytes(envelope(f"it said {SECRET}"))
    found = Collector((project,), SCRUB)
    for name in ("good", "bad"):
        found.file(f"evidence/{name}", project / name, signed=True)
    assert contents(found) == {"evidence/good": envelope("nothing to hide")}
    assert "changed it would prove nothing" in why(found, "bad")


@given(some.text(max_size=60))
def test_any_name_becomes_one_that_every_system_can_write_and_stays_in_its_folder(name: str) -> None:
    made = safe_name(name)
    assert made and not made.startswith("/")
    assert all(part not in ("", ".", "..") for part in made.split("/"))
    assert made.isprintable() and not set('\\:*?"<>|') & set(made)
    assert "\n" not in made
