"""`mobius` on a host of the bed: the program of this checkout, for every user there, and a project to use it in."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

from .build import DEPLOY_USER
from .host import Host

PROGRAM = Path(sys.executable).with_name("mobius")


def install_mobius(host: Host) -> None:
    """`mobius` is found on the PATH of root and of the deploy user, also over ssh. Nothing is copied: the checkout of
    this machine is there, read-only, at the same place; a change of it is a change there."""
    host.run(["ln", "-sf", str(PROGRAM), "/usr/local/bin/mobius"])


def put_project(host: Host, folder: Path, *, owner: str = DEPLOY_USER) -> PurePosixPath:
    """Copies a project to `/srv/<name of the folder>` there, belonging to `owner`; answers where."""
    place = PurePosixPath("/srv", folder.name)
    host.put(folder, str(place), owner=owner)
    return place
