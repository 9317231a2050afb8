"""What the service runs on: images, Compose files, the versions of runtimes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.settings import flat, parsed, settings_changes
from mobius.rules.config_impact.versions import is_major
from mobius.rules.config_impact.weights import exposes_secret, masked

_CONTAINER = re.compile(
    r"(.*\.)?(dockerfile|containerfile)(\..*)?|(docker-)?compose(\..*)?\.ya?ml", re.IGNORECASE
)
_RUNTIME = re.compile(
    r"\.nvmrc|\.node-version|\.python-version|\.ruby-version|\.tool-versions|runtime\.txt|go\.mod"
)
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)
_LINE = re.compile(
    r"^\s*(EXPOSE|USER|CMD|ENTRYPOINT|HEALTHCHECK|STOPSIGNAL|VOLUME|WORKDIR)\s+(.*?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_SET = re.compile(r"^\s*(?:ENV|ARG)\s+([A-Za-z_]\w*)[= ](.*?)\s*$", re.IGNORECASE | re.MULTILINE)


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
        yield from _compose(path, before, after)
        return
    yield from _images(path, _FROM.findall(before), _FROM.findall(after))
    old, new = _lines(before), _lines(after)
    for word in sorted({*old, *new}):
        if old.get(word) != new.get(word):
            yield ConfigChange(
                path,
                word,
                Impact.MEDIUM,
                f"{word} goes from {_or_nothing(old, word)} to {_or_nothing(new, word)}",
            )
    was = dict(_SET.findall(before))
    for key, value in _SET.findall(after):
        if was.get(key) != value and exposes_secret(key, value.strip("\"'")):
            undo = f"change that secret where it is used, then take it out of {path}"
            yield ConfigChange(path, key, Impact.HIGH, f"{key} holds what looks like a real secret", undo)
        elif was.get(key) != value:
            yield ConfigChange(path, key, Impact.MEDIUM, f"{key} is set to another value")


def _lines(text: str) -> dict[str, str]:
    return {word.upper(): value for word, value in _LINE.findall(text)}


def _or_nothing(lines: dict[str, str], word: str) -> str:
    return masked(lines.get(word) or "nothing")


def _compose(path: str, before: str, after: str) -> Iterator[ConfigChange]:
    old, new = (flat(parsed(path, text)[0]) for text in (before, after))
    images = [key for key in sorted({*old, *new}) if key.endswith(".image")]
    for key in images:
        yield from _images(path, [str(old.get(key, ""))], [str(new.get(key, ""))], key)
    for change in settings_changes(path, before, after):
        if change.key not in images:
            yield change


def _images(path: str, old: list[str], new: list[str], key: str = "FROM") -> Iterator[ConfigChange]:
    was = {_name(image): _tag(image) for image in old if image}
    for image in new:
        name, tag = _name(image), _tag(image)
        if not image or was.get(name) == tag:
            continue
        if name not in was:
            yield ConfigChange(
                path,
                key,
                Impact.HIGH if was else Impact.MEDIUM,
                f"another image: {image}",
                f"back: {', '.join(old)}",
            )
        elif is_major(was[name], tag):
            undo = f"{name}:{was[name]}; data that {tag} has written may not be readable with it"
            yield ConfigChange(
                path, key, Impact.HIGH, f"{name} goes from {was[name]} to {tag}: another major version", undo
            )
        else:
            yield ConfigChange(
                path, key, Impact.LOW, f"{name} goes from {was[name] or 'no tag'} to {tag or 'no tag'}"
            )


def _name(image: str) -> str:
    plain = image.partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def runtime_changes(path: str, before: str | None, after: str | None) -> Iterator[ConfigChange]:
    """`.nvmrc` and its like: one version; `.tool-versions` and `go.mod`: a line each."""
    old, new = _versions(before or ""), _versions(after or "")
    for tool in sorted(old.keys() & new.keys()):
        if old[tool] == new[tool]:
            continue
        told = f"{tool or path} goes from {old[tool]} to {new[tool]}"
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
        if len(words) == 1 and re.search(r"\d", words[0]):
            found.setdefault("", words[0])
        elif len(words) == 2 and re.match(r"v?\d", words[1]) and "/" not in words[0]:
            found[words[0]] = words[1]
    return found
