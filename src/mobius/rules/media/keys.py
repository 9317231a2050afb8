"""Under which key a measurement is known: the same film, asked the same by the same meter, would say the same again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

PURE = {"loudness", "probe"}  # jobs that only look
PURE_ACTS = {"compare", "describe"}  # of the job `golden`
WHERE = {"folder"}  # it says where the golden's frames lie; each has its own SHA-256 in the key


def can_be_known(job: str, options: Mapping[str, Any]) -> bool:
    """Whether the answer is all that the job does: one that also writes files is asked each time."""
    return job in PURE or (job == "golden" and options.get("act") in PURE_ACTS)


def key_of(
    film: tuple[str, str],
    job: str,
    options: Mapping[str, Any],
    meter: Mapping[str, Any],
    golden_sha256s: Sequence[str] = (),
) -> str:
    """Film (its name, which is in the words of answers, and its SHA-256), golden (its frames' files, their times and
    masks), what of the policy changes a measurement (`deep`, the variant of SSIM), and who measures. Thresholds are no
    part of it: they are judged each time, from the measurement, so that a changed one holds at once."""
    asked = {name: value for name, value in options.items() if name not in WHERE}
    told = {"film": list(film), "job": job, "options": asked, "meter": dict(meter)}
    told["golden"] = list(golden_sha256s)
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def golden_files(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The files of the golden's frames, below its folder, that are compared."""
    rows = options.get("frames") or ()
    return tuple(str(row["file"]) for row in rows if isinstance(row, Mapping) and "file" in row)


def sha256_of_film(job: str, told: Any) -> str | None:
    """Of the film that an answer is about; None where it does not say."""
    film = told.get("film") if job == "golden" and isinstance(told, dict) else told
    said = film.get("sha256") if isinstance(film, dict) and job in ("golden", "probe") else None
    return said if isinstance(said, str) else None
