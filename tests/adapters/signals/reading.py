"""One reading of a `[[signal]]` as the window would take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.signals.configured import Reader
from mobius.model.sample import Sample
from mobius.model.settings import SignalSettings
from mobius.ports import Around


def reader(
    folder: Path = Path(),
    environ: Mapping[str, str] | None = None,
    redact: Callable[[str], str] = str,
    backend: str = "app",
    **said: Any,
) -> Reader:
    """Of a signal named "queue" with these settings."""
    around = Around(
        "production",
        "http://127.0.0.1:1",
        environ or {},
        lambda name: folder / name,
        folder,
        release_id="r2",
        backend=backend,
    )
    return Reader(SignalSettings("queue", **said), around, redact)


def read(folder: Path = Path(), **said: Any) -> Sample:
    """One reading, which is a sample."""
    sample = reader(folder, **said).read()
    assert sample is not None
    assert sample.signal == "gauge:queue"
    return sample


def missing(folder: Path = Path(), **said: Any) -> str:
    """Why there is no number; a sample without one is never health."""
    sample = read(folder, **said)
    assert (sample.value, sample.ok) == (None, None)
    assert sample.missing
    return sample.missing
