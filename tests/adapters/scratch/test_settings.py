"""An environment moved to a scratch place: nothing that serves can be reached from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters.scratch.cut_off import cut_off, why_not_here
from mobius.adapters.scratch.settings import left_out, scratch_settings, why_not
from mobius.model.settings import (
    BackupSettings,
    EnvironmentSettings,
    GateCommand,
    MigrationSettings,
    ProcessSettings,
    ReleaseSettings,
    Settings,
    SmokeSettings,
    StoreSettings,
    TrafficSettings,
)

PROJECT = Path("/srv/dhash")
STAGING = EnvironmentSettings(
    name="staging",
    target="systemd",
    url="https://staging.example.org",
    listen="0.0.0.0:443",
    root=PROJECT / ".mobius/staging",
    release=ReleaseSettings(link=("data",)),
    processes=(
        ProcessSettings("web", ("node", "app.js"), "web", env_file="shared/.env"),
        ProcessSettings("mailer", ("node", "mail.js"), "worker"),
    ),
    smoke=(
        SmokeSettings("front", url="/"),
        SmokeSettings("elsewhere", url="https://other.example.org/"),
        SmokeSettings("certificate", kind="tls", tls_min_days=14),
        SmokeSettings("files", kind="file", file="data"),
        SmokeSettings("own rows", kind="database", database="data/app.db"),
        SmokeSettings("their rows", kind="database", database="shared/other.db"),
    ),
    checks=(GateCommand("gate", ("true",)),),
    backup=BackupSettings(paths=("data", "uploads", "shared/x"), folder=PROJECT / "backups/staging"),
    store=StoreSettings(url="s3://bucket/prefix"),
    traffic=TrafficSettings(kind="haproxy"),
    migrations=MigrationSettings(database="data/app.db"),
)
ALL = Settings("dhash", PROJECT, {"staging": STAGING, "production": replace(STAGING, name="production")})


def moved(*, env_files: bool = True) -> EnvironmentSettings:
    made = scratch_settings(ALL, STAGING, Path("/scratch"), 4711, env_files=env_files)
    assert set(made.environments) == {"staging"}
    return made.environment("staging")


def test_it_has_a_root_an_address_and_a_folder_of_its_own() -> None:
    there = moved()
    assert (there.root, there.backup.folder) == (Path("/scratch/root"), Path("/scratch/backups"))
    assert (there.url, there.listen, there.target) == ("http://127.0.0.1:4711", "127.0.0.1:4711", "process")
    assert not there.store.url and there.traffic.kind == "door"


def test_only_web_processes_are_started_and_only_what_is_its_own_is_backed_up() -> None:
    assert [process.name for process in moved().processes] == ["web"]
    assert moved().backup.paths == (
        "data",
        "shared/x",
    )  # uploads lie beside mobius.toml: somebody's real ones
    assert [process.env_file for process in moved(env_files=False).processes] == [None]


def test_smoke_tests_of_other_places_are_left_out_and_named() -> None:
    assert left_out(STAGING) == ("elsewhere", "certificate", "files", "their rows")
    assert [test.name for test in moved().smoke] == ["front", "own rows"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"target": "observe"}, "somebody else starts the service"),
        ({"target": "command"}, "somebody else starts the service"),
    ],
)
def test_what_cannot_be_started_there_says_why(changes: dict[str, object], why: str) -> None:
    assert why in why_not(replace(STAGING, **changes))  # type: ignore[arg-type]
    assert why_not(STAGING) == ""


@pytest.mark.skipif(bool(why_not_here()), reason="nothing can be cut off here")
def test_what_is_cut_off_writes_one_folder_and_sees_nothing_that_is_hidden(tmp_path: Path) -> None:
    import subprocess

    project, place = tmp_path / "project", tmp_path / "project/.mobius/staging/run/place"
    place.mkdir(parents=True)
    (project / ".mobius/staging/journal.db").write_text("live")
    (project / "mobius.toml").write_text("config")
    script = (
        f"cat {project}/mobius.toml > {place}/seen; ls {project}/.mobius/staging >> {place}/seen;"
        f"echo x > {project}/mobius.toml; ls /run /tmp | grep -c sock >> {place}/seen;"
        "cat /proc/net/route | wc -l >> seen"
    )
    words = cut_off(["sh", "-c", script], place=place, hidden=[project / ".mobius/staging"], shown=[project])
    subprocess.run(words, stderr=subprocess.DEVNULL, timeout=60)
    assert (place / "seen").read_text().split() == ["configrun", "0", "1"]  # no route to anywhere
    assert (project / "mobius.toml").read_text() == "config"
