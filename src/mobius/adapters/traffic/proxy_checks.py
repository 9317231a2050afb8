"""Whether a deployment behind nginx or Caddy can move traffic: the proxy's configuration, and its way to our socket."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mobius.adapters.traffic.proxy_files import dialled, validate
from mobius.adapters.traffic.proxy_reach import visitors, what_bars, what_will_bar
from mobius.errors import MobiusError, UsageError
from mobius.model.haproxy import haproxy_place
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.snippets.caddy import caddy_configuration, caddy_snippet
from mobius.report.snippets.haproxy import haproxy_configuration
from mobius.report.snippets.live_socket import live_socket
from mobius.report.snippets.nginx import nginx_configuration, nginx_snippet

Answer = tuple[Outcome, str, str]  # with the sentence and the advice
USUAL_CONFIG = {
    "nginx": Path("/etc/nginx/nginx.conf"),
    "caddy": Path("/etc/caddy/Caddyfile"),
    "haproxy": Path("/etc/haproxy/haproxy.cfg"),
}


def proxy_checks(settings: EnvironmentSettings) -> tuple[CheckResult, ...]:
    """Looks, changes nothing, asks for no rights of root."""
    kind = settings.traffic.kind
    asked: tuple[tuple[str, Callable[[EnvironmentSettings], Answer]], ...] = (
        (f"configuration of {kind}", dials_our_socket),
        (f"{kind}'s way to the front door", reaches_the_door),
    )
    found = []
    for name, ask in asked:
        began = time.perf_counter()
        outcome, message, advice = ask(settings)
        found.append(CheckResult(name, outcome, message, (time.perf_counter() - began) * 1000, advice))
    return tuple(found)


def snippet_holds(service: str, settings: EnvironmentSettings) -> CheckResult:
    """Whether the proxy that is installed here takes what `mobius traffic snippet` prints, in a configuration that
    has nothing else."""
    kind = settings.traffic.kind
    with tempfile.TemporaryDirectory(prefix="mobius-") as made:
        folder = Path(made).resolve()
        config = folder / "config"
        try:
            config.write_text(_scratch(service, settings, folder))
            complaint = validate(kind, config)
        except MobiusError as problem:
            return CheckResult("snippet", Outcome.ERROR, problem.message, 0.0, problem.hint)
    if complaint:
        return CheckResult("snippet", Outcome.FAIL, f"{kind} does not take it: {complaint}", 0.0)
    return CheckResult("snippet", Outcome.PASS, f"{kind} takes what mobius prints", 0.0)


def _scratch(service: str, settings: EnvironmentSettings, folder: Path) -> str:
    if settings.traffic.kind == "haproxy":
        return haproxy_configuration(haproxy_place(service, settings), settings)
    if settings.traffic.access_log is not None:  # a check makes the log that it finds named
        settings = replace(settings, traffic=replace(settings.traffic, access_log=folder / "access.log"))
    if settings.traffic.kind == "nginx":
        return nginx_configuration(nginx_snippet(service, settings), f"unix:{folder}/try.sock", folder)
    return caddy_configuration(caddy_snippet(service, settings), "127.0.0.1:80", folder)


def configuration_holds(settings: EnvironmentSettings) -> CheckResult:
    """What the proxy says of its own configuration file. nginx and HAProxy may need rights of root to say it."""
    kind, config = settings.traffic.kind, config_of(settings)
    try:
        complaint = validate(kind, config)
    except MobiusError as problem:
        return CheckResult(str(config), Outcome.ERROR, problem.message, 0.0, problem.hint)
    if complaint:
        barred = "Permission denied" in complaint or "permission denied" in complaint
        outcome = Outcome.ERROR if barred else Outcome.FAIL
        advice = "ask as root" if barred else "correct it before the proxy is reloaded"
        return CheckResult(str(config), outcome, complaint, 0.0, advice)
    return CheckResult(str(config), Outcome.PASS, f"{kind} takes it", 0.0)


def config_of(settings: EnvironmentSettings) -> Path:
    """The proxy's own configuration file: as `[traffic] config` has it, or where it usually is."""
    return settings.traffic.config or USUAL_CONFIG[settings.traffic.kind]


def dials_our_socket(settings: EnvironmentSettings) -> Answer:
    """Whether the proxy's configuration file has what `mobius traffic snippet` prints."""
    kind, config = settings.traffic.kind, config_of(settings)
    printed = f"include what is printed by: mobius traffic snippet -e {settings.name}"
    try:
        socket = live_socket(settings.root, kind)
    except UsageError as problem:
        return Outcome.FAIL, problem.message, problem.hint
    if settings.traffic.config is None and not config.exists():
        return Outcome.PASS, f"not looked at: [traffic] config does not name {kind}'s file", ""
    try:
        found = dialled(kind, config, socket)
    except MobiusError as problem:
        return Outcome.ERROR, problem.message, problem.hint
    if not found.dials:
        return Outcome.FAIL, f"{config} does not dial {socket}", printed
    if found.keeps:
        what = f"{config} keeps connections to {socket} open ({found.keeps})"
        return Outcome.FAIL, f"{what}: they would lead to the release before", printed
    return Outcome.PASS, f"{config} dials {socket}, anew for each request", ""


def reaches_the_door(settings: EnvironmentSettings) -> Answer:
    """Whether the users that the proxy runs as may connect to the front door's socket."""
    kind, door = settings.traffic.kind, settings.door_socket
    who = visitors(kind)
    if not who:
        return Outcome.PASS, f"not looked at: no process of {kind} is seen here", ""
    live = settings.root / "live" / "web.sock"
    way = live if live.exists() else door  # by every link of it
    if door.exists():
        barred = {visitor.name: what_bars(visitor, way) for visitor in who}
    else:
        barred = {visitor.name: what_will_bar(visitor, settings) for visitor in who}
    allowed = sorted(name for name, why in barred.items() if not why)
    if allowed:  # where several of its kind run here, it may be any of them
        return Outcome.PASS, f"{', '.join(allowed)} may connect to {way}", ""
    name = min(barred)
    advice = f"set [traffic] group to a group of {name}, or let {name} into the group of that folder"
    return Outcome.FAIL, barred[name], advice
