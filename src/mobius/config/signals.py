"""What each value of a watch's settings alone cannot tell: what a kind of signal is read from, and who may ask."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from mobius.config.mistakes import Mistakes, Place, did_you_mean
from mobius.config.showing import describe
from mobius.config.tree import Leaf, Node, Tree, at, is_sound
from mobius.errors import ConfigurationError
from mobius.rules.numbers import read_path

ENTRY_POINTS = "mobius.signals"
SOURCES = ("url", "file", "run")
_READ_FROM = {"prometheus": ("url",), "json": ("url", "file"), "command": ("run",), "haproxy": ("url",)}
_ONLY_FOR = {
    "query": ("prometheus", "haproxy"),
    "path": ("json", "command", "haproxy"),
    "token_env": ("prometheus", "json", "haproxy"),
}


def check_signals(rows: Node | None, mistakes: Mistakes) -> None:
    """Every mistake of every `[[signal]]`; what rests on a value that is wrong by itself is not judged."""
    for row in rows if isinstance(rows, list) else ():
        name = row.get("name")
        if not isinstance(name, Leaf) or not is_sound(row):
            continue
        place = Place(name.place.path.rpartition(".")[0], name.place.file, name.place.line)
        kind = at(row, "kind")
        _check_kind(kind.value if kind else "prometheus", row, kind.place if kind else place, mistakes)
        if path := at(row, "path"):
            _check_path(path, mistakes)
        if (url := at(row, "url")) and "@" in urlsplit(url.value).netloc:
            words = "holds a user or a password, expected a token in token_env: this file is in every backup"
            mistakes.add(url.place, words)
        if (patience := at(row, "for")) and "max" not in row:
            mistakes.add(patience.place, "means nothing without max")
        compare, tolerance = at(row, "compare"), at(row, "tolerance")
        if tolerance and compare and compare.value is False:
            mistakes.add(tolerance.place, "means nothing with compare = false")


def _check_path(path: Leaf, mistakes: Mistakes) -> None:
    try:
        read_path(path.value)
    except ConfigurationError as error:
        what = error.message.rpartition(": ")[2]
        words = f"found {describe(path.place.path, path.raw)}, expected a path such as"
        mistakes.add(path.place, f'{words} "jobs.waiting" or "queues[0].depth" ({what})')


def _check_kind(kind: str, row: Tree, place: Place, mistakes: Mistakes) -> None:
    """What it is read from. Of a third party's kind only that it is there is known."""
    if kind not in _READ_FROM:
        known = [*_READ_FROM, *sorted({each.name for each in entry_points(group=ENTRY_POINTS)})]
        if kind not in known:
            there_are = did_you_mean(kind, known) or "; there are " + ", ".join(known)
            mistakes.add(place, f'no kind of signal "{kind}"{there_are}')
        return
    needed = _READ_FROM[kind]
    given = [key for key in SOURCES if key in row]
    if sorted(given) not in [[key] for key in needed]:
        found = " and ".join(given) or "none"
        mistakes.add(
            place, f"found {found} of {', '.join(SOURCES)}, expected {' or '.join(needed)} for {kind}"
        )
    if kind == "prometheus" and "query" not in row:
        mistakes.add(place, "prometheus needs query: PromQL that gives one number")
    for key, kinds in _ONLY_FOR.items():
        if (leaf := at(row, key)) and kind not in kinds:
            mistakes.add(leaf.place, f"means nothing with {kind}, only with {_either(kinds)}")
    if (token := at(row, "token_env")) and kind == "json" and "url" not in row:
        mistakes.add(token.place, "means nothing without url")


def _either(kinds: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))


def check_canary(canary: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """Stages that grow, each with time to gather evidence."""
    stages, most = at(tree, "canary", "stages"), at(tree, "canary", "stage_max")
    if stages and any(one >= other for one, other in zip(stages.value, stages.value[1:], strict=False)):
        mistakes.add(stages.place, "expected percentages that rise, such as [1, 10, 50]")
    least = at(tree, "canary", "stage_min")
    if (given := most or least) and canary["stage_min_s"] > canary["stage_max_s"]:
        words = (
            f"a stage of at least {canary['stage_min_s']:g} s cannot end within {canary['stage_max_s']:g} s"
        )
        mistakes.add(given.place, words)


def check_serve(serve: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """A port that exists; and off loopback nobody is answered without a token."""
    listen = at(tree, "serve", "listen")
    if listen is None:
        return
    host, _, port = serve["listen"].rpartition(":")
    if not 1 <= int(port) <= 65_535:
        mistakes.add(listen.place, f'found "{serve["listen"]}", expected a port from 1 to 65535')
    if not is_loopback(host) and not serve["token_env"] and is_sound(tree.get("serve")):
        words = "can be reached from elsewhere, expected token_env: the variable with the token to ask for"
        mistakes.add(listen.place, words)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches it."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_gates(rows: Node | None, mistakes: Mistakes) -> None:
    """A gate of a file is asked in the window, and says where in its command the file stands."""
    for row in rows if isinstance(rows, list) else ():
        file, when, run = at(row, "file"), at(row, "when"), at(row, "run")
        mentions = run is not None and any("{file}" in word for word in run.value)
        if file and (when is None or when.value != "window"):
            mistakes.add(file.place, 'means something with when = "window" only')
        if file and run and not mentions:
            mistakes.add(run.place, 'expected "{file}" in it, where the name of the file belongs')
        if run and mentions and not file and row.get("file") is None:
            mistakes.add(run.place, 'holds "{file}" without file: the pattern that says which')
