"""Frames are chosen by their time stamps, and compared as FFmpeg would."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest

from adapters.media.films import film
from mobius.adapters.media.frames import frames_at
from mobius.adapters.media.lossless import keep, kept
from mobius.adapters.media.masking import drawn
from mobius.adapters.media.pictures import beside, write_png
from mobius.adapters.media.planes import Picture, as_rgb, frame_of, picture_of, same
from mobius.adapters.media.ssim import similarity
from mobius.adapters.media.tiles import worst_tile
from mobius.errors import GateFailed, GateUnknown, UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "a.mp4")


def decoded(path: Path) -> list[tuple[float, Picture]]:
    with av.open(str(path)) as container:
        return [(frame.time, picture_of(frame)) for frame in container.decode(video=0)]


def by_the_filter(one: Picture, other: Picture) -> float:
    graph = av.filter.Graph()
    form = av.VideoFormat(one.pix_fmt, one.width, one.height)
    size = {"width": one.width, "height": one.height, "format": form, "time_base": Fraction(1, 1)}
    sources = [graph.add_buffer(**size) for _ in range(2)]
    ssim, sink = graph.add("ssim"), graph.add("buffersink")
    for at, source in enumerate(sources):
        source.link_to(ssim, 0, at)
    ssim.link_to(sink)
    graph.configure()
    for source, picture in zip(sources, (one, other), strict=True):
        frame = frame_of(picture)
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        source.push(frame)
        source.push(None)
    return float(graph.pull().metadata["lavfi.ssim.All"])


@pytest.mark.parametrize("at_s", [0.0, 0.01, 1.0, 1.99, 2.5])
def test_the_first_frame_whose_time_is_not_before_the_one_asked_for(made: Path, at_s: float) -> None:
    [shown] = frames_at(made, [at_s])
    wanted_s, wanted = next((pts, picture) for pts, picture in decoded(made) if pts >= at_s - 1e-6)
    assert shown.pts_s == pytest.approx(wanted_s)
    assert shown.picture is not None
    assert same(shown.picture.planes, wanted.planes)


def test_only_the_group_of_pictures_that_is_needed_is_decoded(made: Path) -> None:
    at_the_key_frame, after_it = frames_at(made, [1.0, 2.5])
    assert at_the_key_frame.decoded == 1
    assert 1 < after_it.decoded < 16  # and of those before, what nothing refers to is left out


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.ts"])
def test_other_containers_give_the_same_frame(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, audio=False, options={"preset": "veryfast", "g": "30", "bf": "0"})
    [shown] = frames_at(path, [1.5])
    with av.open(str(path)) as container:
        start_s = container.start_time / 1_000_000
    wanted = next(picture for pts, picture in decoded(path) if pts - start_s >= 1.5 - 1e-6)
    assert shown.picture is not None
    assert same(shown.picture.planes, wanted.planes)


@pytest.mark.parametrize(
    "coding", ["open-gop=1:keyint=30:min-keyint=30:bframes=3:scenecut=0", "intra-refresh=1"]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_pictures_that_lean_on_the_group_before_are_whole(tmp_path: Path, name: str, coding: str) -> None:
    path = film(tmp_path / name, audio=False, options={"preset": "medium", "x264-params": coding})
    with av.open(str(path)) as container:
        start_s = container.start_time / 1_000_000
    frames = decoded(path)
    for shown in frames_at(path, [0.95, 1.0, 1.95, 2.5]):
        wanted = next(picture for pts, picture in frames if pts - start_s >= shown.at_s - 1e-6)
        assert shown.corrupt == 0
        assert shown.picture is not None and same(shown.picture.planes, wanted.planes)


def test_uneven_times_are_no_trouble(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", times=lambda number: number + number // 3, audio=False)
    [shown] = frames_at(path, [1.11])
    assert shown.pts_s == pytest.approx(next(pts for pts, _ in decoded(path) if pts >= 1.11))


def test_a_film_that_ends_before_has_no_frame(made: Path) -> None:
    [shown] = frames_at(made, [20.0])
    assert (shown.pts_s, shown.picture) == (None, None)


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    from adapters.media.signals import sine, stereo

    with pytest.raises(GateFailed, match="has no video stream"):
        frames_at(stereo(tmp_path / "a.wav", sine(-20.0, 1)), [0.0])


@pytest.mark.parametrize(
    ("size", "pix_fmt"),
    [((320, 180), "yuv420p"), ((322, 182), "yuv422p"), ((322, 182), "yuv444p10le"), ((320, 180), "yuvj420p")],
)
def test_the_similarity_is_that_of_ffmpeg_to_a_hundred_thousandth(
    tmp_path: Path, size: tuple[int, int], pix_fmt: str
) -> None:
    path = film(tmp_path / "a.mp4", size=size, pix_fmt=pix_fmt, seconds=1, audio=False)
    first, second = (shown.picture for shown in frames_at(path, [0.0, 0.1]))
    assert first is not None and second is not None
    assert similarity(first, second).everything == pytest.approx(by_the_filter(first, second), abs=1e-5)
    red_green_blue = as_rgb(first), as_rgb(second)
    assert similarity(*red_green_blue).everything == pytest.approx(by_the_filter(*red_green_blue), abs=1e-5)
    assert similarity(first, first).everything == 1.0


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le", "gbrp", "gray"])
def test_a_kept_picture_comes_back_bit_for_bit(tmp_path: Path, pix_fmt: str) -> None:
    form = av.VideoFormat(pix_fmt, 333, 187)
    dice, bits = np.random.default_rng(5), form.components[0].bits
    planes = tuple(
        dice.integers(0, 1 << bits, (one.height, one.width)).astype("u1" if bits == 8 else "<u2")
        for one in form.components
    )
    picture = Picture(pix_fmt, bits, planes)
    keep(picture, tmp_path / "a.mkv")
    assert same(kept(tmp_path / "a.mkv", pix_fmt, bits, picture.sha256).planes, planes)
    with pytest.raises(GateUnknown, match="is not the picture that was recorded"):
        kept(tmp_path / "a.mkv", pix_fmt, bits, "0" * 64)


def test_a_small_thing_that_is_wrong_shows_in_the_worst_tile_only() -> None:
    flat = np.random.default_rng(1).integers(60, 200, (720, 1280)).astype(np.uint8)
    wrong = flat.copy()
    wrong[200:224, 300:360] = 255 - wrong[200:224, 300:360]
    found = similarity(Picture("gray", 8, (flat,)), Picture("gray", 8, (wrong,)))
    least, at = worst_tile(found.blocks)
    assert found.everything > 0.995
    assert least < 0.8
    assert at == (320, 192)


def test_what_is_masked_does_not_count_and_does_not_raise_the_mean() -> None:
    one = np.random.default_rng(1).integers(0, 255, (180, 320)).astype(np.uint8)
    other = one.copy()
    other[0:32, 0:32] = 0
    first, second = Picture("gray", 8, (one,)), Picture("gray", 8, (other,))
    mask = {"shape": "rect", "x": 0, "y": 0, "width": 32, "height": 32}
    planes, share = drawn([mask], first)
    assert share == pytest.approx(32 * 32 / (320 * 180))
    assert similarity(first, second).everything < 0.99
    hidden = similarity(first, second, planes)
    assert hidden.everything == 1.0
    assert np.isnan(hidden.blocks).sum() == 7 * 7
    other[100:110, 100:110] = 0
    assert similarity(first, second, planes).everything < 1.0


def test_a_circle_covers_its_area_and_a_large_mask_is_refused() -> None:
    picture = Picture("gray", 8, (np.zeros((180, 320), np.uint8),))
    circle = {"shape": "circle", "x": 10, "y": 10, "width": 60, "height": 60}
    assert drawn([circle], picture)[1] == pytest.approx(3.1416 * 30**2 / (320 * 180), rel=0.06)
    with pytest.raises(UsageError, match="masks cover 50% of the picture, at most 20% may be"):
        drawn([{"shape": "rect", "x": 0, "y": 0, "width": 160, "height": 180}], picture)


def test_a_pixel_format_with_floats_is_refused() -> None:
    with pytest.raises(GateUnknown, match="pixel format gbrpf32le are not compared"):
        picture_of(av.VideoFrame(32, 32, "gbrpf32le"))


def test_the_picture_for_people_is_a_png_of_three_parts(made: Path, tmp_path: Path) -> None:
    one, other = (shown.picture for shown in frames_at(made, [0.0, 1.0]))
    assert one is not None and other is not None
    write_png(beside(one, other), tmp_path / "a.png")
    with av.open(str(tmp_path / "a.png")) as shown:
        pixels = next(shown.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels.shape == (180, 3 * 320 + 8, 3)
    assert np.array_equal(pixels, beside(one, other))
    assert pixels[:, 648:].max() > 100
    assert beside(one, one)[:, 648:].max() == 0
