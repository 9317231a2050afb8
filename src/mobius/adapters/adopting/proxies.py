"""The proxies of this machine: their files, their own check of them, and the one reload."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.traffic.proxy_reach import visitors
from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.model.adoption import ProxyFound, ProxyKind
from mobius.rules import adopting_caddy, adopting_haproxy, adopting_nginx
from mobius.rules.adopting_nginx_words import dumped, every, parsed

PATIENCE_S = 30.0
USUAL: Mapping[ProxyKind, Path] = {
    "nginx": Path("/etc/nginx/nginx.conf"),
    "caddy": Path("/etc/caddy/Caddyfile"),
    "haproxy": Path("/etc/haproxy/haproxy.cfg"),
}
MOST_FILES = 500

Finder = Callable[[Mapping[str, str], Sequence[int], Sequence[str], str], ProxyFound]
FINDERS: Mapping[ProxyKind, Finder] = {
    "nginx": adopting_nginx.find,
    "caddy": adopting_caddy.find,
    "haproxy": adopting_haproxy.find,
}


def find(
    ports: Sequence[int], ours: str, named: Path | None
) -> tuple[tuple[ProxyFound, ...], dict[str, str]]:
    """The proxies that dial one of these ports, and every file of theirs as Latin-1. `named`: a file that a person
    named. Raises `GateUnknown` where a proxy's files cannot be read, `UsageError` for a file of no proxy."""
    kinds: tuple[ProxyKind, ...] = ("nginx", "caddy", "haproxy")
    if named is not None:
        kinds = (kind_of(named),)
    found: list[ProxyFound] = []
    texts: dict[str, str] = {}
    for kind in kinds:
        config = named if named and (kind != "nginx" or _is_main(named)) else USUAL[kind]
        if named is None and (shutil.which(kind) is None or not config.exists()):
            continue
        files = _files(kind, config)
        finder = FINDERS[kind]
        one = _with_its_user(replace(finder(files, ports, (), ours), config=str(config)))
        if one.edits or one.blockers:
            found.append(one)
            texts |= files
    return tuple(found), texts


def _with_its_user(found: ProxyFound) -> ProxyFound:
    """Who its workers run as: those that run now, else those that its file names."""
    import grp
    import pwd

    running = [one.name for one in visitors(found.kind) if one.uid]
    user = running[0] if running else found.user
    try:
        who = pwd.getpwnam(user)
        return replace(found, user=user, group=grp.getgrgid(who.pw_gid).gr_name)
    except KeyError:
        return replace(found, user="")


def kind_of(file: Path) -> ProxyKind:
    """Whose file this is, by its words. Raises `UsageError`."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", "name the proxy's file: --proxy /etc/nginx/nginx.conf")
    text = _read(file)
    if file.name == "Caddyfile" or any(
        line.words[0].text == "reverse_proxy" for line in adopting_caddy.lines(str(file), text)
    ):
        return "caddy"
    names = {d.name for d in every(parsed(str(file), text))}
    if names & {"proxy_pass", "upstream", "http", "server"} and ";" in text:
        return "nginx"
    if any(section.kind in ("backend", "listen") for section in adopting_haproxy.sections(text)):
        return "haproxy"
    raise UsageError(
        f"{file} is no file of nginx, Caddy or HAProxy that passes requests on", "name another: --proxy FILE"
    )


def check(kind: ProxyKind, config: str) -> None:
    """Asks the proxy itself whether its files are right. Raises `MobiusError` with its own words."""
    argv = {
        "nginx": ["nginx", "-t", "-q", "-c", config],
        "caddy": ["caddy", "validate", "--adapter", "caddyfile", "--config", config],
        "haproxy": ["haproxy", "-c", "-q", "-f", config],
    }[kind]
    done = _run(argv)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()][-6:]
        raise MobiusError(
            f"{kind} does not take its files: {' '.join(argv)} left with {done.returncode}",
            "mend them, then try again",
            details=tuple(said),
        )


def _files(kind: ProxyKind, config: Path) -> dict[str, str]:
    if kind == "nginx":
        return _nginx_files(config)
    return _caddy_files(config) if kind == "caddy" else {str(config.resolve()): _read(config)}


def _is_main(file: Path) -> bool:
    """Whether nginx could start with it: a file that others include has no `events`."""
    return any(d.name == "events" for d in parsed(str(file), _read(file)))


def _nginx_files(config: Path) -> dict[str, str]:
    done = _run(["nginx", "-T", "-q", "-c", str(config)])
    if done.returncode:
        raise GateUnknown(
            "nginx cannot say what its files are: nginx -T failed",
            "run mobius adopt as root; if it is that already, mend the file: nginx -t",
            details=tuple(done.stderr.splitlines()[-4:]),
        )
    files = {}
    # A comment inside a file can look like the next file: only what lies on the disk with those words counts.
    for name, text in dumped(done.stdout).items():
        path = Path(name)
        if path.is_file() and _read(path).strip() == text.strip():
            files[str(path.resolve())] = _read(path)
    if not files:
        raise GateUnknown(
            "what nginx -T prints is not what its files hold", "nginx -T, and compare; then try again"
        )
    return files


def _caddy_files(config: Path) -> dict[str, str]:
    files: dict[str, str] = {}
    waiting = [config.resolve()]
    while waiting and len(files) < MOST_FILES:
        path = waiting.pop(0)
        if str(path) in files:
            continue
        files[str(path)] = text = _read(path)
        for pattern in adopting_caddy.imports(text):
            if pattern.startswith("/"):
                there = sorted(Path("/").glob(pattern.lstrip("/")))
            else:
                there = sorted(path.parent.glob(pattern)) if pattern.strip(".") else []
            waiting += [each.resolve() for each in there if each.is_file()]
    return files


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("latin-1")
    except OSError as problem:
        raise GateUnknown(
            f"{path} cannot be read: {problem.strerror}", "run mobius adopt as root"
        ) from problem


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="latin-1",
            timeout=PATIENCE_S,
            check=False,
            env={
                "LC_ALL": "C",
                "HOME": "/nonexistent",
                "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            },
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise GateUnknown(
            f"{argv[0]} cannot be asked: {problem}", f"install {argv[0]}, or name another proxy"
        ) from problem
