"""A list of many films: the name of each game's golden, and the file that is held against it."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from mobius.errors import UsageError

EXAMPLE = '{"sushi-go": "out/sushi.mp4", "azul": "out/azul.mp4"}'


def films_of_manifest(text: str, name: str) -> dict[str, str]:
    """Game to file, in the order of the list, from JSON or TOML. Raises `UsageError` with every mistake: a list that
    was half understood would pass what nobody looked at."""
    told = _read(text, name)
    if not isinstance(told, dict) or not told:
        raise UsageError(f"{name} names no film", f"write it so: {EXAMPLE}")
    wrong = [f"{game!r}: {_what(told[game])}" for game in told if _what(told[game])]
    wrong += [f"{game!r}: no name" for game in told if not game.strip()]
    slugs: dict[str, str] = {}
    for game in told:
        slug = game.strip().lower()
        if slug in slugs:
            wrong.append(f"{game!r} is named twice, also as {slugs[slug]!r}")
        slugs[slug] = game
    if wrong:
        raise UsageError(f"{name} cannot be used", f"write it so: {EXAMPLE}", details=tuple(wrong))
    return dict(told)


def _read(text: str, name: str) -> Any:
    plain = text.removeprefix("\ufeff")
    try:
        if plain.lstrip().startswith("{"):
            return json.loads(plain, object_pairs_hook=_each_once)
        return tomllib.loads(plain)
    except (ValueError, RecursionError) as broken:
        raise UsageError(f"{name} cannot be read: {str(broken)[:200]}", f"write it so: {EXAMPLE}") from broken


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is named twice")
    return told


def _what(file: Any) -> str:
    """What is wrong with it; "" where nothing is."""
    if not isinstance(file, str):
        return "no path of a film"
    return "" if file.strip() and "\x00" not in file else "an empty path"
