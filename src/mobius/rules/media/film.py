"""Whether a film is all there: picture, sound, every frame that was promised, and none of them corrupt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.quality import Reading
from mobius.model.verdict import Outcome
from mobius.rules.quality.readings import unread

AGAIN = "render it again, or copy it again"


def whole_and_intact(told: Mapping[str, Any]) -> tuple[Reading, ...]:
    """`told` as the job `golden` answers to `describe`. Corrupt frames are judged where every frame was decoded."""
    film = told["film"]
    cut, corrupt, decoded = film["cut"], film["corrupt_frames"], film["decoded_frames"]
    found = [
        _good("picture", bool(film["video"]), "there is a picture", "the film has no video stream"),
        _good("sound", bool(film["audio"]), "there is sound", "the film has no audio stream"),
        _good("complete", not cut, "every frame is there", f"the film is cut: {cut}"),
    ]
    if corrupt is not None:
        fine = f"none of {decoded:,} frames is corrupt"
        found.append(_good("intact", not corrupt and decoded > 0, fine, f"{corrupt:,} frames are corrupt"))
    if told["sound_problem"]:
        found.append(unread("loudness", "a measurement", told["sound_problem"], AGAIN))
    return tuple(found)


def _good(name: str, good: bool, fine: str, bad: str) -> Reading:
    if good:
        return Reading(name, Outcome.PASS, "yes", "yes", fine)
    return Reading(name, Outcome.FAIL, "no", "yes", bad, AGAIN)
