"""A file that breaks its reader breaks nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.media.films import film
from adapters.media.signals import sine, stereo
from mobius.adapters.media.child import Limits, ask
from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "good.mp4")


def test_the_child_says_what_was_measured(tmp_path: Path) -> None:
    told = ask("loudness", stereo(tmp_path / "a.wav", sine(-23.0, 5)), {})
    assert told["integrated_lufs"] == pytest.approx(-23.0, abs=0.1)


def test_a_film_is_read_with_its_streams(good: Path) -> None:
    told = ask("probe", good, {"deep": True})
    [video], [audio] = told["video"], told["audio"]
    assert (video["codec"], video["width"], video["height"], video["pix_fmt"]) == (
        "h264",
        320,
        180,
        "yuv420p",
    )
    assert (video["frame_rate"], video["packets"], video["is_variable"]) == ("30/1", 90, False)
    assert (audio["codec"], audio["sample_rate"], audio["channels"]) == ("aac", 48_000, ["FL", "FR"])
    assert (told["cut"], told["corrupt_frames"], told["decoded_frames"]) == ("", 0, 90)


def test_a_film_whose_data_end_early_is_cut_though_its_header_is_whole(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", container={"movflags": "faststart"}).read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    told = ask("probe", tmp_path / "a.mp4", {})
    assert told["cut"].startswith("the header promises 90 frames, and ")


def test_flipped_bytes_are_corrupt_frames(tmp_path: Path) -> None:
    broken = bytearray(film(tmp_path / "a.mp4").read_bytes())
    for at in range(len(broken) // 4, len(broken) // 2, 301):
        broken[at] ^= 0x5A
    (tmp_path / "a.mp4").write_bytes(bytes(broken))
    assert ask("probe", tmp_path / "a.mp4", {"deep": True})["corrupt_frames"] > 0


def test_frames_at_uneven_times_are_a_variable_frame_rate(tmp_path: Path) -> None:
    uneven = film(tmp_path / "a.mp4", times=lambda number: number + number // 3, audio=False)
    assert ask("probe", uneven, {})["video"][0]["is_variable"]


def test_colours_are_told_by_their_names(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    hdr = film(tmp_path / "a.mp4", pix_fmt="yuv420p10le", colours=tags, audio=False)
    [video] = ask("probe", hdr, {})["video"]
    assert video["color"] == {
        "space": "bt2020nc",
        "primaries": "bt2020",
        "transfer": "smpte2084",
        "range": "tv",
    }


@pytest.mark.parametrize("job", ["loudness", "probe"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 4_096, id="zeros"),
        pytest.param(os.urandom(50_000), id="random"),
        pytest.param(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" * 3, id="no moov"),
        pytest.param(b"ffconcat version 1.0\nfile good.mp4\n", id="a list of files"),
        pytest.param(b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:3,\ngood.mp4\n#EXT-X-ENDLIST\n", id="a playlist"),
        pytest.param("ключ = значение\n".encode("cp1251"), id="text"),
    ],
)
def test_what_is_no_media_cannot_be_measured(good: Path, tmp_path: Path, content: bytes, job: str) -> None:
    (tmp_path / "good.mp4").write_bytes(good.read_bytes())
    file = tmp_path / "a.mp4"
    file.write_bytes(content)
    with pytest.raises(GateUnknown) as refused:
        ask(job, file, {})
    assert refused.value.message.startswith("a.mp4 ")
    assert refused.value.hint


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.mp4: no such file"):
        ask("probe", tmp_path / "a.mp4", {})


def test_a_film_without_sound_has_no_loudness(tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="has no audio stream"):
        ask("loudness", film(tmp_path / "a.mp4", audio=False, seconds=1), {})


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    quick = {"preset": "ultrafast"}
    huge = film(tmp_path / "a.mp4", size=(16_000, 4_000), seconds=0.1, fps=10, audio=False, options=quick)
    with pytest.raises(GateUnknown, match="a picture of 64,000,000 pixels is not decoded"):
        ask("probe", huge, {"deep": True})


def test_a_child_that_takes_too_long_is_ended_and_said(good: Path) -> None:
    with pytest.raises(GateUnknown, match=r"probe did not end within 0\.01 s"):
        ask("probe", good, {"deep": True}, Limits(wall_s=0.01))


def test_a_child_that_takes_too_much_memory_is_said_and_nothing_else_breaks(good: Path) -> None:
    with pytest.raises(GateUnknown) as refused:
        ask("probe", good, {"deep": True}, Limits(memory_bytes=150 << 20))
    assert "good.mp4" in refused.value.message


def test_a_child_that_dies_of_a_signal_is_an_error_of_that_file(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobius.adapters.media.child.INSIDE", "adapters.media.crashing")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with pytest.raises(GateUnknown, match=r"the decoder crashed \(SIGSEGV\)"):
        ask("probe", good, {})


@pytest.mark.parametrize("seed", range(8))
def test_no_flip_of_bytes_makes_anything_but_an_answer_or_a_plain_error(
    good: Path, seed: int, tmp_path: Path
) -> None:
    import random

    dice = random.Random(seed)
    broken = bytearray(good.read_bytes())
    for _ in range(dice.choice([3, 40, 400])):
        broken[dice.randrange(len(broken))] = dice.randrange(256)
    (tmp_path / "a.mp4").write_bytes(bytes(broken[: dice.randrange(len(broken) // 2, len(broken) + 1)]))
    for job in ("probe", "loudness"):
        try:
            assert isinstance(ask(job, tmp_path / "a.mp4", {}), dict)
        except MobiusError as problem:
            assert problem.hint
