"""A film against its golden: each fact, frame and figure is a reading; what could not be compared is never a pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mobius.errors import UsageError
from mobius.model.golden import LEGACY, METER, Golden, Tolerances
from mobius.model.quality import Reading
from mobius.model.verdict import Outcome
from mobius.rules.quality.container import fraction_of, shape_of
from mobius.rules.quality.readings import near, same, unread

AGAIN = "render it again; if the change is wanted: mobius media golden approve --reason TEXT"
LOOK = "look at the pictures (in debug beside the golden, or --html); if the change is wanted, approve it"
SILENCE_S = 0.5  # more in a row than in the golden: a pause of speech may be cut elsewhere by so much
SOUND_S = 0.15  # what encoders add before and after; a whole packet of any of them is shorter
Film = Mapping[str, Any]


def judge(golden: Golden, told: Film, tolerances: Tolerances) -> tuple[Reading, ...]:
    """`told` as the job `golden` answers to `compare`. Names are those of the JUnit cases of the scripts before."""
    found = _container(golden.film, told["film"], tolerances)
    for row in told["frames"]:
        found += _frame(row, golden.variant, tolerances)
    return (*found, *_sound(golden, told, tolerances))


def refuse_mixed(golden: Golden, *, variant: str, ffmpeg: str, across: bool) -> None:
    """Raises `UsageError` where golden and film would be measured in different ways."""
    anew = "record it anew (remove golden.json, then mobius media golden record), in a change of its own"
    if variant and variant != golden.variant:
        raise UsageError(
            f"the golden of {golden.game} was recorded for SSIM {golden.variant}, not {variant}",
            f"compare it with --ssim-variant {golden.variant}, or {anew}",
        )
    if golden.meter != METER:
        raise UsageError(
            f"the golden of {golden.game} was measured by meter {golden.meter}, this is meter {METER}", anew
        )
    if golden.ffmpeg and _major(golden.ffmpeg) != _major(ffmpeg) and not across:
        raise UsageError(
            f"the golden of {golden.game} was measured with FFmpeg {golden.ffmpeg}, here is {ffmpeg}",
            f"compare it nonetheless with --across-versions, install the PyAV it was made with, or {anew}",
        )


def tolerances_of(values: Mapping[str, str | None], usual: Tolerances) -> Tolerances:
    """From what was typed, by their names; None is the usual one. Raises `UsageError` for what is no finite number
    within its range: such a threshold would let everything pass."""
    given = {name: _number(name, text) for name, text in values.items() if text is not None}
    return replace(usual, **given)


def times_of(text: str) -> tuple[float, ...]:
    """`5,10,20`: seconds, in order. Raises `UsageError`."""
    try:
        times = sorted({float(part) for part in text.split(",")})
    except ValueError:
        times = []
    if not times or len(times) > 100 or not all(math.isfinite(one) and 0 <= one < 1e6 for one in times):
        raise UsageError(f"--frames {text}: no list of seconds", "write it so: --frames 5,10,20")
    return tuple(times)


def why_no_golden(told: Film) -> str:
    """Why a film cannot be a golden; "" where it can."""
    if told["film"]["cut"]:
        return f"the film is cut: {told['film']['cut']}"
    if told["sound_problem"]:
        return str(told["sound_problem"])
    for row in told["frames"]:
        if row["pts_s"] is None:
            return f"no frame at {row['at_s']:g} s: the film ends before"
        if row["corrupt"]:
            return f"{row['corrupt']} frames before {row['at_s']:g} s are corrupt"
    return ""


def _container(golden: Film, film: Film, tolerances: Tolerances) -> list[Reading]:
    was, now = golden["video"][0], film["video"][0]
    found = [
        _fact("codec", was, _codec(was), _codec(now), "codec", "codec"),
        _fact("resolution", was, _size(was), _size(now), "width", "size"),
        _fact("pix_fmt", was, was.get("pix_fmt"), now["pix_fmt"], "pix_fmt", "pixel format"),
        _rate(was, now, tolerances.frame_rate),
        _fact(
            "sample_aspect_ratio", was, shape_of(was.get("sar")), shape_of(now["sar"]), "sar", "pixel shape"
        ),
        _duration(golden, film),
        _fact("color", was, _colours(was), _colours(now), "color", "colour"),
        _fact("streams", golden, _streams(golden), _streams(film), "audio", "set of streams"),
    ]
    cut = film["cut"]
    whole = Reading("complete", Outcome.PASS, "yes", "every frame", "every frame is there")
    if cut:
        lost = "the writer was killed, or the copy was cut: render it again"
        whole = Reading("complete", Outcome.FAIL, cut, "every frame", f"the film is cut: {cut}", lost)
    return [replace(reading, name=f"container_{reading.name}") for reading in (*found, whole)]


def _fact(name: str, golden: Film, was: Any, now: Any, key: str, words: str) -> Reading:
    """The same as in the golden; a golden that never knew it cannot say so."""
    if key not in golden:
        return _never_known(name, words)
    return replace(same(words, now or "unknown", was or "unknown", advice=AGAIN), name=name)


def _never_known(name: str, words: str) -> Reading:
    return Reading(
        name,
        Outcome.INCONCLUSIVE,
        None,
        "as in the golden",
        f"the golden does not know its {words}: it was imported",
        "look at the film, then: mobius media golden approve --reason TEXT",
    )


def _rate(was: Film, now: Film, within: float) -> Reading:
    name, words = "avg_frame_rate", "frame rate"
    wanted, found = fraction_of(was.get("frame_rate")), fraction_of(now["frame_rate"])
    if wanted is None:
        return _never_known(name, words)
    reading = near(words, None if found is None else float(found), float(wanted), within, "fps", advice=AGAIN)
    if reading.outcome is Outcome.PASS and now["is_variable"] and not was.get("is_variable", True):
        message = "frames come at uneven times, those of the golden do not"
        return Reading(name, Outcome.FAIL, "variable", "constant", message, AGAIN)
    return replace(reading, name=name)


def _duration(golden: Film, film: Film) -> Reading:
    """Within a frame: of the picture where both say it, else of the whole."""
    was, now = golden["video"][0].get("duration_s"), film["video"][0]["duration_s"]
    if was is None or now is None:
        was, now = golden.get("duration_s"), film["duration_s"]
    if was is None:
        return _never_known("duration", "duration")
    rate = fraction_of(film["video"][0]["frame_rate"])
    within = float(1 / rate) if rate else 0.04
    reading = near("duration", now, was, round(within + 0.001, 3), "s", advice=AGAIN, why="it is not said")
    return replace(reading, name="duration")


def _frame(row: Film, variant: str, tolerances: Tolerances) -> list[Reading]:
    at_s = f"{row['at_s']:g}"
    name = f"frame_{at_s.replace('.', 'p')}s"
    limit = f"at least {tolerances.ssim:g}"
    if row["pts_s"] is None:
        return [
            Reading(name, Outcome.FAIL, None, limit, f"no frame at {at_s} s: the film ends before", AGAIN)
        ]
    if row["corrupt"]:
        broken = f"{row['corrupt']} of the frames decoded for {at_s} s are corrupt"
        return [Reading(name, Outcome.FAIL, row["corrupt"], "0", broken, "render it again, or copy it again")]
    if "ssim" not in row:
        message = f"the frame at {at_s} s is {row['looks']}, the golden's is another: not compared"
        return [Reading(name, Outcome.FAIL, row["looks"], limit, message, AGAIN)]
    masked = f", {row['masked']:.1%} masked" if row["masked"] else ""
    shown = f"frame at {at_s} s: SSIM {_down(row['ssim'])}{masked}"
    found = [_at_least(name, row["ssim"], tolerances.ssim, shown)]
    if (
        variant != LEGACY
    ):  # there it would refuse what is good: red, green and blue differ by the conversion alone
        place = f"{row['tile_at'][0]},{row['tile_at'][1]}"
        words = f"frame at {at_s} s: the least similar tile, at {place}, has SSIM {_down(row['tile'])}"
        found.append(_at_least(f"{name}_tile", row["tile"], tolerances.tile, words))
    return found


def _at_least(name: str, value: float, limit: float, words: str) -> Reading:
    if not math.isfinite(value):
        return unread(name, f"at least {limit:g}", "there is no such number")
    if value >= limit:
        return Reading(name, Outcome.PASS, value, f"at least {limit:g}", words)
    return Reading(
        name, Outcome.FAIL, value, f"at least {limit:g}", f"{words} (at least {limit:g} wanted)", LOOK
    )


def _down(value: float) -> str:
    """Four digits, never rounded up to what it is not."""
    return f"{math.floor(value * 10_000) / 10_000:.4f}"


def _sound(golden: Golden, told: Film, tolerances: Tolerances) -> tuple[Reading, ...]:
    figures = (
        ("audio_lufs", "integrated loudness", "integrated_lufs", tolerances.lufs, "LUFS"),
        ("audio_peak", "true peak", "true_peak_dbtp", tolerances.true_peak, "dBTP"),
    )
    found = _sound_length(golden.film, told["film"])
    for name, words, key, within, unit in figures:
        if not golden.sound_known:
            found.append(_never_known(name, words))
        elif told["sound_problem"]:
            found.append(unread(name, f"within {within:g} of the golden", told["sound_problem"], AGAIN))
        else:
            was, now = (golden.loudness or {}).get(key), (told["loudness"] or {}).get(key)
            found.append(_level(name, words, was, now, within, unit))
    return (*found, *_silence(golden.loudness or {}, told["loudness"] or {}))


def _silence(was: Film, now: Film) -> list[Reading]:
    """Sound that drops out for a while hardly changes the loudness of the whole: pauses do not count in it. Nothing
    where nobody measured it: an imported golden, or no sound."""
    name, longest, found = "audio_silence", was.get("longest_silence_s"), now.get("longest_silence_s")
    if longest is None or found is None:
        return []
    limit = f"at most {longest + SILENCE_S:.2g} s"
    if found <= longest + SILENCE_S:
        return [Reading(name, Outcome.PASS, found, limit, f"silent for at most {found:.2g} s in a row")]
    message = f"the sound drops out: silent for {found:.3g} s in a row, the golden for {longest:.2g} s"
    return [Reading(name, Outcome.FAIL, found, limit, message, AGAIN)]


def _sound_length(golden: Film, film: Film) -> list[Reading]:
    """Sound that ends early has the loudness of the whole: pauses do not count in it. Nothing where neither says it, or
    one has no sound, which the set of streams tells."""
    was, now = ((one.get("audio") or [{}])[0].get("duration_s") for one in (golden, film))
    if was is None or not film.get("audio"):
        return []
    reading = near("length of the sound", now, was, SOUND_S, "s", advice=AGAIN, why="it is not said")
    return [replace(reading, name="audio_duration")]


def _level(name: str, words: str, was: float | None, now: float | None, within: float, unit: str) -> Reading:
    if was is None or now is None:
        good = was is None and now is None
        sides = [("none" if one is None else f"{one:.1f} {unit}").replace("-", "−") for one in (now, was)]
        message = f"{words} is {sides[0]}, the golden's is {sides[1]}"
        outcome = Outcome.PASS if good else Outcome.FAIL
        return Reading(name, outcome, now, sides[1], message, "" if good else AGAIN)
    return replace(near(words, now, was, within, unit, advice=AGAIN), name=name)


def _codec(stream: Film) -> str:
    return str(stream.get("codec") or "")


def _size(stream: Film) -> str:
    return f"{stream.get('width')}x{stream.get('height')}"


def _colours(stream: Film) -> str:
    told = stream.get("color") or {}
    return ", ".join(f"{name} {told[name]}" for name in sorted(told)) or "unspecified"


def _streams(film: Film) -> str:
    sounds = [f"{one['codec']} {one['sample_rate']} Hz {one['layout']}" for one in film.get("audio", ())]
    many = f"{len(film.get('video', ()))} video"
    return ", ".join([many, *(sounds or ["no audio"]), *sorted(film.get("others", ()))])


def _major(version: str) -> str:
    return version.lstrip("nv").partition(".")[0]


def _number(name: str, text: str) -> float:
    option = {"ssim": "--ssim", "tile": "--tile-min", "lufs": "--lufs_tol", "true_peak": "--tp_tol"}[name]
    most = 1.0 if name in ("ssim", "tile") else 100.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise UsageError(
            f"{option} {text}: no number from 0 to {most:g}", "such a threshold would compare nothing"
        )
    return value
