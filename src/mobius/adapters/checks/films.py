"""Whether films could be judged at all: who measures is installed, and the goldens that are meant can be found."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mobius.adapters.checks.ask import NotAsked
from mobius.model.quality import MediaSettings
from mobius.model.verdict import Outcome

NEEDED = ("av", "numpy")


def films_operational(media: MediaSettings) -> tuple[Outcome, str, str, float | None]:
    """A pass and how many goldens there are. Raises `NotAsked` with what is missing."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise NotAsked(f"{', '.join(missing)} is not installed: pip install 'mobius[media]'")
    goldens = _goldens(media.golden)
    if not goldens and ("golden" in media.required or "{game}" in media.latest):
        raise NotAsked(
            f"there is no golden in {media.golden}: mobius media golden record --game NAME --in FILE"
        )
    many = "no golden, so none is compared" if not goldens else f"goldens: {', '.join(goldens)}"
    return Outcome.PASS, f"films can be judged; {many}", "", None


def _goldens(folder: Path) -> list[str]:
    found = {file.parent.name for file in folder.glob("*/golden.json")}
    return sorted(found | {file.parent.parent.name for file in folder.glob("*/*/golden.json")})
