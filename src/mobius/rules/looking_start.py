"""How the service of a repository starts and is built: Procfile, Node, Django, ASGI, WSGI, Datasette, plain files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from mobius.model.project import Repository, Started
from mobius.rules.looking_code import first_match, is_test

SHELL = re.compile(r"[$&|;<>`*?(){}~\n]|^\s*\w+=")
PYTHON = ".venv/bin/python"
NODE_FILES = ("server.js", "index.js", "app.js", "src/index.js", "src/server.js", "src/api/index.js")
PYTHON_FILES = ("app.py", "main.py", "server.py")
APP = re.compile(r"(?m)^(\w+)\s*=\s*(?:\w+\.)?(FastAPI|Starlette|Quart|Flask)\(")
LOCKS = (
    ("package-lock.json", ("npm", "ci"), "--omit=dev"),
    ("npm-shrinkwrap.json", ("npm", "ci"), "--omit=dev"),
    ("pnpm-lock.yaml", ("pnpm", "install", "--frozen-lockfile"), "--prod"),
    ("yarn.lock", ("yarn", "install", "--frozen-lockfile"), "--production"),
)


def starts_of(seen: Repository) -> tuple[Started, ...]:
    """The processes; empty where nothing tells. What was written to start it comes before what is guessed."""
    if "Procfile" in seen.texts and (listed := _procfile(seen.texts["Procfile"])):
        return listed
    for find in (_node, _django, _asgi_or_wsgi, _datasette, _unit, _plain):
        found = find(seen)
        if found is not None:
            return (Started("web", "web", *found),)
    return ()


def build_of(seen: Repository) -> tuple[tuple[tuple[str, ...], ...], str]:
    """(commands, where they were read); none where there is nothing to build."""
    package = package_of(seen)
    if package:
        return _node_build(seen, package)
    if "requirements.txt" in seen.files:
        return _python_build("-r", "requirements.txt"), "requirements.txt"
    if re.search(r"(?m)^\[project\]", seen.texts.get("pyproject.toml", "")):
        return _python_build("."), "pyproject.toml"
    return (), ""


def package_of(seen: Repository) -> Mapping[str, Any]:
    """package.json, {} where there is none or it cannot be read."""
    try:
        read = json.loads(seen.texts.get("package.json", "{}").lstrip("\ufeff"))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def words_of(command: str) -> tuple[str, ...]:
    """The command as words; one that needs a shell is given to one."""
    try:
        return ("sh", "-c", f"exec {command}") if SHELL.search(command) else tuple(shlex.split(command))
    except ValueError:
        return ("sh", "-c", command)


def _procfile(text: str) -> tuple[Started, ...]:
    lines = re.findall(r"(?m)^([A-Za-z0-9_-]+):[ \t]*(\S.*?)\s*$", text)
    kinds = {"web": "web", "clock": "singleton", "cron": "singleton", "scheduler": "singleton"}
    return tuple(
        Started(name, kinds.get(name, "worker"), words_of(command), "Procfile")
        for name, command in lines
        if name != "release"
    )


def _node(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    if "package.json" not in seen.files:
        return None
    package = package_of(seen)
    scripts = package.get("scripts")
    start = scripts.get("start") if isinstance(scripts, dict) else None
    if isinstance(start, str) and start.strip():
        words = words_of(start)
        # Only a plain `node file` is started past npm, which would stand between us and its signals.
        return (words if words[0] == "node" else ("npm", "start")), "scripts.start of package.json"
    main = package.get("main")
    for file in (main.removeprefix("./") if isinstance(main, str) else "", *NODE_FILES):
        if file and file in seen.files:
            return ("node", file), "main of package.json" if file == main else file
    return None


def _node_build(seen: Repository, package: Mapping[str, Any]) -> tuple[tuple[tuple[str, ...], ...], str]:
    scripts = package.get("scripts")
    builds = isinstance(scripts, dict) and "build" in scripts
    for lock, install, without_dev in LOCKS:
        if lock in seen.files:
            run = (install[0], "run", "build")
            return ((install, run) if builds else ((*install, without_dev),)), lock
    if not (package.get("dependencies") or builds):
        return (), ""
    every = ("npm", "install", "--no-audit", "--no-fund")
    return ((every, ("npm", "run", "build")) if builds else ((*every, "--omit=dev"),)), "package.json"


def _python_build(*what: str) -> tuple[tuple[str, ...], ...]:
    return ("python3", "-m", "venv", ".venv"), (PYTHON, "-m", "pip", "install", *what)


def _python(seen: Repository) -> str:
    return PYTHON if build_of(seen)[0] else "python3"


def _needs(seen: Repository) -> str:
    """All that names Python packages, in lower case."""
    files = ("requirements.txt", "pyproject.toml", "Pipfile", "setup.cfg")
    return "\n".join(seen.texts.get(file, "") for file in files).lower()


def _django(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    if "manage.py" not in seen.files:
        return None
    wsgi = next((path for path in seen.files if path.endswith("/wsgi.py")), "")
    if wsgi and "gunicorn" in _needs(seen):
        module = wsgi.removesuffix(".py").replace("/", ".")
        return (_python(seen), "-m", "gunicorn", f"{module}:application"), wsgi
    return ("sh", "-c", f'exec {_python(seen)} manage.py runserver --noreload "127.0.0.1:$PORT"'), "manage.py"


def _asgi_or_wsgi(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    for path, text in sorted(seen.texts.items()):
        found = APP.search(text) if path.endswith(".py") and not is_test(path) else None
        if not found:
            continue
        module = path.removeprefix("src/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        app, needs, python = f"{module}:{found[1]}", _needs(seen), _python(seen)
        there = "--app-dir src " if path.startswith("src/") else ""
        if found[2] != "Flask":
            return (
                "sh",
                "-c",
                f'exec {python} -m uvicorn {there}{app} --host 127.0.0.1 --port "$PORT"',
            ), path
        if "gunicorn" in needs:
            return (python, "-m", "gunicorn", *(("--chdir", "src") if there else ()), app), path
        return ("sh", "-c", f'exec {python} -m flask --app {app} run --port "$PORT"'), path
    return None


def _datasette(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    if "datasette" not in _needs(seen) and not {"metadata.yml", "datasette.yaml", "datasette.yml"} & set(
        seen.files
    ):
        return None
    there = [path for path in seen.files if re.fullmatch(r"[\w./-]+\.(db|sqlite|sqlite3)", path)]
    served = " ".join(there)
    return ("sh", "-c", f'exec {_python(seen)} -m datasette serve {served} --port "$PORT"'), "datasette"


def _unit(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    for path, text in sorted(seen.texts.items()):
        started = (
            first_match(text, r"(?m)^ExecStart=[-@+!:]*(\S.*?)\s*$") if path.endswith(".service") else ""
        )
        if started and "\\" not in started and "%" not in started:
            return words_of(started), path
    return None


def _plain(seen: Repository) -> tuple[tuple[str, ...], str] | None:
    for file in PYTHON_FILES:
        if file in seen.files:
            return (_python(seen), file), file
    for file in NODE_FILES:
        if file in seen.files:
            return ("node", file), file
    return None
