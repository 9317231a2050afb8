"""mobius.toml for a service that runs already: a new file, or one environment put into the file that is there."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mobius.errors import GateFailed
from mobius.rules.adopting_carry import Carried

HEADER = re.compile(r"\s*\[{1,2}\s*[A-Za-z0-9_.\"' -]+\s*\]{1,2}\s*(#.*)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the environment must say. `start`: of the web process, as the next releases start it."""

    service: str
    environment: str
    unit: str
    process: str
    start: tuple[str, ...]
    url: str
    health: str
    proxy: str
    proxy_config: str
    user: str
    group: str
    carried: Carried
    env_file: str = ""
    source: str = "git"
    links: tuple[str, ...] = ()
    traffic: Mapping[str, str] = field(default_factory=dict)  # further keys of [traffic]


def new_file(wanted: Wanted) -> str:
    """A whole mobius.toml. It loads as it is."""
    links = ""
    if wanted.links:
        links = (
            f"link = {_value(list(wanted.links))}  # one place for every release, also for what ran before\n"
        )
    paths = f"\n[backup]\npaths = {_value(list(wanted.links))}\n" if wanted.links else ""
    return (
        f"# How {_comment(wanted.service)} is shipped, watched and taken back; taken over from"
        f" {_comment(wanted.unit)}.\n"
        "# Every key: mobius config schema; whether all is right: mobius config check.\n"
        f"service = {_value(wanted.service)}\n"
        "\n[release]\n"
        f"source = {_value(wanted.source)}\n"
        f"{links}"
        '# build = [["npm", "ci", "--omit=dev"]]  # what makes a release out of its source\n'
        "\n[health]\n"
        f"path = {_value(wanted.health)}\n"
        '\n[[smoke]]  # what must work before a release gets traffic: add what your users do\nname = "health"\n'
        f"get = {_value(wanted.health)}\n"
        f"{paths}"
        f"\n{_environment(wanted)}"
    )


def extended_file(text: str, wanted: Wanted) -> str:
    """The file with this environment in it, every line of its own kept. Raises `GateFailed` where it says otherwise
    already, or where it cannot be changed without touching more than that."""
    before = tomllib.loads(text)
    name = wanted.environment
    there = before.get("environments", {}).get(name, {})
    _refuse_what_is_said_otherwise(before, there, wanted)
    block = _environment(wanted)
    plain = {"target": "systemd", "url": wanted.url}
    newline = "\r\n" if "\r\n" in text else "\n"
    if there:
        text = _with_keys(text, f"environments.{name}", plain)
        block = block.partition("\n\n")[2]
    text = text.rstrip("\r\n") + newline * 2 + block.replace("\n", newline)
    added = tomllib.loads(_environment(wanted))["environments"][name]
    expected = {**before, "environments": {**before.get("environments", {}), name: {**there, **added}}}
    try:
        after = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        after = {}
    if after != expected:
        raise GateFailed(
            f"mobius.toml says {name} in a way that cannot be added to without touching the rest",
            "put these lines into it yourself, then mobius adopt again",
            details=tuple(_environment(wanted).splitlines()),
        )
    return text


def _refuse_what_is_said_otherwise(
    before: Mapping[str, Any], there: Mapping[str, Any], wanted: Wanted
) -> None:
    name = wanted.environment
    if before.get("service") != wanted.service:
        raise GateFailed(
            f"mobius.toml is of the service {before.get('service')!r}, not {wanted.service!r}",
            "leave --service out, or use another folder",
        )
    said = [key for key in ("traffic", "systemd", "process") if key in there]
    if said:
        raise GateFailed(
            f"mobius.toml has [environments.{name}.{said[0]}] already",
            f"take it out, or adopt into another environment: -e NAME; it would be read from {wanted.unit}",
        )


def _with_keys(text: str, table: str, values: Mapping[str, str]) -> str:
    """Sets keys of a table that has a header of its own; the rest of the file stays as it is."""
    lines = text.splitlines(keepends=True)
    wanted = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?")
    at = next((n for n, line in enumerate(lines) if wanted.fullmatch(line.rstrip("\r\n"))), None)
    if at is None:
        return text
    end = next(
        (n for n in range(at + 1, len(lines)) if HEADER.fullmatch(lines[n].rstrip("\r\n"))), len(lines)
    )
    newline = "\r\n" if lines[at].endswith("\r\n") else "\n"
    for key, value in values.items():
        line = f"{key} = {_value(value)}{newline}"
        pattern = re.compile(rf"\s*{key}\s*=")
        place = next((n for n in range(at + 1, end) if pattern.match(lines[n])), None)
        if place is None:
            if not lines[at].endswith("\n"):
                lines[at] += newline
            lines.insert(at + 1, line)
            end += 1
        else:
            comment = re.search(r"\s*#[^\"']*$", lines[place].rstrip("\r\n"))
            lines[place] = line.rstrip("\r\n") + (comment[0] if comment else "") + newline
    return "".join(lines)


def _environment(wanted: Wanted) -> str:
    """The environment's tables, as `unit` runs the service: its rights and limits, no more and no less."""
    name, kept = wanted.environment, wanted.carried
    rows = [f"[environments.{name}]", 'target = "systemd"', f"url = {_value(wanted.url)}", ""]
    rows += [
        f"[environments.{name}.traffic]",
        f"kind = {_value(wanted.proxy)}",
        f"config = {_value(wanted.proxy_config)}",
        *(f"{key} = {_value(value)}" for key, value in wanted.traffic.items()),
        "",
        f"[environments.{name}.systemd]",
        *([f"user = {_value(wanted.user)}"] if wanted.user else []),
        *([f"group = {_value(wanted.group)}"] if wanted.group else []),
        f"harden = false  # as {_comment(wanted.unit)} has it",
        *([f"credentials = {_table(kept.credentials)}"] if kept.credentials else []),
        "",
    ]
    if kept.directives:
        rows += [f"[environments.{name}.systemd.directives]"]
        rows += [f"{key} = {_value(value)}" for key, value in kept.directives.items()] + [""]
    rows += [
        f"[[environments.{name}.process]]",
        f"name = {_value(wanted.process)}",
        'kind = "web"',
        f"start = {_value(list(wanted.start))}",
        *([f"env = {_table(kept.env)}"] if kept.env else []),
        *([f"env_file = {_value(wanted.env_file)}"] if wanted.env_file else []),
        *(['ready = "notify"'] if kept.ready == "notify" else []),
        *([f"stop_signal = {_value(kept.stop_signal)}"] if kept.stop_signal != "TERM" else []),
        f'stop_timeout = "{kept.stop_timeout_s:g}s"',
        'listen = "port"',
    ]
    return "\n".join(rows) + "\n"


def environment_file(values: Mapping[str, str]) -> str:
    """An environment file that holds exactly these."""
    quoted = {name: re.sub(r'([\\"$`])', r"\\\1", value) for name, value in values.items()}
    return "".join(f'{name}="{value}"\n' for name, value in quoted.items())


def _table(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_key(key)} = {_value(value)}" for key, value in values.items()) + " }"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: str | Sequence[str]) -> str:
    """A TOML string or array: JSON's escapes are TOML's, but for DEL."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "[" + ", ".join(_value(each) for each in value) + "]"


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
