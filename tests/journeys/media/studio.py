"""Renders films, as `film.mp4` beside it says they become: one a second into shared/out, each with bytes of its own."""

import itertools
import json
import os
import struct
import time
from pathlib import Path

RELEASE = json.loads(Path("behaviour.json").read_text())["release"]
OUT = Path("../../shared/out")

film = Path("film.mp4").read_bytes()
OUT.mkdir(parents=True, exist_ok=True)
for number in itertools.count(1):
    with (OUT / f"{RELEASE}_{number:04}.mp4").open("wb") as out:
        out.write(film)
        out.flush()
        time.sleep(0.3)  # a film grows
        out.write(struct.pack(">I4sII", 16, b"free", number, os.getpid()))
    time.sleep(0.7)
