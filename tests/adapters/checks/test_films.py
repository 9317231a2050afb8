"""The gate on films is operational, or it is said what is missing; never a failure of the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.checks import films
from mobius.adapters.checks.http import HttpChecks
from mobius.model.quality import MediaSettings
from mobius.model.settings import EnvironmentSettings, SmokeSettings
from mobius.model.verdict import CheckResult, Outcome


def asked(folder: Path, latest: str, *required: str) -> dict[str, CheckResult]:
    media = MediaSettings(golden=folder / "golden", latest=latest, required=required)
    there = SmokeSettings("folder", kind="file", file=".")
    settings = EnvironmentSettings("production", "http://127.0.0.1:9", folder, smoke=(there,), media=media)
    results = HttpChecks(settings, resolve=lambda name: folder / name).smoke(settings.url)
    return {result.name: result for result in results}


def test_nothing_is_said_where_no_films_are_named(tmp_path: Path) -> None:
    assert set(asked(tmp_path, "")) == {"folder"}


def test_goldens_that_are_required_must_be_there(tmp_path: Path) -> None:
    assert asked(tmp_path, "out/*.mp4")["gate media"].outcome is Outcome.PASS
    missing = asked(tmp_path, "out/*.mp4", "golden")["gate media"]
    assert missing.outcome is Outcome.ERROR and "there is no golden in" in missing.message
    assert asked(tmp_path, "out/{game}/*.mp4")["gate media"].outcome is Outcome.ERROR
    (tmp_path / "golden" / "sushi" / "linux").mkdir(parents=True)
    (tmp_path / "golden" / "sushi" / "linux" / "golden.json").touch()
    found = asked(tmp_path, "out/*.mp4", "golden")["gate media"]
    assert (found.outcome, found.message) == (Outcome.PASS, "films can be judged; goldens: sushi")


def test_without_who_measures_it_is_an_error_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "NEEDED", ("av_that_is_not_there",))
    missing = asked(tmp_path, "out/*.mp4")["gate media"]
    assert missing.outcome is Outcome.ERROR
    assert "pip install 'mobius[media]'" in missing.message
