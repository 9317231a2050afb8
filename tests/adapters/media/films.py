"""Small films, encoded here: moving shapes and noise, in every way that a gate must tell apart."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000


def film(
    path: Path,
    *,
    seconds: float = 3.0,
    fps: int = 30,
    size: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    audio: bool = True,
    audio_seconds: float | None = None,
    audio_gap: tuple[float, float] | None = None,
    gain_db: float = 0.0,
    late: int = 0,
    draw: Callable[[int, np.ndarray], None] | None = None,
    times: Callable[[int], int] = lambda number: number,
    colours: dict[str, int] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """A film with a steady picture sequence. `late`: shows each picture so many frames later; `audio_gap`: silent from
    and to these seconds; `draw` paints over a picture; `times`: the time stamp of each frame, in frames."""
    wide, high = size
    with av.open(str(path), "w", options=container or {}) as out:
        video = out.add_stream(codec, rate=fps, options=options or {"preset": "veryfast", "g": "30"})
        video.width, video.height, video.pix_fmt = wide, high, pix_fmt
        for name, value in (colours or {}).items():
            setattr(video.codec_context, name, value)
        sound = out.add_stream("aac", rate=RATE, layout="stereo") if audio else None
        for number in range(round(seconds * fps)):
            picture = picture_of(max(0, number - late), wide, high)
            if draw is not None:
                draw(number, picture)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = times(number), Fraction(1, fps)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _play(out, sound, seconds if audio_seconds is None else audio_seconds, gain_db, audio_gap)
    return path


def picture_of(number: int, wide: int, high: int) -> np.ndarray:
    """One picture: gradients that move, a bright box, and some texture."""
    y, x = np.mgrid[0:high, 0:wide]
    texture = np.random.default_rng(7).integers(0, 24, (high, wide))
    planes = [(x + 3 * number) % 256, (2 * y + number) % 256, (x // 2 + y + 2 * number) % 256]
    picture = np.clip(np.stack(planes, axis=2) * 0.8 + texture[:, :, None], 0, 255).astype(np.uint8)
    at = (5 * number) % max(1, wide - 40)
    picture[high // 4 : high // 2, at : at + 40] = 230
    return picture


def _play(out, sound, seconds: float, gain_db: float, gap: tuple[float, float] | None) -> None:
    random = np.random.default_rng(3)
    count = round(seconds * RATE)
    swell = 0.05 + 0.03 * np.sin(2 * np.pi * np.arange(count) / RATE / 1.7)
    noise = np.stack(
        [np.convolve(random.standard_normal(count), np.hanning(12) / 6, "same") for _ in range(2)]
    )
    samples = (10 ** (gain_db / 20) * swell * noise).clip(-1, 1).astype(np.float32)
    if gap is not None:
        samples[:, round(gap[0] * RATE) : round(gap[1] * RATE)] = 0.0
    for at in range(0, count, 1024):
        piece = np.ascontiguousarray(samples[:, at : at + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))
