"""A proxy's own configuration: read as it is, checked by the proxy itself, never changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from mobius.errors import MobiusError
from mobius.rules.adopting_nginx import Directive, every, parsed
from mobius.rules.dialling import Dialled, caddy_dials, nginx_dials

TIMEOUT_S = 10.0
MOST_FILES = 1000
# Where a system administrator's programs are, which is not on everybody's PATH.
ALSO = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def program(kind: str) -> str:
    """Where nginx or caddy is. Raises MobiusError when it is not."""
    found = shutil.which(kind, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *ALSO]))
    if found is None:
        raise MobiusError(f"{kind} is not installed here", f"install {kind}, or run this where it is")
    return found


def validate(kind: str, config: Path) -> str:
    """What the proxy itself says against this configuration; "" when nothing. Raises MobiusError when it cannot be
    asked."""
    if kind == "nginx":
        argv = [program(kind), "-t", "-q", "-e", "stderr", "-c", str(config)]
    elif kind == "haproxy":
        argv = [program(kind), "-c", "-q", "-f", str(config)]
    else:
        argv = [program(kind), "validate", "--config", str(config), *_adapter(config)]
    done = _run(argv)
    return "" if done.returncode == 0 else _last(done.stderr)


def dialled(kind: str, config: Path, socket: str) -> Dialled:
    """Whether the configuration dials this socket. Raises MobiusError when it cannot be read."""
    if kind == "nginx":
        return nginx_dials(read_nginx(config), socket)
    done = _run([program(kind), "adapt", "--config", str(config), *_adapter(config)])
    if done.returncode != 0:
        raise MobiusError(f"{config} cannot be read: {_last(done.stderr)}", "see it: caddy validate")
    return caddy_dials(json.loads(done.stdout), socket)


def read_nginx(config: Path) -> list[Directive]:
    """Every directive of the file and of those it includes. (`nginx -T` reads them too, but only as root.)"""
    found: list[Directive] = []
    waiting, seen = [config], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen or len(seen) > MOST_FILES:
            continue
        seen.add(file)
        try:
            inner = parsed(str(file), file.read_text(errors="replace"))
        except OSError as problem:
            raise MobiusError(
                f"{file} cannot be read: {problem.strerror}", "check [traffic] config, and who may read it"
            ) from problem
        found += inner
        for one in every(inner):
            if one.name == "include" and one.args:
                pattern = one.args[0] if one.args[0].startswith("/") else str(config.parent / one.args[0])
                waiting += sorted(Path("/").glob(pattern.lstrip("/")))
    return found


def _adapter(config: Path) -> list[str]:
    return [] if config.suffix == ".json" else ["--adapter", "caddyfile"]


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MobiusError(
            f"{argv[0]} cannot be asked: {problem}", f"run it yourself: {' '.join(argv)}"
        ) from problem


def _last(said: str) -> str:
    """The line that says what is wrong: nginx's `[emerg]`, or the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    wrong = [line for line in lines if "[emerg]" in line or line.startswith("Error:")]
    return (wrong or lines or ["it gave no reason"])[-1]
