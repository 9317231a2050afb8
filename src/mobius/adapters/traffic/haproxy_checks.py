"""Whether traffic can be moved on HAProxy: its socket, its backend, and what its configuration keeps over a restart."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mobius.adapters.traffic.haproxy_reading import BACKEND, Row, Server, read_servers, read_statistics
from mobius.adapters.traffic.haproxy_socket import Asked
from mobius.errors import MobiusError
from mobius.model.haproxy import USUAL_CONFIG, HaproxyPlace
from mobius.model.verdict import CheckResult, Outcome

BY_WEIGHT = ("roundrobin", "leastconn", "random")
MOST_NAMED = 12
PRINTED = "include what `mobius traffic snippet` prints, and reload HAProxy once"
SECTIONS = (
    "backend",
    "listen",
    "frontend",
    "global",
    "defaults",
    "resolvers",
    "peers",
    "userlist",
    "program",
)
Line = tuple[str, ...]  # its words


class Wrong(Exception):
    """What stands against moving traffic, and what to do."""

    def __init__(self, message: str, advice: str = PRINTED) -> None:
        super().__init__(message)
        self.message, self.advice = message, advice


def haproxy_checks(place: HaproxyPlace, api: Asked) -> tuple[CheckResult, ...]:
    """Looks, changes nothing. One that fails makes the next ones meaningless, so they are left out."""
    found: list[CheckResult] = []
    for name, look in (
        ("HAProxy's socket", lambda: _socket(place, api)),
        (f"HAProxy's backend {place.backend}", lambda: _backend(place, api)),
        ("HAProxy's state file", lambda: _state_file(place)),
        ("HAProxy's configuration", lambda: _configuration(place, api)),
    ):
        found.append(_asked(name, look))
        if found[-1].outcome is not Outcome.PASS:
            break
    return tuple(found)


def split_check(place: HaproxyPlace) -> CheckResult:
    """Requests go by weights in any case; that a client stays where it was sent is for its configuration to say."""
    told = "HAProxy splits by weight; no cookie keeps a client with its release"
    try:
        ours = [
            line
            for section, name, line in _lines(place.config)
            if name == place.backend and section != "global"
        ]
    except OSError as problem:
        why = problem.strerror or str(problem)
        told = f"HAProxy splits by weight; whether a cookie keeps a client with its release cannot be seen: {why}"
        return CheckResult("canary", Outcome.PASS, told, 0.0)
    if any(line[0] in ("cookie", "stick") for line in ours):
        told = f"HAProxy splits by weight, and a client stays with its release by what {place.config} says"
        return CheckResult("canary", Outcome.PASS, told, 0.0)
    advice = (
        f"a client may meet both releases; to keep it with one, write `cookie` in backend {place.backend}"
    )
    return CheckResult("canary", Outcome.PASS, told, 0.0, advice)


def _asked(name: str, look: Callable[[], str]) -> CheckResult:
    began = time.perf_counter()
    outcome, advice = Outcome.FAIL, ""
    try:
        message, outcome = look(), Outcome.PASS
    except Wrong as wrong:
        message, advice = wrong.message, wrong.advice
    except MobiusError as problem:
        message, advice = problem.message, problem.hint
    return CheckResult(name, outcome, message, (time.perf_counter() - began) * 1000, advice)


def _socket(place: HaproxyPlace, api: Asked) -> str:
    level = api.ask(("show", "cli", "level"))[0].strip()
    if level != "admin":
        raise Wrong(
            f"{place.socket} is of level {level}, so nothing can be changed by it",
            f"write `stats socket {place.socket} mode 660 level admin` in `global`, and reload HAProxy once",
        )
    return f"{place.socket} answers, and may change who gets requests"


def _backend(place: HaproxyPlace, api: Asked) -> str:
    state, stat = api.ask(
        ("show", "servers", "state", place.backend), ("show", "stat", place.backend, "6", "-1")
    )
    servers, rows = read_servers(state, place.backend), read_statistics(stat, place.backend)
    missing = [name for name in place.servers if name not in servers]
    if missing:
        raise Wrong(f"it has no server {', '.join(missing)}")
    whole = rows.get(BACKEND)
    if whole is not None and whole.mode != "http":
        raise Wrong(f"it is in mode {whole.mode}, which knows no requests", "write `mode http` in it")
    if whole is not None and whole.algorithm and whole.algorithm not in BY_WEIGHT:
        raise Wrong(
            f"it balances by {whole.algorithm}, which does not go by weights",
            "write `balance roundrobin` in it",
        )
    if others := _others(place, servers, rows):
        raise Wrong(
            f"its server {others[0]} gets requests, too, whatever is live",
            "take it out of the backend, or write `backup` behind it",
        )
    named = ", ".join(place.servers[:MOST_NAMED])
    more = len(place.servers) - MOST_NAMED
    return f"has {named}{f' and {more:,} more' if more > 0 else ''}, by weights"


def _others(place: HaproxyPlace, servers: Mapping[str, Server], rows: Mapping[str, Row]) -> list[str]:
    return [
        name
        for name, server in servers.items()
        if name not in place.servers and server.share and not (name in rows and rows[name].is_backup)
    ]


def _state_file(place: HaproxyPlace) -> str:
    path = place.state_file
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise Wrong(
            f"{path} cannot be written by this user",
            "set [traffic] state_file to a file that this user may write",
        )
    return f"{path} can be written"


def _configuration(place: HaproxyPlace, api: Asked) -> str:
    """What the runtime API does not say stands in the file, where we may read it."""
    usual = place.config == USUAL_CONFIG
    try:
        lines = list(_lines(place.config))
    except OSError as problem:
        if usual:
            return f"not looked at: {place.config} cannot be read ({problem.strerror})"
        raise Wrong(
            f"{place.config} cannot be read: {problem.strerror}", "correct [traffic] config"
        ) from problem
    ours = [
        line for section, name, line in lines if section in ("backend", "listen") and name == place.backend
    ]
    if not ours:
        if usual:
            return f"not looked at: {place.config} has no backend {place.backend}; [traffic] config can name its file"
        raise Wrong(f"{place.config} has no backend {place.backend}")
    inherited = [line for section, _, line in lines if section == "defaults"]
    _keeps_state(place, ours, inherited)
    _leaves_what_is_in_flight(place, ours + inherited)
    _reaches_sockets(place, lines, ours)
    return f"{place.config} keeps who gets requests over HAProxy's restart"


def _keeps_state(place: HaproxyPlace, ours: list[Line], inherited: list[Line]) -> None:
    loads = next((line[1:] for line in (*ours, *inherited) if line[0] == "load-server-state-from-file"), ())
    names = next((line[1] for line in ours if line[0] == "server-state-file-name" and len(line) > 1), "")
    if loads != ("local",) or names != str(place.state_file):
        raise Wrong(
            f"{place.config} does not read {place.state_file}, so a restart of HAProxy would forget who is live",
            f"write in backend {place.backend}: load-server-state-from-file local, and"
            f" server-state-file-name {place.state_file}",
        )


def _leaves_what_is_in_flight(place: HaproxyPlace, lines: list[Line]) -> None:
    for line in lines:
        words = " ".join(line)
        if "on-marked-down shutdown-sessions" in words:
            raise Wrong(
                f"{place.config} cuts what is in flight on a server that is taken out (on-marked-down)",
                "take `on-marked-down shutdown-sessions` away",
            )
        if line[:2] == ("option", "persist") or line[0] == "force-persist":
            raise Wrong(
                f"{place.config} sends clients with a cookie to servers that are taken out ({words})",
                f"take `{words}` away from backend {place.backend}",
            )


def _reaches_sockets(place: HaproxyPlace, lines: list[tuple[str, str, Line]], ours: list[Line]) -> None:
    jail = next((line[1] for section, _, line in lines if section == "global" and line[0] == "chroot"), "")
    dials = [line for line in ours if line[0] == "server" and len(line) > 2 and line[2].startswith("unix@")]
    if jail and dials:
        raise Wrong(
            f"HAProxy is locked into {jail}, so it does not come to {dials[0][2].removeprefix('unix@')}",
            'let the process listen on its PORT (listen = "port"), or take `chroot` away',
        )


def _lines(config: Path) -> Iterator[tuple[str, str, Line]]:
    """Every line with its section and the section's name; comments and what cannot be split are left out."""
    section, name = "", ""
    for text in config.read_text(errors="replace").splitlines():
        try:
            words = tuple(shlex.split(text, comments=True))
        except ValueError:
            continue
        if not words:
            continue
        if words[0] in SECTIONS:
            section, name = words[0], words[1] if len(words) > 1 else ""
        else:
            yield section, name, words
