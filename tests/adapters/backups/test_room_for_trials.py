"""Copies that migrations are tried on take room, too: that is said before a deployment begins."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.adapters.backups.preflight import room_and_time, trial_bytes
from mobius.adapters.places import Places
from mobius.model.settings import EnvironmentSettings, MigrationSettings, RehearsalSettings
from mobius.model.verdict import Outcome

MIB = 1 << 20


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    now = shutil.disk_usage(tmp_path)

    def make(size_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: now._replace(free=size_bytes))

    return make


def test_too_little_room_for_a_trial_is_said_and_stops_no_deployment_without_migrations(
    tmp_path: Path, free: Callable[[int], None]
) -> None:
    free(5 * MIB)
    answer = room_and_time(lambda: 2 * MIB, tmp_path, tmp_path, (), lambda whole: 2 * whole)
    assert answer.outcome is Outcome.PASS
    assert (
        f"; pending migrations stop here: it needs up to 8.4 MB below {tmp_path} (2.1 MB for the archive and 2.1 MB"
        " for the copy of its rehearsal and 4.2 MB for the copies that pending migrations are tried on), 5.2 MB free"
    ) in answer.message
    assert answer.advice.startswith(f"free 3.1 MB below {tmp_path}")
    free(9 * MIB)
    answer = room_and_time(lambda: 2 * MIB, tmp_path, tmp_path, (), lambda whole: 2 * whole)
    assert "pending migrations" not in answer.message
    free(3 * MIB)
    assert room_and_time(lambda: 2 * MIB, tmp_path, tmp_path, ()).outcome is Outcome.FAIL


def test_a_trial_takes_copies_of_the_database_and_the_files_once_more_for_each_start(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"x" * 1000)
    places = Places(tmp_path, tmp_path / "root")

    def needed(**more: object) -> int:
        settings = EnvironmentSettings("production", "http://127.0.0.1:1", tmp_path / "root", **more)  # type: ignore[arg-type]
        return trial_bytes(settings, places, {}, 5000)

    moving = MigrationSettings(database="app.db")
    assert needed(migrations=moving, rehearsal=RehearsalSettings(boot=True)) == 3 * 1000 + 5000
    assert needed(migrations=moving, rehearsal=RehearsalSettings(boot=False)) == 3 * 1000
    assert needed(migrations=MigrationSettings(database="not-there.db")) in (0, 5000)
    assert needed() == 0
