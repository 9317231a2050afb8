"""Sound made from the published tables: sines of given levels, one after the other, as a WAV file of 32-bit floats."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RATE = 48_000
KSDATAFORMAT_FLOAT = bytes.fromhex("0300000000001000800000aa00389b71")
MASKS = {1: 0x4, 2: 0x3, 5: 0x37, 6: 0x3F, 8: 0x63F}  # mono, stereo, 5.0, 5.1, 7.1


def sine(level_db: float, seconds: float, *, hz: float = 1000.0, rate: int = RATE, phase: float = 0.0):
    """One channel whose peak is at `level_db` relative to full scale."""
    count = round(seconds * rate)
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(count) / rate + phase)


def silence(seconds: float, rate: int = RATE):
    """One channel of nothing."""
    return np.zeros(round(seconds * rate))


def one_after_the_other(parts: Sequence[tuple[float | None, float]], *, rate: int = RATE):
    """(level in dBFS or None for silence, seconds): 1 kHz in one unbroken phase."""
    levels = [np.full(round(s * rate), 0.0 if db is None else 10 ** (db / 20)) for db, s in parts]
    gains = np.concatenate(levels)
    return gains * np.sin(2 * np.pi * 1000 * np.arange(gains.size) / rate)


def write(path: Path, channels: Sequence, *, rate: int = RATE, mask: int | None = None) -> Path:
    """The channels as a WAV file."""
    data = np.stack(channels, axis=1).astype("<f4").tobytes()
    many = len(channels)
    mask = MASKS.get(many, 0) if mask is None else mask
    form = struct.pack("<HHIIHHHHI", 0xFFFE, many, rate, rate * many * 4, many * 4, 32, 22, 32, mask)
    form += KSDATAFORMAT_FLOAT
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def stereo(path: Path, channel, *, rate: int = RATE) -> Path:
    """The same on both sides."""
    return write(path, [channel, channel], rate=rate)
