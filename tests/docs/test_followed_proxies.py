"""The pages about traffic that others carry, followed with a real nginx and a real HAProxy."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.traffic.proxies import why_not
from journeys.service import Service
from journeys.switch.behind_haproxy import behind_haproxy
from pages.followed import follow
from pages.shop import bring

pytestmark = [pytest.mark.journey, pytest.mark.slow]

TRAFFIC = """
[traffic]
kind = "nginx"
config = "nginx/nginx.conf"
access_log = "nginx/access.log"
"""
NGINX = """
{user}
pid "{home}/nginx.pid";
error_log "{home}/error.log";
events {{ }}
http {{
client_body_temp_path "{home}/body";
proxy_temp_path "{home}/proxy";
fastcgi_temp_path "{home}/fastcgi";
uwsgi_temp_path "{home}/uwsgi";
scgi_temp_path "{home}/scgi";
access_log off;
include {home}/conf.d/*.conf;
server {{
listen 127.0.0.1:{port};
# the line of the page goes here
}}
}}
"""


@pytest.fixture
def behind_nginx() -> Iterator[Service]:
    """nginx runs on the service's port, and does not know of it yet."""
    if reason := why_not("nginx"):
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="mobius-dx-")).resolve()  # the path of a Unix socket is short
    web = (sys.executable, "tunnel.py", "--socket")
    service = Service(folder, web=web, more=TRAFFIC, alone=False)
    home = folder / "nginx"
    for part in ("conf.d", "snippets"):
        (home / part).mkdir(parents=True)
    user = "user root;" if os.getuid() == 0 else ""
    (home / "nginx.conf").write_text(NGINX.format(user=user, home=home, port=service.port))
    try:
        yield service
    finally:
        service.close()
        if (home / "nginx.pid").exists():
            os.kill(int((home / "nginx.pid").read_text()), 15)
        shutil.rmtree(folder, ignore_errors=True)


def test_behind_nginx(behind_nginx: Service) -> None:
    home = behind_nginx.folder / "nginx"
    program = f"nginx -e {home}/error.log -c {home}/nginx.conf"
    include = f"include {home}/snippets/mobius-probe.conf;"
    told = follow(
        "docs/how-to/nginx-and-caddy.md",
        behind_nginx.folder,
        as_={
            "mobius-dhash": "mobius-probe",
            "/etc/nginx": str(home),
            "nginx -s reload": f"{program} -s reload",
        },
        before={
            "mobius traffic snippet --part mobius-dhash-http": program,
            "mobius traffic check": f"sed -i 's|# the line of the page goes here|{include}|' {home}/nginx.conf",
        },
    )
    assert told.every
    behind_nginx.add_release("v1")
    behind_nginx.mobius("deploy", "--tag", "v1", expect=0)
    assert behind_nginx.get("/")["release"] == "v1"


def test_behind_haproxy() -> None:
    with behind_haproxy(master=True, alone=False) as (service, haproxy):
        worker = haproxy.pid
        master = haproxy._processes[-1].pid
        told = follow(
            "docs/how-to/haproxy.md",
            service.folder,
            as_={"systemctl reload haproxy": f"kill -USR2 {master}; sleep 1"},
        )
        assert "backend probe" in told.after("mobius traffic snippet")
        assert haproxy.pid != worker
        bring(service, "v1")
        assert service.get("/")["release"] == "v1"
