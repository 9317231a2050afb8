"""What can be asked of one file, by name: plain values in, plain values out, so that any process may do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any


def loudness(file: Path, *, stream: int = 0) -> dict[str, Any]:
    """`mobius.model.media.Loudness` as a mapping."""
    from mobius.adapters.media.loudness import measure

    return asdict(measure(file, stream=stream))


def probe(file: Path, *, deep: bool = False) -> dict[str, Any]:
    """What `mobius.adapters.media.probing.probe` says."""
    from mobius.adapters.media.probing import probe as probed

    return probed(file, deep=deep)


def golden(file: Path, *, act: str, **options: Any) -> Any:
    """What a golden reference needs of the film: `describe`, `take`, `compare`, `pictures` or `adopt`."""
    from mobius.adapters.media import goldens

    acts: dict[str, Callable[..., Any]] = {
        "take": goldens.take,
        "compare": goldens.compare,
        "describe": goldens.described,
        "pictures": goldens.pictures,
        "adopt": goldens.adopt,
    }
    return acts[act](file, **options)


def shown(file: Path, **options: Any) -> dict[str, Any]:
    """What a page shows of the film: pictures beside the golden's, tiles, and the loudness over time."""
    from mobius.adapters.media.shown import shown as made

    return made(file, **options)


def meter(file: Path) -> dict[str, Any]:
    """Who measures. `file` is not looked at."""
    from mobius.adapters.media.meter import versions

    return versions()


JOBS: dict[str, Callable[..., Any]] = {
    "golden": golden,
    "loudness": loudness,
    "meter": meter,
    "probe": probe,
    "shown": shown,
}
