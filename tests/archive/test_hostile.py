"""Every archive of `tests/vectors/backup/cases.toml` meets what the table says, and nothing is written elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archive.by_hand import Piece, build, publish, sidecar
from archive.hostile import CASES
from mobius.archive.damage import survey
from mobius.archive.extract import extract_archive
from mobius.archive.publish import sidecar_of, signature_of
from mobius.archive.signature import Signatures
from mobius.archive.verify import verify_archive
from mobius.errors import BackupInvalid

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors/backup/cases.toml").read_text())
TABLE = VECTORS["case"]


PARAMS = [
    pytest.param(case, id=case["name"], marks=pytest.mark.slow if "65,535" in case["name"] else ())
    for case in TABLE
]


def test_the_table_has_every_case() -> None:
    assert sorted(CASES) == sorted(case["name"] for case in TABLE)
    assert len(CASES) > 150


def judged(path: Path, destination: Path, expect: str, *, trusted: bool) -> None:
    if expect == "ok":
        extract_archive(path, destination, trusted=trusted)
        return
    with pytest.raises(BackupInvalid) as caught:
        extract_archive(path, destination, trusted=trusted)
    assert caught.value.message.startswith(f"backup {path.name} cannot be used: ")
    assert expect.removeprefix("reject: ") in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("case", PARAMS)
def test_each_case_is_judged_as_the_table_says(case: dict[str, str], tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    path = room / "x.zip"
    path.write_bytes(CASES[case["name"]]())
    sidecar(path)
    trusted = case.get("trusted", case["expect"])
    judged(path, room / "out", case["expect"], trusted=False)
    judged(path, room / "ours", trusted, trusted=True)
    if trusted == "ok":
        verify_archive(path)
    else:
        with pytest.raises(BackupInvalid):
            verify_archive(path)
    expected = {"x.zip", "x.zip.sha256"}
    expected |= {"out"} if case["expect"] == "ok" else set()
    expected |= {"ours"} if trusted == "ok" else set()
    assert {each.name for each in room.iterdir()} == expected
    assert {each.name for each in tmp_path.iterdir()} == {"room"}


@pytest.mark.parametrize("case", PARAMS)
def test_no_case_stops_the_survey_of_what_is_whole(case: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(CASES[case["name"]]())
    found = survey(path)
    if case.get("trusted", case["expect"]) == "ok":
        assert not found.damaged and not found.lost


PARTS = st.sampled_from(
    ["a", "A", "..", ".", "", "con", "C:", "x.", " ", "\\", "/", "é", "e\u0301", "\x00", "\n", "nul.x"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PIECES = st.lists(
    st.one_of(
        st.builds(Piece, NAMES, st.binary(max_size=5), method=st.sampled_from([0, 8])),
        st.builds(Piece.symlink, NAMES, NAMES),
        st.builds(Piece.folder, NAMES),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, trusted=st.booleans())
@example(pieces=[Piece.symlink("a", ".."), Piece("a/a", b"x")], trusted=True)
@example(pieces=[Piece("../a", b"x")], trusted=True)
@example(pieces=[Piece.symlink("a", "\x00")], trusted=True)
def test_whatever_an_archive_names_nothing_is_written_outside(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[Piece], trusted: bool
) -> None:
    world = tmp_path_factory.mktemp("world")
    room = world / "room"
    room.mkdir()
    path = room / "x.zip"
    path.write_bytes(build(pieces))
    sidecar(path)
    try:
        extract_archive(path, room / "out", trusted=trusted)
    except BackupInvalid:
        assert not (room / "out").exists()
    else:
        for piece in pieces:
            if piece.kind == "file":
                assert (room / "out" / piece.path).read_bytes() == piece.content
        if not trusted:
            inside = (room / "out").resolve()
            for each in (room / "out").rglob("*"):
                assert each.resolve(strict=False).is_relative_to(inside)
    assert {each.name for each in world.iterdir()} == {"room"}
    assert {each.name for each in room.iterdir()} <= {"x.zip", "x.zip.sha256", "out"}


SEED = [
    Piece.folder("d"),
    Piece("d/a", b"hello " * 20),
    Piece("d/b", b"stored", method=0),
    Piece.symlink("d/link", "a"),
]
WHOLE = build(SEED)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_archive_with_a_fitting_checksum_is_refused_or_comes_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "insert", "copy"]))
        if how == "set":
            raw[place] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del raw[place : place + data.draw(st.integers(1, 50))]
        elif how == "insert":
            raw[place:place] = data.draw(st.binary(min_size=1, max_size=50))
        else:
            other = data.draw(st.integers(0, len(raw) - 1))
            raw[place : place + 30] = raw[other : other + 30]
        raw = raw or bytearray(1)
    room = tmp_path_factory.mktemp("room")
    path = room / "x.zip"
    path.write_bytes(raw)
    sidecar(path)
    survey(path)
    try:
        extract_archive(path, room / "out", trusted=True)
    except BackupInvalid:
        assert {each.name for each in room.iterdir()} == {"x.zip", "x.zip.sha256"}
        return
    assert (room / "out/d/a").read_bytes() == b"hello " * 20
    assert (room / "out/d/b").read_bytes() == b"stored"
    assert (room / "out/d/link").readlink() == Path("a")
    assert sorted(each.name for each in (room / "out/d").iterdir()) == ["a", "b", "link"]


def new_key(folder: Path, name: str) -> Signatures:
    """Signs with a new key; believes `ours` alone, and requires that it signed."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return Signatures(folder / name, folder / "signers", True)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("case", VECTORS["signature"], ids=[case["name"] for case in VECTORS["signature"]])
def test_each_signature_is_judged_as_the_table_says(case: dict[str, str], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    ours, theirs = new_key(keys, "ours"), new_key(keys, "theirs")
    (keys / "signers").write_text(f"ops {(keys / 'ours.pub').read_text()}")
    (tmp_path / "backups").mkdir()
    path = publish(tmp_path / "backups" / "x.zip", SEED)
    content = sidecar_of(path).read_bytes()
    flipped = bytearray(ours.sign(content))
    flipped[len(flipped) // 2] ^= 1
    made = {
        "ours": ours.sign(content),
        "missing": None,
        "empty": b"",
        "one bit flipped": bytes(flipped),
        "of somebody else": theirs.sign(content),
        "of another archive": ours.sign(b"0" * 64 + content[64:]),
    }[case["name"]]
    if made is not None:
        signature_of(path).write_bytes(made)
    if case["expect"] == "ok":
        assert ours.check(path) == "ops"
        return
    with pytest.raises(BackupInvalid) as caught:
        ours.check(path)
    assert case["expect"].removeprefix("reject: ") in caught.value.message
