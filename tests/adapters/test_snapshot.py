"""The settings of a run outlive any change of mobius.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.snapshot import load_settings, save_settings
from mobius.errors import MobiusError
from mobius.model.settings import (
    BackupSettings,
    CanarySettings,
    EnvironmentSettings,
    GateCommand,
    MigrationSettings,
    Origin,
    ProcessSettings,
    ServeSettings,
    Settings,
    SignalSettings,
    SmokeSettings,
)

PRODUCTION = EnvironmentSettings(
    "production",
    "http://127.0.0.1:1",
    Path("/r"),
    processes=(ProcessSettings("api", ("serve", "ü"), env={"TOKEN": "in-config"}, pass_env=("A",)),),
    smoke=(SmokeSettings("front", url="/", headers={"X": "y"}, tls_min_days=3),),
    checks=(GateCommand("lint", ("make", "lint"), when="both"),),
    signals=(SignalSettings("queue", "command", run=("count",), max=5.0, compare=False, interval_s=60.0),),
    canary=CanarySettings((1, 10)),
    serve=ServeSettings("0.0.0.0:8080", "WEB_TOKEN", ("ops.example.org",)),
    backup=BackupSettings(("data",), Path("/b")),
    migrations=MigrationSettings(database="data/app.db"),
)
STAGING = EnvironmentSettings("staging", "http://127.0.0.1:2", Path("/s"))
SETTINGS = Settings(
    "dhash", Path("/p"), {"production": PRODUCTION, "staging": STAGING}, Path("/p/mobius.toml"), "v1",
    {"x": Origin("y", "file", "mobius.toml")},
)  # fmt: skip


def test_one_environment_is_kept_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "settings.json"
    save_settings(path, SETTINGS, "production")
    assert path.stat().st_mode & 0o777 == 0o600
    kept = load_settings(path)
    assert kept.environments == {"production": PRODUCTION}
    assert (kept.service, kept.project, kept.file, kept.release_tag) == (
        "dhash",
        Path("/p"),
        SETTINGS.file,
        "v1",
    )


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"service": 1}'])
def test_one_that_cannot_be_read_says_so(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MobiusError, match=f"the settings of the run cannot be read: {path}"):
        load_settings(path)
