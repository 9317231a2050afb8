"""What HAProxy's configuration must have, so that traffic moves by its runtime API and survives its restart."""

from __future__ import annotations

import math
from pathlib import Path

from mobius.errors import UsageError
from mobius.model.haproxy import DOOR, SLOTS, HaproxyPlace, server_name
from mobius.model.settings import EnvironmentSettings

NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-")
NOWHERE = "127.0.0.1:1"  # until mobius says where; nothing listens there
LONGEST_SOCKET_PATH = 97  # HAProxy's own limit: it binds under a longer, temporary name
TUNNEL_S = 3600
SPARE_S = 30.0  # what a held request may take after the hold has ended

# One JSON object a request: when it came, what was asked, which server (a slot) answered, with what, how fast.
LOG_FORMAT = (
    '{"time_ms":%Ts%ms,"server":"%s","backend":"%b","status":%ST,"method":"%HM",'
    '"path":"%[capture.req.uri,field(1,?),json(utf8s)]",'
    '"total_ms":%Ta,"response_ms":%Tr,"wait_ms":%Tw,"connect_ms":%Tc,"retries":"%rc","ended":"%ts"}'
)


def haproxy_snippet(place: HaproxyPlace, settings: EnvironmentSettings) -> str:
    """The backend as it has to be, and in comments the lines that belong elsewhere. Raises `UsageError` for a name
    or path that cannot be written into a configuration."""
    backend = _name(place.backend)
    return f"""\
# mobius moves the traffic of {settings.name} on HAProxy's runtime API. Include this once and reload HAProxy once.
#
# In `global`, with a group that the user of mobius belongs to:
#   stats socket {_path(place.socket)} mode 660 level admin
# In your `frontend`:
#   default_backend {backend}
#   log-format {_quoted(LOG_FORMAT)}

{_backend(place, settings)}"""


def haproxy_configuration(place: HaproxyPlace, settings: EnvironmentSettings, *, log: str = "") -> str:
    """A whole configuration around the backend, for a host whose HAProxy does nothing else. `log`: an address of
    HAProxy's `log` line, "" for none."""
    backend = _name(place.backend)
    lines = f"  log {_quoted(log)} format raw local0\n" if log else ""
    told = f"  log global\n  log-format {_quoted(LOG_FORMAT)}\n" if log else ""
    return f"""\
global
  stats socket {_path(place.socket)} mode 660 level admin
{lines}
defaults
  mode http
  timeout client 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout connect 5s
  timeout server 60s

frontend {backend}-front
  bind {_quoted(settings.listen)}
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
  default_backend {backend}
{told}
{_backend(place, settings)}"""


def _backend(place: HaproxyPlace, settings: EnvironmentSettings) -> str:
    held_s = math.ceil(settings.door.hold_max_s + settings.door.upstream_timeout_s + SPARE_S)
    servers = "\n".join(_servers(settings))
    return f"""\
backend {_name(place.backend)}
  mode http
  # Weights count by request: a canary of 10 gets every tenth.
  balance roundrobin
  # A server that does not accept is tried again; then the request goes to another one.
  retries 3
  option redispatch 1
  # The first request of a client never rides on an idle connection that its server may be closing.
  http-reuse safe
  option forwardfor
  timeout connect 5s
  # Long enough for a request that was held.
  timeout server {held_s}s
  timeout tunnel {TUNNEL_S}s
  # Who gets requests is kept over HAProxy's own restart: mobius writes this file after every change.
  load-server-state-from-file local
  server-state-file-name {_path(place.state_file)}
  # Nobody gets requests until mobius says so; it also says on which port each slot is reached.
  default-server weight 100 pool-purge-delay 2s disabled
{servers}
"""


def _servers(settings: EnvironmentSettings) -> list[str]:
    """A slot each, or each slot of every host of a fleet, whose ports never change."""
    if settings.hosts:
        return [
            f"  server {server_name(slot, host.name)} {_name(host.host)}:{host.port + number} check inter 1s fall 3"
            for host in settings.hosts
            for number, slot in enumerate(SLOTS)
        ]
    return [
        *(f"  server {slot} {_address(slot, settings)}" for slot in SLOTS),
        "  # The front door of mobius gets requests only while they are held.",
        f"  server {DOOR} {NOWHERE}",
    ]


def _address(slot: str, settings: EnvironmentSettings) -> str:
    """A port that is replaced at run time; the path of a Unix socket cannot be, so it is the slot's for good."""
    web = next((process for process in settings.processes if process.kind == "web"), None)
    if web is None or web.listen != "socket":
        return NOWHERE
    return f"unix@{_socket_path(settings.root / 'run' / slot / f'{_name(web.name)}.sock')}"


def _name(name: str) -> str:
    if not name or not NAME.issuperset(name):
        raise UsageError(
            f"{name!r} cannot be a name in HAProxy's configuration",
            "names there have letters, digits and . _ : - only; set [traffic] backend",
        )
    return name


def _socket_path(path: Path) -> str:
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise UsageError(
            f"{path} is too long for a Unix socket of HAProxy ({LONGEST_SOCKET_PATH} bytes)",
            "choose a shorter `root`",
        )
    return _path(path)


def _path(path: Path) -> str:
    # HAProxy expands $NAME in an address even where the configuration quotes it.
    if "$" in str(path) or not str(path).startswith("/"):
        raise UsageError(
            f"{path} cannot be written into HAProxy's configuration", "give an absolute path without $"
        )
    return _quoted(str(path))


def _quoted(text: str) -> str:
    """As one word, whatever it holds, as long as it is one line."""
    if not text.isprintable() or "'" in text:
        raise UsageError(
            f"{text!r} cannot be written into HAProxy's configuration",
            "leave out quotes and control characters",
        )
    return text if text and NAME.union("/@[]").issuperset(text) else f"'{text}'"
