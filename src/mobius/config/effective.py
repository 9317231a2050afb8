"""Every setting in effect as JSON data, with where each comes from; what looks like a secret is redacted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from mobius.config.showing import safe
from mobius.model.settings import Settings

SCHEMA_VERSION = 1


def effective(settings: Settings, names: Sequence[str], *, origins: bool) -> dict[str, Any]:
    """Of the environments of these names."""
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "file": str(settings.file),
        "service": settings.service,
        "release_tag": settings.release_tag,
        "environments": {name: safe("", dataclasses.asdict(settings.environments[name])) for name in names},
    }
    if origins:
        others = tuple(f"environments.{name}." for name in settings.environments if name not in names)
        data["origins"] = {
            key: {"value": origin.value_repr, "source": origin.source, "where": origin.where}
            for key, origin in settings.origins.items()
            if not key.startswith(others)
        }
    return data
