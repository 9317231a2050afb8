"""The settings of an environment, moved to a scratch place: web processes only, nobody's data, no other machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mobius.model.settings import (
    CanarySettings,
    CommandSettings,
    EnvironmentSettings,
    RehearsalSettings,
    Settings,
    SmokeSettings,
    StoreSettings,
    TrafficSettings,
)
from mobius.rules.commanding import ELSEWHERE

ELSEWHERE_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
WINDOW_S = 3600.0  # never reached: the place is gone before


def why_not(settings: EnvironmentSettings) -> str:
    """Why no release of this environment can be started in a scratch place; "" where one can."""
    if settings.target in ELSEWHERE:
        return f'with target = "{settings.target}" somebody else starts the service'
    return ""


def migrated_file(settings: EnvironmentSettings) -> str:
    """The SQLite file that the migrations are for; "" where they are for a server's database, or there are none."""
    named = settings.migrations.database if settings.migrations else None
    return named if named and named not in {each.name for each in settings.databases} else ""


def left_out(settings: EnvironmentSettings) -> tuple[str, ...]:
    """The names of the smoke tests that say nothing about a release in a scratch place."""
    return tuple(test.name for test in settings.smoke if not _is_asked(test, settings))


def scratch_settings(
    all_settings: Settings,
    settings: EnvironmentSettings,
    place: Path,
    port: int,
    *,
    env_files: bool,
) -> Settings:
    """All that one environment needs, at home in `place`. `env_files`: the files of variables are there, too."""
    address = f"127.0.0.1:{port}"
    link = settings.release.link
    backup = replace(
        settings.backup,
        folder=place / "backups",
        paths=tuple(path for path in settings.backup.paths if is_own(path, link)),
        databases=tuple(path for path in settings.backup.databases if is_own(path, link)),
        sign_key=None,
        allowed_signers=None,
        require_signature=False,
        reuse_within_s=0.0,
    )
    processes = tuple(
        process if env_files else replace(process, env_file=None)
        for process in settings.processes
        if process.kind == "web"
    )
    moved = replace(
        settings,
        target="process",
        url=f"http://{address}",
        listen=address,
        root=place / "root",
        artifact_dir=place / "artifacts",
        window_s=WINDOW_S,
        auto_rollback=True,
        processes=processes,
        release=replace(settings.release, allow_dirty=True),
        smoke=tuple(test for test in settings.smoke if _is_asked(test, settings)),
        checks=(),
        signals=(),
        backup=backup,
        rehearsal=replace(RehearsalSettings(), boot=False),
        store=StoreSettings(),
        canary=CanarySettings(),
        door=replace(settings.door, tls_cert=None, tls_key=None),
        traffic=TrafficSettings(),
        command=CommandSettings(),
    )
    return replace(all_settings, environments={settings.name: moved}, origins={})


def is_own(path: str, links: tuple[str, ...]) -> bool:
    """Whether it lies in the root, and so in the scratch place."""
    pure = PurePosixPath(path)
    return pure.parts[:1] == ("shared",) or any(pure.is_relative_to(link) for link in links)


def _is_asked(test: SmokeSettings, settings: EnvironmentSettings) -> bool:
    if test.kind == "tls" or (test.kind == "http" and ELSEWHERE_ADDRESS.match(test.url)):
        return False
    if test.kind == "file":
        return False
    migrated = settings.migrations.database if settings.migrations else None
    return test.kind != "database" or test.database == migrated
