"""Images of containers: which ones a file names, and what another tag of one means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.versions import is_major, is_minor

_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_SET = re.compile(r"^\s*(ENV|ARG)\s+(.*?)\s*$", re.IGNORECASE | re.MULTILINE)
_PAIR = re.compile(r"""([A-Za-z_]\w*)=((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'])*)""")
_GIVEN = re.compile(r"\$\{?([A-Za-z_]\w*)(?::?-([^}]*))?\}?")
# Without new major versions: their minor ones are what breaks.
_BY_MINOR = ("python", "golang", "go", "ruby", "elixir", "php", "pypy")


def joined(text: str) -> str:
    """A Dockerfile with one instruction a line."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return re.sub(r"[\\`][ \t]*\n", " ", "\n".join(lines))


def variables_of(text: str) -> dict[str, str]:
    """What ENV and ARG set; an ARG without a default is given when it is built."""
    found: dict[str, str] = {}
    for _, said in _SET.findall(joined(text)):
        pairs = _PAIR.findall(said)
        if not pairs and " " in said:  # ENV KEY value
            pairs = [tuple(said.split(None, 1))]
        found |= {key: value.strip("\"'") for key, value in pairs}
    return found


def images_of(text: str) -> list[str]:
    """What it is built from, without its own stages, and with the defaults of ARG put in."""
    given = variables_of(text)
    stages: set[str] = set()
    found = []
    for image, stage in _FROM.findall(joined(text)):
        named = filled(image, given)
        if named.lower() not in stages and named.lower() != "scratch":
            found.append(named)
        stages.add(stage.lower())
    return found


def filled(image: str, given: dict[str, str]) -> str:
    """`node:${NODE:-18}` with the values that are known."""
    return _GIVEN.sub(lambda found: given.get(found[1]) or found[2] or found[0], image)


def image_changes(
    path: str, old: Sequence[str], new: Sequence[str], key: str = "FROM"
) -> Iterator[ConfigChange]:
    """Another image, another major version of one, another build of the same."""
    was = {_name(image): image for image in old if image}
    for image in dict.fromkeys(new):
        if not image or image in old:
            continue
        before = was.get(_name(image))
        if before is None:
            impact = Impact.HIGH if was else Impact.MEDIUM
            yield ConfigChange(path, key, impact, f"another image: {image}", f"back: {', '.join(old)}")
        else:
            yield _same_name(path, key, before, image)


def _same_name(path: str, key: str, before: str, image: str) -> ConfigChange:
    name, was, tag = _name(image), _tag(before), _tag(image)
    told = f"{name} goes from {was or 'no tag'} to {tag or 'no tag'}"
    last = name.rpartition("/")[2].lower()
    if is_major(was, tag) or (last in _BY_MINOR and is_minor(was, tag)):
        what = "another major version" if is_major(was, tag) else "another runtime"
        undo = f"{name}:{was}; data that {tag} has written may not be readable with it"
        return ConfigChange(path, key, Impact.HIGH, f"{told}: {what}", undo)
    if was == tag:
        return ConfigChange(
            path, key, Impact.LOW, f"{name}:{tag or 'latest'} is another build of the same tag"
        )
    if re.sub(r"\d+", "", was) != re.sub(r"\d+", "", tag):
        return ConfigChange(
            path, key, Impact.MEDIUM, f"{told}: another system below it", f"back: {name}:{was}"
        )
    return ConfigChange(path, key, Impact.LOW, told)


def _name(image: str) -> str:
    plain = image.partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}".removeprefix("docker.io/").removeprefix("library/")


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]
