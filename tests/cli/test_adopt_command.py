"""`mobius adopt`: what it says without changing anything, and every wrong word refused before it looks."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.cli.main import run

PROGRAM = """#!/bin/sh
case "$*" in
  *"-- app.service"*) cat {folder}/app ;;
  *list-units*) ;;
  *) echo LoadState=not-found ;;
esac
"""


class _Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Well)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(timeout=30)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder in which the path of a Unix socket is not too long."""
    with tempfile.TemporaryDirectory(prefix="mobius-") as folder:
        yield Path(folder)


@pytest.fixture
def running(short: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A service as systemctl tells of it (this very process), behind an nginx that is only asked for its files."""
    tree, project, tools = short / "app", short / "clone", short / "tools"
    for folder in (tree, project, tools):
        folder.mkdir()
    (tree / "server.js").write_text("x")
    (tools / "systemctl").write_text(PROGRAM.format(folder=tools))
    (tools / "systemctl").chmod(0o755)
    unit = tools / "app.service"
    unit.write_text(
        f"[Service]\nUser=daemon\nExecStart=/usr/bin/env node server.js\nEnvironment=PORT={port} TOKEN=s3cr3t\n"
    )
    (tools / "app").write_text(
        f"LoadState=loaded\nFragmentPath={unit}\nUser=daemon\nMainPID={os.getpid()}\nType=simple\n"
        f"WorkingDirectory={tree}\nUnitFileState=enabled\nControlGroup=/none\n"
    )
    temps = " ".join(
        f"{name}_temp_path {short}/t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (short / "nginx.conf").write_text(
        f"pid {short}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; {temps}\n"
        f" server {{ listen 127.0.0.1:45876; location / {{ proxy_pass http://127.0.0.1:{port}; }} }} }}\n"
    )
    (short / "pid").touch()  # nginx -T makes one where there is none
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}:/usr/sbin:/sbin")
    monkeypatch.chdir(project)
    yield short
    monkeypatch.undo()  # out of the folder before it goes


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


needs_nginx = pytest.mark.skipif(
    shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="nginx is not installed",
)
needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="whose sockets are whose is root's to see"
)


@needs_nginx
@needs_root
def test_a_dry_run_says_everything_and_writes_nothing(
    running: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(running)
    argv = ["adopt", "app", "--proxy", str(running / "nginx.conf"), "--dry-run"]
    assert run(argv) == 0
    said = capsys.readouterr()
    assert (
        f"-  server {{ listen 127.0.0.1:45876; location / {{ proxy_pass http://127.0.0.1:{port}; }} }} }}"
        not in said.out
    )
    socket = running / "clone" / ".mobius" / "production" / "live" / "web.sock"
    assert f"proxy_pass http://unix:{socket};" in said.out
    assert "s3cr3t" not in said.out + said.err
    assert "14 of about 1,800 requests" in said.out
    assert said.err == "nothing was changed; to do it: sudo mobius adopt app.service\n"
    assert run([*argv, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["dry_run"], told["port"], told["unit"]) == (
        "adopt",
        True,
        port,
        "app.service",
    )
    assert told["units"] == [
        "mobius-app-monitor.service",
        "mobius-app-run@.service",
        "mobius-app-web@.service",
        "mobius-app.service",
    ]
    assert "s3cr3t" not in json.dumps(told)
    assert everything(running) == before


@needs_nginx
@needs_root
def test_a_health_check_that_is_not_there_is_said(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["adopt", "app", "--proxy", str(running / "nginx.conf"), "--dry-run", "--health", "/other"]
    assert run(argv) == 3
    assert (
        "/other answers 404, not 200: mobius could not tell whether the service is well"
        in capsys.readouterr().err
    )


@needs_nginx
@needs_root
@pytest.mark.parametrize("link", ["../x", "/etc", ".", "gone"])
def test_a_link_that_leads_elsewhere_is_refused(
    running: Path, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["adopt", "app", "--proxy", str(running / "nginx.conf"), "--dry-run", "--link", link]
    assert run(argv) == 2
    assert f"--link {link}: there is no such path in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "which unit?"),
        (["--undo"], "nothing is adopted in"),
        (["--undo", "app"], "--undo takes no unit: it knows what was adopted"),
        (["app.timer"], "app.timer is no service"),
        (["$(reboot)"], "'$(reboot)' cannot be the name of a unit"),
        (["--", "--now"], "'--now' cannot be the name of a unit"),
        (["app", "-e", "a b"], "-e cannot be 'a b'"),
        (["app", "--service", "A;B"], "--service cannot be 'A;B'"),
        (["app", "--url", "http://x/$(id)"], "--url cannot be 'http://x/$(id)'"),
        (["app", "--health", "health"], "--health cannot be 'health'"),
        (["app", "--port-variable", "A=1;B"], "--port-variable cannot be 'A=1;B'"),
    ],
)
def test_wrong_words_are_refused(
    argv: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["adopt", *argv]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
