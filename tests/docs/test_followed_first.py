"""What a person does first: the service of README.md, in Python, and that of the first how-to, in Node."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

from free_ports import free_port
from init.samples import git_in
from journeys.service import Service
from pages import reading
from pages.followed import follow
from pages.shop import end_all

pytestmark = [pytest.mark.journey, pytest.mark.slow]

APP = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
Path(os.environ["MOBIUS_SHARED"], "data").mkdir(parents=True, exist_ok=True)
class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"notes ok")
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages).serve_forever()
"""
SERVER = """
const http = require('http'), fs = require('fs');
http.createServer((request, response) => {
  const found = request.url === '/health' || request.url === '/products';
  response.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ status: 'OK', database: fs.existsSync(process.env.DATABASE) }));
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
"""
MAILER = "setInterval(() => {}, 1000);\nprocess.on('SIGTERM', () => process.exit(0));\n"


@pytest.fixture
def project(new_service: Callable[..., Service]) -> Iterator[Service]:
    """A git repository, and nothing in it yet."""
    service = new_service()
    git_in(service.folder, "init", "-q")
    git_in(service.folder, "config", "user.name", "Ada Example")
    git_in(service.folder, "config", "user.email", "ada@example.org")
    yield service
    end_all(service.folder / ".mobius" / "staging")


def commit(service: Service, tag: str, **files: str) -> None:
    """All of it under a tag; the names of files with `__` for a slash and `_` for a dot."""
    for name, text in files.items():
        file = service.folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (service.folder / ".gitignore").write_text(
        ".mobius/\nbackups/\nlogs/\n*_artifacts/\nmonitor_logs/\nsaid.log\nscene*\n"
    )
    git_in(service.folder, "add", "-A")
    git_in(service.folder, "commit", "-q", "-m", tag)
    git_in(service.folder, "tag", tag)


def settings_of(page: str) -> str:
    """The first whole mobius.toml of a page, for a service that is looked at more often."""
    code = next(code for code in reading.blocks(reading.ROOT / page, "toml") if code.startswith("service"))
    return f'{code}\n[monitor]\ninterval = "500ms"\n'


def test_the_first_screen(project: Service) -> None:
    text = settings_of("README.md").replace('"python3"', json.dumps(sys.executable))
    text = text.replace("127.0.0.1:5001", f"127.0.0.1:{project.port}")
    project.config.write_text(text)
    commit(project, "v0.9.0", app_py=APP)
    project.mobius("deploy", "--tag", "v0.9.0", expect=0, environ={"MONITOR_DURATION": "2"})
    commit(project, "v1.0.0", app_py=APP + "# more\n")
    told = follow("README.md", project.folder, environ={"MONITOR_DURATION": "3"}, yes=("mobius rollback",))
    assert "way back" in told.after("mobius status")
    assert project.status()["live"]["tag"] == "v0.9.0"


def test_deploying_a_service_of_ones_own(project: Service) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: apt-get install npm")
    text = settings_of("docs/how-to/deploy-a-service.md").replace(
        "127.0.0.1:5001", f"127.0.0.1:{project.port}"
    )
    project.config.write_text(text.replace("127.0.0.1:5002", f"127.0.0.1:{free_port()}"))
    package = {"name": "shop", "version": "1.2.0", "private": True}
    lock = {**package, "lockfileVersion": 3, "requires": True, "packages": {"": package}}
    files = {
        "package_json": json.dumps(package),
        "package-lock_json": json.dumps(lock),
        "server_js": SERVER,
        "mailer_js": MAILER,
        "migrations__001_first.sql": "",
    }
    (project.folder / "migrations").mkdir()
    (project.folder / "migrations" / "001_first.sql").write_text("CREATE TABLE product (id INTEGER);\n")
    files.pop("migrations__001_first.sql")
    for environment in ("production", "staging"):
        shared = project.folder / ".mobius" / environment / "shared"
        for part in ("data", "uploads"):
            (shared / part).mkdir(parents=True)
        (shared / ".env").write_text("SECRET=of-the-shop\n")
    commit(project, "v1.1.0", **files)
    short = {"MONITOR_DURATION": "5"}
    for environment in ("staging", "production"):
        project.mobius("deploy", "-e", environment, "--tag", "v1.1.0", expect=0, environ=short)
    commit(project, "v1.2.0", server_js=SERVER + "// more\n")
    git_in(project.folder, "tag", "v1.2.1")
    told = follow(
        "docs/how-to/deploy-a-service.md",
        project.folder,
        environ=short,
        as_={"9484c3b073be5591": "$HASH"},
        before={
            "mobius deploy -e production --tag v1.2.0 --plan": (
                "echo HASH=$(mobius plan -e production --tag v1.2.0 --json | tail -1"
                " | $PYTHON -c 'import json,sys; print(json.load(sys.stdin)[\"hash\"])') >scene.env"
            ),
            "mobius monitor": "MONITOR_DURATION=20 mobius deploy -e production --tag v1.2.1 --detach",
        },
        codes={"mobius accept": (0, 2), "mobius resume": (0, 2), "mobius abort": (0, 2)},
        yes=("mobius rollback", "mobius abort"),
    )
    assert "v1.2.1" in told.after("mobius monitor")
