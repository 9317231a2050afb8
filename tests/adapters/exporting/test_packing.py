"""The archive is the same for the same content, checks itself, and is whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mobius.adapters.exporting import packing
from mobius.adapters.exporting.known import known_events
from mobius.errors import MobiusError, UsageError
from mobius.model.exporting import Contents, LeftOut, Member
from mobius.model.run import Event

EVENTS = b'{"seq": 1, "hash": "aa"}\n{"seq": 2, "hash": "bb"}\n'
FACTS = {"service": "dhash", "environment": "production"}


def made(*members: Member, with_secrets: bool = False) -> Contents:
    return Contents(members, (LeftOut("x.bin", "it is no text"),), "1:2:bb", with_secrets)


MEMBERS = (
    Member("journal/events.jsonl", EVENTS),
    Member("b.txt", b"b", "/src/b", {"a known value": 2}, "a note"),
)


def write(path: Path, contents: Contents) -> str:
    return packing.write(path, contents, FACTS, "read me\n", "warned\n").sha256


def test_the_same_content_is_the_same_archive_in_any_order(tmp_path: Path) -> None:
    assert write(tmp_path / "1.zip", made(*MEMBERS)) == write(tmp_path / "2.zip", made(*reversed(MEMBERS)))


def test_it_is_for_its_owner_alone_and_public_tools_check_it(tmp_path: Path) -> None:
    sha256 = write(tmp_path / "x.zip", made(*MEMBERS))
    assert (tmp_path / "x.zip").stat().st_mode & 0o777 == 0o600
    assert hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest() == sha256
    script = (
        "sha256sum -c x.zip.sha256 && python3 -m zipfile -e x.zip out && cd out && sha256sum -c SHA256SUMS"
    )
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True).returncode == 0
    told = json.loads((tmp_path / "out" / "MANIFEST.json").read_bytes())
    assert told["left_out"] == [{"name": "x.bin", "why": "it is no text"}]
    assert told["members"][0] == {
        "name": "b.txt", "size_bytes": 1, "sha256": hashlib.sha256(b"b").hexdigest(), "source": "/src/b",
        "redacted": {"a known value": 2}, "note": "a note",
    }  # fmt: skip
    assert not (tmp_path / "out" / packing.WARNING).exists()


def test_with_secrets_a_warning_lies_inside(tmp_path: Path) -> None:
    write(tmp_path / "x.zip", made(*MEMBERS, with_secrets=True))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.read(packing.WARNING) == b"warned\n"


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("mine")
    with pytest.raises(UsageError, match="there is a file already"):
        write(tmp_path / "x.zip", made(*MEMBERS))
    assert (tmp_path / "x.zip").read_text() == "mine"


def test_what_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MobiusError, match=r"the disk below .* is full"):
        write(tmp_path / "x.zip", made(*MEMBERS))
    assert list(tmp_path.iterdir()) == []


def event(seq: int, name: str) -> Event:
    return Event(seq, 0, 0.0, "x", "x", hash=name)


def test_an_export_knows_every_event_and_finds_each_that_changed(tmp_path: Path) -> None:
    write(tmp_path / "x.zip", made(*MEMBERS))
    known = known_events(tmp_path / "x.zip")
    assert known.environment == "production"
    assert known.held_by([event(1, "aa"), event(2, "bb"), event(3, "cc")]) == 2
    for there, told in (
        ([event(1, "aa")], "event 2 is missing"),
        ([event(1, "zz"), event(2, "bb")], "event 1 is another one"),
    ):
        with pytest.raises(MobiusError, match=told):
            known.held_by(there)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.one_of(some.binary(max_size=80), some.binary(max_size=60).map(lambda raw: b"PK\3\4" + raw)))
def test_whatever_is_given_as_an_export_is_one_or_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError) as refused:
        known_events(tmp_path / "x")
    assert "give an export" in refused.value.hint


@pytest.mark.parametrize("events", [b"", b"[]\n", b'{"seq": "x", "hash": 1}\n', b"{\n", b'{"seq": 1}\n'])
def test_an_export_with_events_of_another_form_is_refused(tmp_path: Path, events: bytes) -> None:
    write(tmp_path / "x.zip", made(Member("journal/events.jsonl", events)))
    with pytest.raises(UsageError):
        known_events(tmp_path / "x.zip")
