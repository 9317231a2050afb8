"""The settings of what is proven to others: who signs the evidence of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mobius.config.kinds import Text
from mobius.config.shapes import ListOf
from mobius.config.table import Field, Item, Section
from mobius.model.evidence import EvidenceSettings

_PATH = Text("a path")

PROVING: tuple[Item, ...] = (
    Section(
        "evidence",
        (
            Field(
                "key",
                _PATH,
                "What signs the evidence of each run: an Ed25519 key (PEM) or an OpenSSH key.",
                default_words="`keys/evidence.pem` in the root, once `mobius evidence key init` made it",
            ),
            Field(
                "trusted",
                ListOf(_PATH, 'a list of paths, such as ["keys/release.pub"]'),
                "Public keys that are believed besides that one's.",
                (),
            ),
        ),
        "The signed record of a run.",
    ),
)


def evidence_settings(values: dict[str, Any], under: Any) -> EvidenceSettings:
    """From complete values; `under` makes a path absolute."""
    key: Path | None = under(values["key"]) if values["key"] else None
    return EvidenceSettings(key, tuple(under(path) for path in values["trusted"]))
