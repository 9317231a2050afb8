"""A small real service in a folder of its own, and `mobius` as people call it: a process with an exit code.

with Service(tmp_path) as service:
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    assert service.get("/")["release"] == "v1"
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from free_ports import free_port
from mobius.host.children import MARK_ROOT, find_marked
from mobius.host.client import HostClient, HostRefused, HostUnavailable

PROGRAM = Path(__file__).parent / "program"
PYTHON = [sys.executable, "-I", "-S"]  # starts in a third of the time
LONG_S = 90.0  # on a machine that does other things, too

CONFIG = """
service = "probe"
policy = "conservative"

[release]
source = "releases/{tag}"

[[process]]
name = "web"
kind = "web"
start = [<web>]
stop_timeout = "5s"
env = { DATABASE = "../../shared/data/app.db" }
<alone>
[backup]
paths = ["shared/data"]

[migrations]
kind = "sql"
path = "migrations"
database = "shared/data/app.db"

[health]
path = "/health"
expect = ["status == 200"]
interval = "50ms"
min_healthy = "100ms"
deadline = "<health_deadline>"

[[smoke]]
name = "front page"
get = "/"
expect = ["status == 200", "json.posts >= 0"]

[door]
drain_timeout = "5s"

[monitor]
interval = "<interval>"

[environments.production]
target = "process"
url = "http://127.0.0.1:<port>"
window = "<window>"
"""

ALONE = """
[[process]]
name = "worker"
kind = "worker"
start = [<python>, "alone.py", "worker"]
stop_timeout = "5s"

