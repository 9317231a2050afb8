"""A project with a small mobius.toml, and loading it without this machine's own variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mobius.config import load
from mobius.errors import ConfigurationError
from mobius.model.settings import Settings

SMALL = """
service = "dhash"
{top}
[[process]]
name = "api"
start = ["node", "app.js"]

[environments.production]
url = "http://127.0.0.1:5001"
{production}
[environments.staging]
url = "http://127.0.0.1:5002"
"""

Loads = Callable[..., Settings]


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """Settings of the small file with lines added at the top and in production."""

    def loads(
        top: str = "",
        production: str = "",
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
    ) -> Settings:
        file = tmp_path / "mobius.toml"
        file.write_text(SMALL.format(top=top, production=production), encoding="utf-8")
        return load(file, environ=environ or {}, flags=flags)

    return loads


@pytest.fixture
def mistakes(loads: Loads) -> Callable[..., tuple[str, ...]]:
    """The mistakes found in it."""

    def mistakes(*args: object, **named: object) -> tuple[str, ...]:
        with pytest.raises(ConfigurationError) as caught:
            loads(*args, **named)
        return caught.value.details

    return mistakes
