"""What a service's unit says, out of the words of systemd: its files, its drop-ins, `systemctl show`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from mobius.errors import UsageError
from mobius.model.adoption import UnitFound

UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,230}\.service")
VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
ESCAPES = {
    **{c: c for c in "\"'\\"},
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "s": " ",
}


def unit_name(given: str) -> str:
    """The unit's full name. Raises `UsageError` for what cannot be one (and could be an option)."""
    name = given if "." in given.rpartition("@")[2] else f"{given}.service"
    if not name.endswith(".service") and re.fullmatch(r"[A-Za-z0-9:_.\\@-]+\.[a-z]+", name):
        raise UsageError(f"{name} is no service", "name the .service that runs the program")
    if not UNIT_NAME.fullmatch(name) or name.startswith(("-", ".")):
        raise UsageError(f"{given!r} cannot be the name of a unit", "systemctl list-units --type=service")
    return name


def shown(text: str) -> dict[str, tuple[str, ...]]:
    """`systemctl show`: every value of every property, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", key):
            found[key] = (*found.get(key, ()), value)
    return found


def service_lines(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The lines of [Service] of a unit file and its drop-ins, in order, as systemd joins and clears them.

    An empty value takes back every line of that key before it, as systemd does for its lists; it stays as a line
    itself where nothing follows, for it may clear what a default would say.
    """
    lines: list[tuple[str, str]] = []
    for text in texts:
        section = ""
        for line in _logical(text):
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                continue
            key, sign, value = line.partition("=")
            key, value = key.strip(), value.strip()
            if section != "Service" or not sign or not key:
                continue
            if not value:
                lines = [kept for kept in lines if kept[0] != key]
            else:
                lines.append((key, value))
    return tuple(lines)


def _logical(text: str) -> Iterator[str]:
    """Lines with their continuations joined, comments left out (also those inside a continuation)."""
    joined = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not joined):
            continue
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        yield (joined + line).strip()
        joined = ""
    if joined.strip():
        yield joined.strip()


def words_of(value: str) -> tuple[str, ...]:
    """A value split as systemd splits command lines and lists: quotes, and C escapes. Raises `UsageError`."""
    words: list[str] = []
    word, quote, inside = "", "", False
    at = 0
    while at < len(value):
        c = value[at]
        if c == "\\":
            escaped, at = _escaped(value, at)
            word, inside = word + escaped, True
            continue
        if quote:
            if c == quote:
                quote = ""
            else:
                word += c
        elif c in "\"'" and not inside:
            quote, inside = c, True
        elif c in " \t":
            if inside:
                words.append(word)
            word, inside = "", False
        else:
            word, inside = word + c, True
        at += 1
    if quote:
        raise UsageError(f"a quote in {value!r} has no end", "systemd-analyze verify says where")
    return tuple([*words, word] if inside else words)


def _escaped(value: str, at: int) -> tuple[str, int]:
    kind = value[at + 1 : at + 2]
    for mark, base, length in (("x", 16, 2), ("u", 16, 4), ("U", 16, 8)):
        digits = value[at + 2 : at + 2 + length]
        if kind == mark and re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
            return chr(int(digits, base)), at + 2 + length
    if kind in ESCAPES and kind:
        return ESCAPES[kind], at + 2
    return "\\" + kind, at + 1 + len(kind)


def resolved(word: str, unit: str) -> tuple[str, str]:
    """The word with systemd's specifiers put in, and the first one that is not known here ("" when all are)."""
    stem = unit.removesuffix(".service")
    prefix, at, instance = stem.partition("@")
    known = {
        "%": "%",
        "n": unit,
        "N": stem,
        "p": prefix,
        "i": instance if at else "",
        "I": _unescaped(instance) if at else "",
        "t": "/run",
        "S": "/var/lib",
        "C": "/var/cache",
        "L": "/var/log",
        "E": "/etc",
    }
    made, rest = "", word
    while "%" in rest:
        before, _, rest = rest.partition("%")
        mark, rest = rest[:1], rest[1:]
        if mark not in known:
            return word, f"%{mark}"
        made += before + known[mark]
    return made + rest, ""


def _unescaped(instance: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), instance.replace("-", "/"))


def unit_of(name: str, properties: Mapping[str, tuple[str, ...]], files: Mapping[str, str]) -> UnitFound:
    """The unit, from `systemctl show` and the texts of its files. What stands in the way is in `conditions`."""

    def one(key: str) -> str:
        return properties.get(key, ("",))[-1]

    lines = service_lines(list(files.values()))
    wrong: list[str] = []
    argv = _argv(name, lines, properties, wrong)
    environment: dict[str, str] = {}
    for key, value in lines:
        if key == "Environment":
            for pair in words_of(value):
                variable, _, content = pair.partition("=")
                text, unknown = resolved(content, name)
                if unknown:
                    wrong.append(
                        f"Environment={variable} has {unknown}, which only systemd knows: write it out"
                    )
                environment[variable] = text
    if one("NeedDaemonReload") == "yes":
        wrong.append("its files changed since systemd read them: systemctl daemon-reload, and restart it")
    return UnitFound(
        name=name,
        files=tuple(files),
        directives=lines,
        argv=argv,
        working_directory=one("WorkingDirectory").lstrip("!-"),
        user=one("User"),
        group=one("Group"),
        environment=environment,
        environment_files=tuple(_environment_files(name, lines, wrong)),
        kind=one("Type"),
        main_pid=int(one("MainPID") or 0),
        enabled=one("UnitFileState"),
        triggered_by=tuple(one("TriggeredBy").split()),
        conditions=tuple(wrong),
    )


def _argv(
    name: str,
    lines: Sequence[tuple[str, str]],
    properties: Mapping[str, tuple[str, ...]],
    wrong: list[str],
) -> tuple[str, ...]:
    commands = [value for key, value in lines if key == "ExecStart"]
    if len(commands) != 1:
        wrong.append(f"it has {len(commands)} ExecStart lines: a process of a release is one command")
        return ()
    command = commands[0]
    prefix = re.match(r"[@:+!-]*", command)
    marks = prefix[0] if prefix else ""
    if set(marks) & set("@+!"):
        wrong.append(f'ExecStart begins with "{marks}": start the program as itself, with its own rights')
    words = []
    for word in words_of(command[len(marks) :]):
        text, unknown = resolved(word, name)
        if unknown:
            wrong.append(f"ExecStart has {unknown}, which only systemd knows: write it out")
        words.append(text)
    if ";" in words:
        wrong.append("ExecStart has several commands in one line: a process of a release is one command")
    told = [
        m[1] for value in properties.get("ExecStart", ()) if (m := re.search(r"argv\[\]=(.*?) ; ", value))
    ]
    if told and not wrong and told[-1].split() != " ".join(words).split():
        wrong.append(f"systemd would start {told[-1]!r}, but its files say {' '.join(words)!r}")
    return tuple(words)


def _environment_files(
    name: str, lines: Sequence[tuple[str, str]], wrong: list[str]
) -> Iterator[tuple[str, bool]]:
    for key, value in lines:
        if key == "EnvironmentFile":
            text, unknown = resolved(value.strip('"'), name)
            if unknown:
                wrong.append(f"EnvironmentFile has {unknown}, which only systemd knows: write it out")
            yield text.removeprefix("-"), text.startswith("-")


def expanded(word: str, environment: Mapping[str, str]) -> str:
    """The word with its variables put in, as systemd does before it starts the command; `$$` is a dollar."""
    parts = word.split("$$")
    return "$".join(VARIABLE.sub(lambda m: environment.get(m[1] or m[2], ""), part) for part in parts)
