"""`.env.example` and its like: what the service expects to find in its environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.weights import exposes_secret, other_kind, shown, weight

_EXAMPLE = re.compile(
    r"\.?env([.-][\w-]+)*[.-](example|sample|template|tmpl|dist|defaults?)([.-][\w-]+)*"
    r"|([\w-]+\.)?(example|sample|template)\.env|[\w-]+\.env\.(example|sample|template|dist)"
)
# A name, and what it is set to: in quotes, over several lines too, or to the end of the line.
_LINE = re.compile(
    r"""^[ \t]*(?P<out>\#[ \t]*)?(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*
    (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|`(?P<back>[^`]*)`)?(?P<plain>[^\n]*)$""",
    re.MULTILINE | re.VERBOSE,
)


def is_example(name: str) -> bool:
    return _EXAMPLE.fullmatch(name.lower()) is not None


def environment_changes(
    path: str, before: str | None, after: str | None, present: Collection[str] | None
) -> Iterator[ConfigChange]:
    """What changed between two examples. A key without a value, not commented out, is required."""
    old, new = _keys(before or ""), _keys(after or "")
    for key in sorted(new.keys() - old.keys()):
        yield from _added(path, key, new[key], present)
    for key in sorted(old.keys() - new.keys()):
        yield ConfigChange(
            path,
            key,
            Impact.HIGH,
            f"{key} is no longer named, and the release that is live reads it: taking it away breaks the way back",
            f"keep {key} where the service runs until the window has ended",
        )
    for key in sorted(old.keys() & new.keys()):
        was, becomes = old[key], new[key]
        if was == becomes:
            continue
        if exposes_secret(key, becomes or ""):
            yield _exposed(path, key)
        elif was is None or becomes is None or not (was and becomes):
            kind = "required" if becomes == "" else "optional"
            impact = Impact.MEDIUM if becomes == "" else Impact.LOW
            yield ConfigChange(path, key, impact, f"{key} is now {kind}")
        elif why := other_kind(was, becomes):
            undo = f"make sure that the release reads the new one, and keep the old {key} for the way back"
            yield ConfigChange(path, key, Impact.HIGH, f"{key}: the default {why}", undo)
        else:
            told = f"{key}: the default goes from {shown(key, was)} to {shown(key, becomes)}"
            yield ConfigChange(path, key, weight(key), told)


def _added(path: str, key: str, value: str | None, present: Collection[str] | None) -> Iterator[ConfigChange]:
    if value and exposes_secret(key, value):
        yield _exposed(path, key)
    elif value:
        yield ConfigChange(path, key, Impact.LOW, f"{key} is new, with a default")
    elif value is None:
        yield ConfigChange(path, key, Impact.LOW, f"{key} is new, and optional")
    elif present is None:
        reason = (
            f"{key} is new and has no default; whether it is set where the service runs could not be seen"
        )
        yield ConfigChange(path, key, Impact.MEDIUM, reason)
    elif key in present:
        yield ConfigChange(path, key, Impact.LOW, f"{key} is new, and set where the service runs")
    else:
        yield ConfigChange(
            path,
            key,
            Impact.HIGH,
            f"{key} is required, and not set where the service runs",
            f"set {key} there before the deployment; the release that is live does not read it",
        )


def _exposed(path: str, key: str) -> ConfigChange:
    return ConfigChange(
        path,
        key,
        Impact.HIGH,
        f"{key} holds what looks like a real secret, in a file that everybody with the code can read",
        f"change the secret of {key} where it is used, then take it out of {path}: the old one stays in the history",
    )


def _keys(text: str) -> dict[str, str | None]:
    """Name to default: "" where it must be given, None where its line is commented out."""
    found: dict[str, str | None] = {}
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    at = 0
    while match := _LINE.search(text, at):
        key, plain = match["key"], match["plain"]
        quoted = next((match[each] for each in ("double", "single", "back") if match[each] is not None), None)
        alone = not plain.strip() or plain.lstrip().startswith("#")
        one_line = match["out"] is None and quoted is not None and alone
        if one_line:
            at = match.end()
        else:  # a quote that opens nothing, or what stands in a comment: no further than its line
            at = text.find("\n", match.start("key")) + 1 or len(text)
            said = text[match.start("key") : at].partition("=")[2]
            quoted = None if quoted is None or "\n" in quoted or not alone else quoted
            plain = said if quoted is None else ""
        if match["out"] is not None:
            found.setdefault(key, None)
        elif quoted is not None:
            found[key] = quoted
        else:
            found[key] = re.split(r"(?:^|\s)#", plain, maxsplit=1)[0].strip().strip("\"'")
        if at >= len(text):
            break
    return found
