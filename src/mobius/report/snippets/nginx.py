"""What nginx must be told once, so that one rename moves its traffic and it is never reloaded for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobius.model.settings import EnvironmentSettings
from mobius.report.snippets.live_socket import Piece, Static, live_socket, name_of, path_of, patience_s

_FIELDS = {
    "time": "$msec",
    "request_time": "$request_time",
    "upstream_response_time": "$upstream_response_time",
    "upstream_addr": "$upstream_addr",
    "status": "$status",
    "method": "$request_method",
    "uri": "$request_uri",
    "bytes": "$body_bytes_sent",
}
LOG_FORMAT = "{" + ",".join(f'"{name}":"{variable}"' for name, variable in _FIELDS.items()) + "}"


def nginx_snippet(
    service: str, settings: EnvironmentSettings, statics: Sequence[Static] = ()
) -> tuple[Piece, Piece]:
    """Two files: one for the `http` block, one for the `server`. Raises `UsageError` for names and paths that
    cannot be written down."""
    name = name_of(service, settings.name)
    return (
        Piece(f"{name}-http.conf", "in the http block (Debian: /etc/nginx/conf.d/)", _http(name, settings)),
        Piece(f"{name}-server.conf", "in your server block", _server(name, settings, statics)),
    )


def _http(name: str, settings: EnvironmentSettings) -> str:
    return f"""\
# mobius moves the traffic of {settings.name} by one rename of {path_of(settings.root / "live", "nginx")}.
# Include this once in the http block, and reload nginx once; never again for a deployment.
upstream {name} {{
    # Whoever is live. No `keepalive` here: a connection kept open would lead to the release before.
    server unix:{live_socket(settings.root, "nginx")} max_fails=0;
    # Where the release does not accept (it is being restarted): the front door of mobius, which waits for it.
    server unix:{path_of(settings.root / "run" / "door.sock", "nginx")} max_fails=0 backup;
}}
log_format {name} escape=json
    '{LOG_FORMAT}';
"""


def _server(name: str, settings: EnvironmentSettings, statics: Sequence[Static]) -> str:
    log = settings.traffic.access_log
    access = f"access_log {path_of(log, 'nginx')} {name};\n" if log is not None else ""
    limit = f"{settings.door.body_bytes}" if settings.door.body_bytes else "0"
    places = "".join(_static(static, settings.root) for static in statics)
    return f"""\
# mobius: include this once in the server block of {settings.name}.
{access}client_max_body_size {limit};
set $mobius_upgrade "";
set $mobius_connection close;
if ($http_upgrade ~* ^websocket$) {{
    set $mobius_upgrade websocket;
    set $mobius_connection upgrade;
}}
{places}location / {{
    # Without a path behind the name the request goes on byte for byte, as the client wrote it.
    proxy_pass http://{name};
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    # One connection a request (or a WebSocket): that is why the rename loses nothing.
    proxy_set_header Upgrade $mobius_upgrade;
    proxy_set_header Connection $mobius_connection;
    # An upload is read to its end before it is handed on, so a slow one holds no release up. To stream uploads
    # say `off`; they are waited for then when their release is left, at most `drain_timeout`.
    proxy_request_buffering on;
    # Only where nothing was sent yet, or asking twice is the same as asking once; never a POST twice.
    proxy_next_upstream error;
    proxy_next_upstream_tries 2;
    proxy_connect_timeout 5s;
    # Longer than a hold. A WebSocket that is silent for longer than this is closed, too.
    proxy_send_timeout {patience_s(settings)}s;
    proxy_read_timeout {patience_s(settings)}s;
}}
"""


def _static(static: Static, root: Path) -> str:
    folder = path_of(root / "live" / "tree" / static.folder, "nginx").strip('"')
    return f"""\
# Files of the live release: the same rename moves them. No cache of open files, it would serve the ones before.
location ^~ {static.url}/ {{
    alias "{folder}/";
    open_file_cache off;
}}
"""


def nginx_configuration(pieces: Sequence[Piece], listen: str, folder: Path, *, user: str = "") -> str:
    """A whole configuration around the pieces, with everything it writes in `folder`: to try them in."""
    http, server = pieces
    made = path_of(folder, "nginx").strip('"')
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f'{kind}_temp_path "{made}/{kind}";' for kind in kinds)
    return f"""\
{f"user {user};" if user else ""}
pid "{made}/nginx.pid";
error_log "{made}/error.log";
events {{ worker_connections 4096; }}
http {{
{temporary}
access_log off;
{http.text}
server {{
listen {listen};
{server.text}
}}
}}
"""
