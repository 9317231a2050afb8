"""Whether a configuration dials our socket, and anew for each request."""

from __future__ import annotations

from typing import Any

import pytest

from mobius.rules.adopting_nginx import parsed
from mobius.rules.dialling import Dialled, caddy_dials, nginx_dials

SOCKET = "/srv/live/web.sock"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Dialled(False)),
        (f"location / {{ proxy_pass http://unix:{SOCKET}; }}", Dialled(True)),
        (f"location / {{ proxy_pass http://unix:{SOCKET}:/; }}", Dialled(True)),
        (f"# proxy_pass http://unix:{SOCKET};", Dialled(False)),
        (f"location / {{ proxy_pass http://unix:{SOCKET}2; }}", Dialled(False)),
        (f"upstream a {{ server unix:{SOCKET}; }}", Dialled(False)),
        (f"upstream a {{ server unix:{SOCKET} max_fails=0; }} location / {{ proxy_pass http://a; }}", Dialled(True)),
        (f"upstream a {{ server unix:{SOCKET}; }} location / {{ proxy_pass http://a/x; }}", Dialled(True)),
        (f"upstream a {{ server unix:{SOCKET}; }} location / {{ proxy_pass http://ab; }}", Dialled(False)),
        (f"upstream a {{ server unix:{SOCKET}; }} location / {{ proxy_pass http://$which; }}", Dialled(True)),
        (
            f"upstream a {{ server unix:{SOCKET};\n keepalive 8; }}\nlocation / {{ proxy_pass http://a; }}",
            Dialled(True, "f.conf:2"),
        ),
        (f"upstream a {{ server unix:{SOCKET}; keepalive 0; }} location / {{ proxy_pass http://a; }}", Dialled(True)),
        ("location / { proxy_pass http://127.0.0.1:3000; }", Dialled(False)),
    ],
)  # fmt: skip
def test_nginx(text: str, expected: Dialled) -> None:
    assert nginx_dials(parsed("f.conf", text), SOCKET) == expected


def caddy(**handler: Any) -> dict[str, Any]:
    routes = [
        {
            "handle": [
                {"handler": "subroute", "routes": [{"handle": [{"handler": "reverse_proxy", **handler}]}]}
            ]
        }
    ]
    return {"apps": {"http": {"servers": {"srv0": {"routes": routes}}}}}


@pytest.mark.parametrize(
    ("adapted", "expected"),
    [
        ({}, Dialled(False)),
        (caddy(upstreams=[{"dial": "127.0.0.1:3000"}]), Dialled(False)),
        (
            caddy(upstreams=[{"dial": f"unix/{SOCKET}"}]),
            Dialled(True, "its transport has no `keepalive off`"),
        ),
        (
            caddy(upstreams=[{"dial": f"unix/{SOCKET}"}], transport={"keep_alive": {"enabled": False}}),
            Dialled(True),
        ),
        (caddy(upstreams="odd"), Dialled(False)),
    ],
)
def test_caddy(adapted: dict[str, Any], expected: Dialled) -> None:
    assert caddy_dials(adapted, SOCKET) == expected