[[process]]
name = "cron"
kind = "singleton"
start = [<python>, "alone.py", "cron"]
stop_timeout = "5s"
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object on its last line of output."""
        return json.loads(self.out.strip().splitlines()[-1])

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Service:
    """One project in `folder`, its supervisor, and everything that was started for it. `close` ends it all."""

    def __init__(
        self,
        folder: Path,
        *,
        window: str = "1s",
        interval: str = "200ms",
        health_deadline: str = "15s",
        alone: bool = True,
        web: Sequence[str] = (*PYTHON, "web.py"),
        more: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.root = folder / ".mobius" / "production"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
        self.host = HostClient(self.root)
        self._started: list[subprocess.Popen[str]] = []
        values = {
            "alone": ALONE if alone else "",
            "web": ", ".join(json.dumps(word) for word in web),
            "python": ", ".join(json.dumps(word) for word in PYTHON),
            "port": str(self.port),
            "window": window,
            "interval": interval,
            "health_deadline": health_deadline,
        }
        text = CONFIG + more
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "mobius.toml"
        self.config.write_text(text, encoding="utf-8")

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what there is to deploy -----------------------------------------------------------------------------

    def add_release(self, tag: str, *, migrations: int = 1, **behaviour: Any) -> Path:
        """A release that behaves as said (see `program/web.py`), with the first `migrations` migrations."""
        place = self.folder / "releases" / tag
        (place / "migrations").mkdir(parents=True)
        for part in PROGRAM.glob("*.py"):
            shutil.copy(part, place)
        (place / "behaviour.json").write_text(json.dumps({"release": tag, **behaviour}), encoding="utf-8")
        for number in range(1, migrations + 1):
            first = (
                "CREATE TABLE posts (id INTEGER PRIMARY KEY, body BLOB, release TEXT);\n"
                "CREATE TABLE applied_once (number INTEGER);\n"
            )
            text = f"{first if number == 1 else ''}INSERT INTO applied_once VALUES ({number});\n"
            (place / "migrations" / f"{number:03}_step.sql").write_text(text, encoding="utf-8")
        return place

    # -- what a person types ---------------------------------------------------------------------------------

    def command(self, *words: str) -> list[str]:
        """The command line of `mobius`."""
        return [sys.executable, "-m", "mobius", *words]

    def start(
        self, *words: str, environ: Mapping[str, str] | None = None, **more: Any
    ) -> subprocess.Popen[str]:
        """Starts a command in a session of its own, and does not wait for it."""
        options: dict[str, Any] = {
            "cwd": self.folder,
            "env": {**self.environ, **(environ or {})},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "start_new_session": True,
            **more,
        }
        process = subprocess.Popen(self.command(*words), **options)
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], *, timeout_s: float = LONG_S) -> Done:
        """Waits for a started command."""
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"{process.args} did not end within {timeout_s:g} s\n{out}\n{err}\n{self.log()}"
            ) from None
        return Done(process.returncode, out or "", err or "")

    def mobius(
        self,
        *words: str,
        expect: int | None = None,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = LONG_S,
    ) -> Done:
        """Runs a command to its end; with `expect`, fails with everything it said when the code is another."""
        done = self.finish(self.start(*words, environ=environ), timeout_s=timeout_s)
        assert expect is None or done.code == expect, f"mobius {' '.join(words)}: {done}\n{self.log()}"
        return done

    # -- how things stand ------------------------------------------------------------------------------------

    def status(self) -> Any:
        """What `mobius status --json` says."""
        return self.mobius("status", "--json", expect=0).json

    def get(self, path: str = "/", *, timeout_s: float = 10.0) -> Any:
        """The JSON that the live address answers, with "code" its status."""
        return ask(self.url + path, timeout_s=timeout_s)

    def post(self, body: bytes = b"x") -> Any:
        """One more row."""
        return ask(self.url + "/", body=body)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """From the service's database."""
        return _rows(self.root / "shared" / "data" / "app.db", query)

    def journal(self, query: str) -> list[tuple[Any, ...]]:
        """From the environment's journal, as it is at this moment."""
        return _rows(self.root / "journal.db", query)

    def lives(self) -> list[list[str]]:
        """What workers and singletons noted: [what, name, release, pid, time]."""
        file = self.root / "shared" / "lives.txt"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def runner_pid(self, run_id: int) -> int:
        """The process that carries the run, 0 while there is none."""
        try:
            job = self.host.status().jobs.get(f"run-{run_id}")
        except HostUnavailable:
            return 0
        return (job.pid or 0) if job is not None and job.state == "running" else 0

    def log(self) -> str:
        """The ends of the logs, for whoever must find out why a test failed."""
        texts = []
        files = [self.folder / "logs" / "deployment.log", *sorted(self.root.glob("run/**/*.log"))]
        for file in files:
            if file.is_file():
                lines = file.read_text(errors="replace").splitlines()[-25:]
                texts.append("\n".join([f"--- {file.relative_to(self.folder)}", *lines]))
        return "\n".join(texts)

    # -- the end ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the commands that still run, then the supervisor with all it keeps, then whatever is left."""
        for process in self._started:
            if process.poll() is None:
                _signal(process.pid, signal.SIGCONT)
                process.kill()
            process.communicate()
        for lost in find_marked(MARK_ROOT, str(self.root.resolve())):
            _signal(lost.pid, signal.SIGCONT)
        try:
            HostClient(self.root, timeout_s=20.0).shutdown(stop_slots=True)
        except (HostUnavailable, HostRefused):
            pass
        left = [*_supervisors(self.root), *find_marked(MARK_ROOT, str(self.root.resolve()))]
        for process_left in left:
            _signal(process_left.pid, signal.SIGKILL)
        psutil.wait_procs(left, timeout=10)


def wait_until(condition: Callable[[], T], timeout_s: float = 30.0, *, what: str = "") -> T:
    """The first true answer of `condition`. Fails with `what` when there was none in time."""
    until = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what or condition}")
        time.sleep(0.02)


def ask(url: str, *, body: bytes | None = None, timeout_s: float = 10.0) -> Any:
    """The JSON answer, with "code" its status; a refused connection is code 0."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=timeout_s) as answer:
            return {**json.load(answer), "code": answer.status}
    except urllib.error.HTTPError as refusal:
        with refusal:
            text = refusal.read()
        try:
            return {**json.loads(text), "code": refusal.code}
        except ValueError:
            return {"code": refusal.code, "text": text.decode(errors="replace")}
    except OSError as problem:
        return {"code": 0, "text": str(problem)}


def _rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        return list(connection.execute(query))
    finally:
        connection.close()


def _supervisors(root: Path) -> list[psutil.Process]:
    """Supervisors of this root, which nobody else has: it lies in the test's own folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "mobius.host" in words and str(root.resolve()) in words:
            found.append(process)
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
