"""The settings a run began with, kept beside it: a `mobius.toml` that is edited, broken or gone during a window
changes nothing for the runner that watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from mobius.adapters.releases.store import write_durably
from mobius.errors import MobiusError
from mobius.model.settings import Settings


def save_settings(path: Path, settings: Settings, environment: str) -> None:
    """Writes the settings of one environment, for its owner alone: they may hold secrets of the configuration."""
    kept = replace(settings, environments={environment: settings.environment(environment)}, origins={})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, msgspec.json.encode(kept, enc_hook=_plain), mode=0o600)


def load_settings(path: Path) -> Settings:
    """What `save_settings` wrote. Raises `MobiusError` where it is missing, damaged, or of another version."""
    try:
        return msgspec.convert(msgspec.json.decode(path.read_bytes()), Settings, dec_hook=_rich)
    except (OSError, msgspec.MsgspecError) as problem:
        raise MobiusError(
            f"the settings of the run cannot be read: {path}: {problem}", "mobius config check"
        ) from problem


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"cannot keep a {type(value).__name__}")


def _rich(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"cannot read a {kind.__name__}")
