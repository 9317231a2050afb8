"""Whom a rehearsed release runs as, and that the copy is theirs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import As
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.model.settings import EnvironmentSettings


def user_of_service(settings: EnvironmentSettings, places: Places) -> As | None:
    """Whom the service runs as, where we may become that; None for ourselves."""
    if settings.target != "systemd" or os.geteuid() != 0:
        return None
    import grp
    import pwd

    try:
        named = settings.systemd.user
        user = pwd.getpwnam(named) if named else pwd.getpwuid(places.project.stat().st_uid)
        group = grp.getgrnam(settings.systemd.group).gr_gid if settings.systemd.group else user.pw_gid
    except (KeyError, OSError) as problem:
        raise NotProvenError(f"the user that the service runs as is not known here: {problem}") from problem
    if user.pw_uid == 0:
        return None
    return As(user.pw_uid, group, tuple(os.getgrouplist(user.pw_name, group)))


def give(folder: Path, user: As) -> None:
    """The copy belongs to whoever runs on it, as what is live does."""
    for path, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            with suppress(OSError):
                inside = Path(path, name)
                if stat.S_ISLNK(inside.lstat().st_mode) or inside.lstat().st_uid == 0:
                    os.chown(inside, user.uid, user.gid, follow_symlinks=False)
