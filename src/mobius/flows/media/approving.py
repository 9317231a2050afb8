"""A person says that a film which does not match is right: it becomes the golden, with reason, name and pictures."""

from __future__ import annotations

import json
import shutil
from typing import Any

from mobius.errors import GateFailed, UsageError
from mobius.flows.media import golden_folder as store
from mobius.flows.media.golden import CANDIDATE, frame_hashes, source_of
from mobius.flows.media.golden_folder import Place
from mobius.model.golden import Golden
from mobius.rules.media.golden_record import golden_of

ANEW = "hold the film against the golden again, look at it, and approve that: mobius media golden check"


def refuse_in_ci(ci: str | None) -> None:
    """Raises `GateFailed` where `CI` is set: what a machine approves, nobody has looked at."""
    if ci and ci.lower() not in ("0", "false", "no"):
        raise GateFailed(
            "no golden is written in CI", "a person records or approves it, and commits it with its history"
        )


def approve(place: Place, *, reason: str, by: str, at: str) -> Golden:
    """The candidate that the last check left becomes the golden. Raises `UsageError` without a reason, a name or a
    candidate, and `GateFailed` where film, golden or candidate changed since that check."""
    if not reason.strip():
        raise UsageError("why is the film right?", 'add --reason "TEXT": whoever reviews it reads that')
    if not by.strip():
        raise UsageError("who approves it?", "set git config user.name, or add --by NAME")
    bundle = _bundle(place)
    candidate = golden_of(json.dumps({"schema_version": 1, **bundle["candidate"]}))
    before, digest = store.loaded(place)
    _hold(place, candidate, bundle, digest)
    now = store.write(place, candidate, place.debug / store.FRAMES)
    entry = {
        "at": at,
        "by": by.strip(),
        "reason": reason.strip(),
        "before": {"golden": digest, "frames": frame_hashes(before)},
        "after": {"golden": now, "frames": frame_hashes(candidate)},
        "source": candidate.source,
        "source_sha256": candidate.source_sha256,
        "readings": bundle["readings"],
        "pictures": _keep_pictures(place),
    }
    store.note(place, entry)
    store.clear_debug(place)
    return candidate


def _bundle(place: Place) -> dict[str, Any]:
    try:
        bundle = json.loads((place.debug / CANDIDATE).read_text("utf-8"))
        bundle["golden"], bundle["candidate"], bundle["readings"], bundle["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"there is nothing to approve in {place.debug.as_posix()}: the last check passed, or there was none",
            "hold the film against the golden first: mobius media golden check",
        ) from None
    return dict(bundle)


def _hold(place: Place, candidate: Golden, bundle: dict[str, Any], digest: str) -> None:
    if bundle["golden"] != digest:
        raise GateFailed("the golden changed since that check", ANEW)
    film = source_of(candidate, place)
    if not film.is_file() or store.sha256_of(film) != candidate.source_sha256:
        raise GateFailed(f"{film} changed since that check, or is gone", ANEW)
    for name, wanted in bundle["files"].items():
        file = place.debug / name
        if not file.is_file() or store.sha256_of(file) != wanted:
            raise GateFailed(f"{file.as_posix()} changed since that check, or is gone", ANEW)


def _keep_pictures(place: Place) -> list[dict[str, str]]:
    """Copies of what the person could look at, each with its hash."""
    entries, _ = store.history(place)
    kept = place.folder / store.APPROVED
    made = []
    for file in sorted(place.debug.glob("diff_*.png")):
        kept.mkdir(exist_ok=True)
        name = f"{len(entries) + 1:04}_{file.name.removeprefix('diff_')}"
        shutil.copyfile(file, kept / name)
        made.append({"file": f"{store.APPROVED}/{name}", "sha256": store.sha256_of(kept / name)})
    return made
