"""A film against the gates that need no golden: picture, sound, every frame that was promised, none of them corrupt.

A gate that is required must answer: one that was skipped is a failure. Another is asked where it can be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mobius.model.quality import QualityGates, Reading
from mobius.model.verdict import Outcome
from mobius.rules.quality.audio import judge_audio
from mobius.rules.quality.container import judge_container
from mobius.rules.quality.readings import unread

AGAIN = "render it again, or copy it again"
RECORD = "record one: mobius media golden record --game NAME --in FILE; or take golden from media.required"


def judge_picture(told: Mapping[str, Any], gates: QualityGates) -> tuple[Reading, ...]:
    """`told` as the job `golden` answers. Corrupt frames are judged where every frame was decoded."""
    film = told["film"]
    cut, corrupt, decoded = film["cut"], film["corrupt_frames"], film["decoded_frames"]
    found = list(judge_container(film["video"][0], gates.video)) if film["video"] else []
    found += [
        _good("picture", bool(film["video"]), "there is a picture", "the film has no video stream"),
        _good("complete", not cut, "every frame is there", f"the film is cut: {cut}"),
    ]
    if corrupt is not None:
        fine = f"none of {decoded:,} frames is corrupt"
        found.append(_good("intact", not corrupt and decoded > 0, fine, f"{corrupt:,} frames are corrupt"))
    return tuple(found)


def judge_sound(told: Mapping[str, Any], gates: QualityGates, *, is_required: bool) -> tuple[Reading, ...]:
    """Nothing of a film without sound where none is required."""
    has_sound = bool(told["film"]["audio"])
    if not has_sound and not is_required:
        return ()
    found = [_good("sound", has_sound, "there is sound", "the film has no audio stream")]
    if told["sound_problem"]:
        found.append(unread("loudness", "a measurement", told["sound_problem"], AGAIN))
    if told["loudness"]:
        found += judge_audio(told["loudness"], gates.audio)
    return tuple(found)


def as_required(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """The readings of a gate that must answer: what was skipped fails."""
    return tuple(
        replace(one, outcome=Outcome.FAIL, message=f"skipped, and required: {one.message}")
        if one.outcome is Outcome.INCONCLUSIVE
        else one
        for one in readings
    )


def without_golden(required: Collection[str], why: str) -> tuple[Reading, ...]:
    """What it means that no golden was compared."""
    if "golden" not in required:
        return ()
    return (Reading("golden", Outcome.FAIL, None, "required", f"skipped, and required: {why}", RECORD),)


def _good(name: str, good: bool, fine: str, bad: str) -> Reading:
    if good:
        return Reading(name, Outcome.PASS, "yes", "yes", fine)
    return Reading(name, Outcome.FAIL, "no", "yes", bad, AGAIN)
