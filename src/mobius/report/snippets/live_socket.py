"""What a proxy that dials `<root>/live/web.sock` must be told, in words that nginx and Caddy share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import UsageError
from mobius.model.settings import EnvironmentSettings

LONGEST_SOCKET_PATH = 104  # of the path as it is dialled, whatever it leads to
SPARE_S = 5.0  # what a held request may take after the hold has ended

_WORD = re.compile(r"[a-z0-9][A-Za-z0-9_-]{0,126}")
_PATH = re.compile(r"/[A-Za-z0-9/._@%+=,~ -]*")
_URL = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*")
_FOLDER = re.compile(r"[A-Za-z0-9_@+=,~-][A-Za-z0-9/._@+=,~-]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file to include. `place` says where, for a person."""

    name: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Static:
    """Files the proxy serves itself: what lies below `folder` of the live release, below the address `url`."""

    url: str
    folder: str


def read_static(text: str) -> Static:
    """`/assets=public/assets` as a Static. Raises `UsageError` for anything else."""
    url, found, folder = text.partition("=")
    folder = folder.rstrip("/")
    good = found and _URL.fullmatch(url) and _FOLDER.fullmatch(folder) and ".." not in folder.split("/")
    if not good:
        raise UsageError(
            f"{text!r} is not an address and a folder of the release", "write it as /assets=public/assets"
        )
    return Static(url.rstrip("/"), folder)


def name_of(service: str, environment: str) -> str:
    """The name under which a proxy's configuration has this environment. Raises `UsageError` for a hostile one."""
    name = f"mobius-{service}" if environment == "production" else f"mobius-{service}-{environment}"
    if not _WORD.fullmatch(service) or not _WORD.fullmatch(name) or not name.isascii():
        raise UsageError(
            f"{name!r} cannot be a name in a proxy's configuration", "use letters, digits, - and _"
        )
    return name


def path_of(path: Path, proxy: str) -> str:
    """The path in quotes. Raises `UsageError` for one with characters that mean something to a proxy."""
    if not _PATH.fullmatch(str(path)):
        raise UsageError(
            f"{str(path)!r} cannot be written into a configuration of {proxy}",
            "choose an absolute path of letters, digits, spaces and / . _ - @ % + = , ~",
        )
    return f'"{path}"' if " " in str(path) else str(path)


def live_socket(root: Path, proxy: str) -> str:
    """What the proxy dials. Raises `UsageError` when that is too long for the address of a Unix socket."""
    path = root / "live" / "web.sock"
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise UsageError(
            f"{path} is too long for a Unix socket ({LONGEST_SOCKET_PATH} bytes at most)",
            "choose a shorter `root`",
        )
    said = path_of(path, proxy)
    if " " in said:
        raise UsageError(f"{said} has a space, which no proxy dials", "choose a `root` without")
    return said


def patience_s(settings: EnvironmentSettings) -> int:
    """How long a proxy waits for an answer: as long as the front door, after a hold."""
    door = settings.door
    return round(door.upstream_timeout_s + door.hold_max_s + SPARE_S)
