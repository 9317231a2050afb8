"""Whether the programs that migrate can be found: looked at before anything is touched that serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobius.errors import GateFailed
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports, Source

ADVICE = (
    "let release.build install it, or install it on this machine; another one is named by migrations.program"
)


def has_programs(source: Source, missing: Sequence[str], ports: Ports) -> list[CheckResult]:
    """`missing`: those that this machine has not. What a build makes is looked for once it has run."""
    if not missing:
        return []
    name = "migration tool"
    if ports.settings.release.build:
        told = f"{', '.join(missing)} is not on this machine: it is looked for in {source.tag} once that is built"
        return [CheckResult(name, Outcome.PASS, told, 0.0)]
    with ports.releases.look_into(source, ".") as tree:
        assert ports.migrations is not None
        left = ports.migrations.missing_programs(tree)
    if not left:
        return []
    return [CheckResult(name, Outcome.FAIL, _nowhere(left, source.tag), 0.0, ADVICE)]


def refuse_without_programs(folder: Path, tag: str, ports: Ports) -> None:
    """`folder`: the migrations of a release that is built. Raises `GateFailed` where what runs them is nowhere."""
    missing = ports.migrations.missing_programs(folder) if ports.migrations is not None else ()
    if missing:
        raise GateFailed(f"its migrations cannot be run: {_nowhere(missing, tag)}", ADVICE)


def _nowhere(missing: Sequence[str], tag: str) -> str:
    return f"{', '.join(missing)} is neither in {tag} nor where this machine has programs"
