"""What the service runs on: images, Compose files, the versions of runtimes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.images import image_changes, images_of, joined, variables_of
from mobius.rules.config_impact.settings import settings_changes
from mobius.rules.config_impact.versions import is_major
from mobius.rules.config_impact.weights import exposes_secret, masked

_CONTAINER = re.compile(
    r"(.*\.)?(dockerfile|containerfile)(\..*)?|(docker-)?compose(\..*)?\.ya?ml", re.IGNORECASE
)
_RUNTIME = re.compile(
    r"\.nvmrc|\.node-version|\.python-version|\.ruby-version|\.tool-versions|runtime\.txt|go\.mod"
)
_LINE = re.compile(
    r"^\s*(EXPOSE|USER|CMD|ENTRYPOINT|HEALTHCHECK|STOPSIGNAL|VOLUME|WORKDIR)\s+(.*?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def is_container(name: str) -> bool:
    return _CONTAINER.fullmatch(name) is not None


def is_runtime(name: str) -> bool:
    return _RUNTIME.fullmatch(name) is not None


def container_changes(path: str, before: str | None, after: str | None) -> Iterator[ConfigChange]:
    """Images by their names and tags; then everything that decides how it is started."""
    if before is None or after is None:
        what = "is new" if before is None else "is gone"
        yield ConfigChange(path, "", Impact.MEDIUM, f"{path} {what}: the service is built another way")
        return
    if path.lower().endswith((".yml", ".yaml")):
        yield from settings_changes(path, before, after)
        return
    yield from image_changes(path, images_of(before), images_of(after))
    old, new = _lines(before), _lines(after)
    for word in sorted({*old, *new}):
        if old.get(word) != new.get(word):
            yield ConfigChange(
                path,
                word,
                Impact.MEDIUM,
                f"{word} goes from {_or_nothing(old, word)} to {_or_nothing(new, word)}",
            )
    was, becomes = variables_of(before), variables_of(after)
    for key in sorted({*was, *becomes}):
        value = becomes.get(key)
        if was.get(key) == value:
            continue
        if value is None:
            yield ConfigChange(path, key, Impact.MEDIUM, f"{key} is no longer set")
        elif exposes_secret(key, value):
            undo = f"change that secret where it is used, then take it out of {path}"
            yield ConfigChange(path, key, Impact.HIGH, f"{key} holds what looks like a real secret", undo)
        else:
            yield ConfigChange(path, key, Impact.MEDIUM, f"{key} is set to another value")


def _lines(text: str) -> dict[str, str]:
    return {word.upper(): " ".join(value.split()) for word, value in _LINE.findall(joined(text))}


def _or_nothing(lines: dict[str, str], word: str) -> str:
    return masked(lines.get(word) or "nothing")


def runtime_changes(path: str, before: str | None, after: str | None) -> Iterator[ConfigChange]:
    """`.nvmrc` and its like: one version; `.tool-versions` and `go.mod`: a line each."""
    old, new = _versions(before or ""), _versions(after or "")
    for tool in sorted(old.keys() & new.keys()):
        if old[tool] == new[tool]:
            continue
        told = f"{tool or path} goes from {old[tool]} to {new[tool]}"
        if not re.search(r"\d", old[tool]) or not re.search(r"\d", new[tool]):  # lts/iron
            yield ConfigChange(path, tool, Impact.HIGH, f"{told}: another runtime", f"back: {old[tool]}")
            continue
        # Python and Go have no new major versions: their minor ones are what breaks.
        if is_major(old[tool], new[tool]) or (
            _minor(old[tool]) != _minor(new[tool]) and _by_minor(path, tool, new[tool])
        ):
            yield ConfigChange(
                path, tool, Impact.HIGH, f"{told}: another runtime", f"build and run with {old[tool]} again"
            )
        else:
            yield ConfigChange(path, tool, Impact.LOW, told)


def _by_minor(path: str, tool: str, version: str) -> bool:
    return "python" in (path + tool).lower() or path.endswith("runtime.txt") or tool == "go"


def _minor(version: str) -> str:
    return ".".join(re.findall(r"\d+", version)[:2])


def _versions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split("//")[0].split("#")[0].split()
        if len(words) == 1 and re.search(r"\d|lts", words[0]):
            found.setdefault("", words[0])
        elif len(words) == 2 and re.match(r"v?\d", words[1]) and "/" not in words[0]:
            found[words[0]] = words[1]
    return found
