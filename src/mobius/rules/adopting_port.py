"""Where a running service has its port from, and how another release of it gets another one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mobius.model.adoption import Moved
from mobius.rules.adopting_unit import VARIABLE, expanded

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def moved(
    argv: Sequence[str],
    port: int,
    *,
    unit_env: Mapping[str, str],
    file_env: Mapping[str, Mapping[str, str]],
    variable: str = "",
) -> Moved | None:
    """How the command is started on the port that mobius gives it; None where nothing tells.

    `unit_env`: Environment=; `file_env`: what each EnvironmentFile= says. `variable`: the name of a variable that a
    person says the program reads. An argument wins over a variable, as it does in most programs.
    """
    known = {**unit_env, **{k: v for each in file_env.values() for k, v in each.items()}}
    if variable:
        return Moved(_with_variable(_literal(argv, known), variable), f"{variable}, as you said")
    for place, word in enumerate(argv):
        if place and (around := _around_port(word, port, known)):
            return Moved(
                _with_argument(argv, place, around, known), f"the argument {expanded(word, known)!r}"
            )
    named = [
        (name, path) for path, values in file_env.items() for name in values if values[name] == str(port)
    ]
    named += [(name, "Environment=") for name in unit_env if unit_env[name] == str(port)]
    for name, path in sorted(named, key=lambda found: (found[0] != "PORT", "PORT" not in found[0])):
        return Moved(_with_variable(_literal(argv, known), name), f"{name} in {path}")
    return None


def _literal(argv: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """As systemd would start it. A variable alone and without braces becomes several words, or none."""
    words: list[str] = []
    for word in argv:
        whole = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", word)
        words += known.get(whole[1], "").split() if whole else [expanded(word, known)]
    return tuple(words)


def _around_port(word: str, port: int, known: Mapping[str, str]) -> tuple[str, str] | None:
    """What stands before and after the port in this argument."""
    for variable in VARIABLE.finditer(word):
        if known.get(variable[1] or variable[2]) == str(port):
            return expanded(word[: variable.start()], known), expanded(word[variable.end() :], known)
    text = expanded(word, known)
    found = re.search(rf"(?:^|(?<=[:=])|(?<=-p))(?:{port})(?=$|/$)", text)
    return (text[: found.start()], text[found.end() :]) if found else None


def _with_variable(argv: tuple[str, ...], variable: str) -> tuple[str, ...]:
    if variable == "PORT":
        return argv  # mobius gives it under this name
    if not NAME.fullmatch(variable):
        raise ValueError(variable)
    return ("/bin/sh", "-c", f'{variable}="$PORT" exec "$@"', "sh", *argv)


def _with_argument(
    argv: Sequence[str], place: int, around: tuple[str, str], known: Mapping[str, str]
) -> tuple[str, ...]:
    """A shell puts the port in; every other word reaches it as a word of its own, so that none is read as shell."""
    before = _literal(argv[:place], known)
    after = _literal(argv[place + 1 :], known)
    words = [f'"${{{n}}}"' for n in range(1, len(before) + 1)]
    given = list(before)
    joined = ""
    for text in (around[0], None, around[1]):
        if text is None:
            joined += "${PORT}"
        elif text:
            given.append(text)
            joined += f"${{{len(given)}}}"
    words.append(f'"{joined}"')
    for word in after:
        given.append(word)
        words.append(f'"${{{len(given)}}}"')
    return ("/bin/sh", "-c", f"exec {' '.join(words)}", "sh", *given)
