"""What Caddy must be told once, so that one rename moves its traffic and it is never reloaded for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobius.model.settings import EnvironmentSettings
from mobius.report.snippets.live_socket import Piece, Static, live_socket, name_of, path_of, patience_s


def caddy_snippet(
    service: str, settings: EnvironmentSettings, statics: Sequence[Static] = ()
) -> tuple[Piece]:
    """One file, for the site's block. Raises `UsageError` for names and paths that cannot be written down."""
    name = name_of(service, settings.name)
    return (Piece(f"{name}.caddy", "in the block of your site", _site(settings, statics)),)


def _site(settings: EnvironmentSettings, statics: Sequence[Static]) -> str:
    log = settings.traffic.access_log
    access = ""
    if log is not None:
        access = f"log {{\n\toutput file {path_of(log, 'Caddy')}\n\tformat json\n}}\n"
    limit = settings.door.body_bytes
    bounded = f"request_body {{\n\tmax_size {limit}B\n}}\n" if limit else ""
    places = "".join(_static(static, settings.root) for static in statics)
    return f"""\
# mobius moves the traffic of {settings.name} by one rename of {path_of(settings.root / "live", "Caddy")}.
# Import this once in the block of the site, and reload Caddy once; never again for a deployment.
{access}{bounded}{places}handle {{
	reverse_proxy unix/{live_socket(settings.root, "Caddy")} {{
		# Caddy says who the client is (X-Forwarded-*), passes WebSockets, and streams uploads as they come.
		# A release that does not accept (it is being restarted) is dialled again for a moment.
		lb_try_duration 2s
		lb_try_interval 50ms
		transport http {{
			# One connection a request (or a WebSocket): that is why the rename loses nothing, and a
			# connection kept open would lead to the release before.
			keepalive off
			dial_timeout 5s
			# Longer than a hold.
			response_header_timeout {patience_s(settings)}s
		}}
	}}
}}
"""


def _static(static: Static, root: Path) -> str:
    return f"""\
# Files of the live release: the same rename moves them.
handle_path {static.url}/* {{
	root * {path_of(root / "live" / "tree" / static.folder, "Caddy")}
	file_server
}}
"""


def caddy_configuration(pieces: Sequence[Piece], listen: str, folder: Path) -> str:
    """A whole Caddyfile around the pieces, with everything it writes in `folder`: to try them in."""
    [site] = pieces
    host, _, port = listen.rpartition(":")
    made = path_of(folder, "Caddy").strip('"')
    inner = "".join(f"\t{line}\n" if line else "\n" for line in site.text.splitlines())
    return f"""\
{{
	admin off
	auto_https off
	storage file_system "{made}/storage"
	log {{
		output file "{made}/error.log"
	}}
}}

http://:{port} {{
	bind {host.strip("[]")}
{inner}}}
"""
