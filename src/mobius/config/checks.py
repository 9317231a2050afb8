"""What each value alone cannot tell: settings that contradict one another."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from mobius.config.build import under
from mobius.config.databases import check_databases
from mobius.config.fleet import check_fleet
from mobius.config.github import check_github
from mobius.config.journal import check_journal
from mobius.config.media import check_media
from mobius.config.migrations import check_migrations
from mobius.config.mistakes import Mistakes, Place
from mobius.config.notifying import check_notify
from mobius.config.portable import why_not_portable
from mobius.config.signals import check_canary, check_gates, check_serve, check_signals
from mobius.config.tree import Leaf, Node, Tree, at, is_sound
from mobius.config.units import check_units

RUNS_PROCESSES = ("process", "systemd")
SUBJECTS = ("get", "post", "head", "database", "file", "run", "tls")
_ONLY_WITH = {
    "expect": ("get", "post", "head"),
    "headers": ("get", "post", "head"),
    "body": ("post",),
    "json": ("post",),
    "writable": ("file",),
}


def check_environment(values: dict[str, Any], tree: Tree, around: Place, mistakes: Mistakes) -> None:
    """The mistakes within one environment. What rests on a value that is wrong by itself is not judged."""
    for key in ("process", "smoke", "gate", "signal", "database", "host"):
        check_names(tree.get(key), mistakes)
    check_smoke(tree.get("smoke"), values.get("url"), mistakes)
    check_databases(tree.get("database"), mistakes)
    check_gates(tree.get("gate"), mistakes)
    check_signals(tree.get("signal"), mistakes)
    check_fleet(values, tree, mistakes)
    check_canary(values["canary"], tree, mistakes)
    check_serve(values["serve"], tree, mistakes)
    check_media(tree, mistakes)
    check_github(tree, mistakes)
    check_notify(tree, mistakes)
    kinds = [row["kind"] for row in values["process"]]
    if values["target"] in (*RUNS_PROCESSES, "ssh") and "web" not in kinds and is_sound(tree.get("process")):
        words = 'no process of kind "web" to give traffic to, expected a [[process]] with name and start'
        mistakes.add(Place(f"{around.path}.process", around.file, around.line), words)
    if (listen := at(tree, "listen")) and not 1 <= int(listen.value.rpartition(":")[2]) <= 65_535:
        mistakes.add(listen.place, f'found "{listen.value}", expected a port from 1 to 65535')
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if (given := at(tree, "door", one)) and other not in _dict(tree.get("door")):
            mistakes.add(given.place, f"given without {other}: TLS needs both")
    check_migrations(values, tree, around, mistakes)
    check_units(values, tree, mistakes)
    _check_commands(values, tree, around, mistakes)
    _check_signatures(values["backup"], tree, mistakes)
    _check_store(values["store"], values["backup"], tree, mistakes)
    check_journal(values["journal"], tree, around, mistakes)
    _check_times(values, tree, around, mistakes)


def _check_commands(values: dict[str, Any], tree: Tree, around: Place, mistakes: Mistakes) -> None:
    """What somebody else deploys needs their command; a restore needs to stop the service, and to start it."""
    gave = tree.get("command")
    if values["target"] == "command" and not values["command"]["deploy"] and is_sound(gave):
        words = 'missing, expected the command that deploys MOBIUS_TAG, such as ["./deploy.sh"]'
        mistakes.add(Place(f"{around.path}.command.deploy", around.file, around.line), words)
    for one, other in (("stop", "start"), ("start", "stop")):
        if (given := at(tree, "command", one)) and other not in _dict(gave):
            mistakes.add(given.place, f"given without {other}: a restore needs both")


def _check_signatures(backup: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """Who can put an archive into the folder could put a key beside it; and what nothing signs would all be refused."""
    allowed, required = at(tree, "backup", "allowed_signers"), at(tree, "backup", "require_signature")
    if allowed and backup["folder"] and backup["allowed_signers"]:
        folder = under(Path("/"), backup["folder"])
        if under(Path("/"), backup["allowed_signers"]).is_relative_to(folder):
            mistakes.add(allowed.place, "lies in the folder of the backups, expected a file outside of it")
    for key in ("sign_key", "allowed_signers"):
        if required and backup["require_signature"] and not backup[key]:
            mistakes.add(required.place, f"given without {key}: every new backup would be refused")


def _check_store(store: dict[str, Any], backup: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """An address, and never a password in it; and a place where copies do not lie beside the originals."""
    for key in ("url", "endpoint"):
        if (given := at(tree, "store", key)) and "@" in urlsplit(str(store[key])).netloc:
            words = (
                "holds a user or a password, expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to be set"
            )
            mistakes.add(given.place, words)
    url, required = at(tree, "store", "url"), at(tree, "store", "required")
    if url and "://" in store["url"]:
        if not re.fullmatch(r"s3://[^/]+(/.*)?", store["url"]):
            mistakes.add(url.place, 'is no address of a store, expected "s3://bucket/prefix" or a folder')
    elif url and store["url"] and backup["folder"]:
        folder = under(Path("/"), backup["folder"])
        if under(Path("/"), store["url"]).is_relative_to(folder):
            mistakes.add(url.place, "lies in the folder of the backups, expected one on another disk")
    if required and store["required"] and not store["url"]:
        mistakes.add(required.place, "given without url: there is nowhere to copy to")


def _check_times(values: dict[str, Any], tree: Tree, around: Place, mistakes: Mistakes) -> None:
    health, gave = values["health"], _dict(tree.get("health"))
    least_s = max(health["min_healthy_s"], (health["successes"] - 1) * health["interval_s"])
    if gave and is_sound(gave) and least_s >= health["deadline_s"]:
        place = next(leaf.place for leaf in gave.values() if isinstance(leaf, Leaf))
        mistakes.add(
            Place(place.path.rpartition(".")[0] or place.path, place.file, place.line),
            f"a healthy release needs at least {least_s:g} s, which is not before the deadline"
            f" of {health['deadline_s']:g} s",
        )
    window, interval = at(tree, "window"), at(tree, "monitor", "interval")
    if is_sound(tree.get("monitor")) and is_sound(tree.get("window")):
        window_s, interval_s = values["window_s"], values["monitor"]["interval_s"]
        if interval_s > window_s:
            place = interval.place if interval else window.place if window else around
            words = f"a check every {interval_s:g} s never comes within a window of {window_s:g} s"
            mistakes.add(place, words)


def check_names(rows: Node | None, mistakes: Mistakes) -> None:
    """No two rows of one array have the same name."""
    seen: dict[str, Leaf] = {}
    for row in rows if isinstance(rows, list) else ():
        if name := at(row, "name"):
            if name.value in seen:
                first = seen[name.value].place
                line = f" (line {first.line})" if first.line else ""
                mistakes.add(
                    name.place, f'"{name.value}" is the name of {first.path.rpartition(".")[0]}{line} too'
                )
            seen.setdefault(name.value, name)


def check_smoke(rows: Node | None, url: str | None, mistakes: Mistakes) -> None:
    """Each smoke test looks at one thing, with the settings that belong to it."""
    for row in rows if isinstance(rows, list) else ():
        name = row.get("name")
        if not isinstance(name, Leaf) or not is_sound(row):
            continue
        path, _, _ = name.place.path.rpartition(".")
        place = Place(path, name.place.file, name.place.line)
        given = [subject for subject in SUBJECTS if subject in row]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            mistakes.add(place, f"found {found}, expected exactly one of {', '.join(SUBJECTS)}")
            continue
        for key, subjects in _ONLY_WITH.items():
            if (leaf := at(row, key)) and given[0] not in subjects:
                mistakes.add(leaf.place, f"means nothing with {given[0]}, only with {' or '.join(subjects)}")
        if "body" in row and "json" in row:
            mistakes.add(place, "found body and json, expected one of them")
        tls_url = at(row, "tls", "url")
        if given[0] == "tls" and not (tls_url.value if tls_url else url or "https:").startswith("https:"):
            mistakes.add(
                tls_url.place if tls_url else place, "tls needs an address that starts with https://"
            )


class Complete(Protocol):
    """An environment with all its values."""

    @property
    def name(self) -> str: ...
    @property
    def values(self) -> dict[str, Any]: ...
    @property
    def tree(self) -> Tree: ...
    @property
    def around(self) -> Place: ...


def check_apart(environments: Sequence[Complete], project: Path, mistakes: Mistakes) -> None:
    """No two environments listen on the same address or live in the same folder, and each can have one."""
    for number, one in enumerate(environments):
        if why_not := why_not_portable(one.name):
            mistakes.add(one.around, why_not)
        for other in environments[:number]:
            if _folder(one, project) == _folder(other, project):
                root = at(one.tree, "root")
                place = root.place if root else one.around
                mistakes.add(place, f'the same folder as that of environment "{other.name}"')
            if _overlap(_bound(one), _bound(other)):
                leaf = at(one.tree, "listen")
                leaf = leaf if leaf and leaf.source != "default" else at(one.tree, "url")
                what = f'{one.values["listen"]} is where environment "{other.name}" listens too'
                mistakes.add(leaf.place if leaf else one.around, what)


def listen_of(url: str) -> str:
    """What the front door binds when only `url` is known: its port, on loopback if that is what it names."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    if host == "localhost" or host.startswith("127."):
        return f"{'127.0.0.1' if host == 'localhost' else host}:{port}"
    return f"[::1]:{port}" if host == "::1" else f"0.0.0.0:{port}"


def _folder(environment: Complete, project: Path) -> str:
    root = str(under(project, environment.values["root"]))
    return root if sys.platform == "linux" else root.casefold()


def _bound(environment: Complete) -> tuple[str, int] | None:
    if environment.values["target"] not in RUNS_PROCESSES or not environment.values["listen"]:
        return None
    host, _, port = environment.values["listen"].rpartition(":")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def _overlap(one: tuple[str, int] | None, other: tuple[str, int] | None) -> bool:
    if one is None or other is None or one[1] != other[1]:
        return False
    return one[0] == other[0] or bool({one[0], other[0]} & {"0.0.0.0", "[::]"})


def _dict(node: Node | None) -> Tree:
    return node if isinstance(node, dict) else {}
