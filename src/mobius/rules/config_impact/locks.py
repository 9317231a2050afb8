"""What the service is built from: direct dependencies by their locked versions, and what runs when it is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.lock_readers import Built, built_of, family_of, is_manifest, not_of_the_lock
from mobius.rules.config_impact.versions import is_major
from mobius.rules.config_impact.weights import masked

_MAJOR = re.compile(r"/v\d+$")


def lock_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[ConfigChange]:
    """Folder by folder, from the deployed release to the candidate."""
    places = {PurePosixPath(path) for path in (*old, *new)}
    folders = {(place.parent, family_of(place)) for place in places if is_manifest(place)}
    for folder, family in sorted(folders, key=str):
        before, after = _of(old, folder, family), _of(new, folder, family)
        if before == after:
            continue
        was, becomes = built_of(before), built_of(after)
        named = str(folder / (becomes.lock_file or was.lock_file or family))
        yield from _broken(named, was, becomes)
        yield from _dependencies(named, was, becomes)
        yield from _programs(str(folder / family), was, becomes)


def _of(files: Mapping[str, str], folder: PurePosixPath, family: str) -> dict[str, str]:
    places = {PurePosixPath(path): text for path, text in files.items()}
    return {
        place.name: text
        for place, text in places.items()
        if place.parent == folder and is_manifest(place) and family_of(place) == family
    }


def _broken(path: str, was: Built, becomes: Built) -> Iterator[ConfigChange]:
    for name in becomes.unread:
        yield ConfigChange(
            path, name, Impact.HIGH, f"{name} cannot be read: the build will fail", f"mend {name}"
        )
    if was.lock_file and not becomes.lock_file and becomes.direct:
        reason = f"{was.lock_file} is gone: what is built is whatever is newest on that day"
        yield ConfigChange(path, "", Impact.MEDIUM, reason)
    for name in not_of_the_lock(becomes):
        reason = (
            f"{name} is asked for, and is not in {becomes.lock_file}: what is built is not what was tried"
        )
        if name in becomes.locked:
            asked = becomes.direct.get(name) or becomes.locked[name]
            reason = f"{name} is asked for as {asked}, and {becomes.lock_file} was made for another"
        yield ConfigChange(path, name, Impact.MEDIUM, reason)


def _dependencies(path: str, was: Built, becomes: Built) -> Iterator[ConfigChange]:
    others = 0
    yield from (moved := tuple(_moved(path, was, becomes)))
    told = {name for change in moved for name in (change.key, *_other_majors(change.key, was, becomes))}
    for name in sorted({*was.locked, *becomes.locked, *was.direct, *becomes.direct}):
        old = was.locked.get(name) or was.direct.get(name, "")
        new = becomes.locked.get(name) or becomes.direct.get(name, "")
        if old == new or name in told:
            continue
        if name not in becomes.direct and name not in was.direct:
            others += 1
        elif old and new and is_major(old, new):
            yield ConfigChange(
                path, name, Impact.MEDIUM, f"{name} goes from {old} to {new}: its interface may differ"
            )
        elif not old or not new:
            yield ConfigChange(path, name, Impact.LOW, f"{name} is {'new' if new else 'gone'}")
        else:
            yield ConfigChange(path, name, Impact.LOW, f"{name} goes from {old} to {new}")
    if others:
        yield ConfigChange(path, "", Impact.LOW, f"of what others need, {others} changed")
    for name in sorted(becomes.runs - was.runs):
        reason = f"{name} runs a program of its own when it is installed, and did not before"
        yield ConfigChange(path, name, Impact.MEDIUM, reason)


def _moved(path: str, was: Built, becomes: Built) -> Iterator[ConfigChange]:
    """Modules of Go: another major version has another name, `…/v2`."""
    for name in sorted(becomes.direct.keys() - was.direct.keys()):
        plain = _MAJOR.sub("", name)
        for other in sorted(was.direct.keys() - becomes.direct.keys()):
            if "/" in plain and _MAJOR.sub("", other) == plain:
                reason = f"{plain} goes from {was.direct[other]} to {becomes.direct[name]}: its interface may differ"
                yield ConfigChange(path, plain, Impact.MEDIUM, reason)


def _other_majors(plain: str, was: Built, becomes: Built) -> list[str]:
    return [name for name in (*was.locked, *becomes.locked) if _MAJOR.sub("", name) == plain]


def _programs(path: str, was: Built, becomes: Built) -> Iterator[ConfigChange]:
    for name in sorted({*was.start, *becomes.start}):
        if was.start.get(name) != becomes.start.get(name):
            old, new = was.start.get(name, "nothing"), becomes.start.get(name, "nothing")
            told = f"the script {name} goes from {masked(old)} to {masked(new)}"
            yield ConfigChange(path, f"scripts.{name}", Impact.MEDIUM, told)
    for name in sorted(was.engines.keys() & becomes.engines.keys()):
        old, new = was.engines[name], becomes.engines[name]
        if old == new:
            continue
        by_minor = name == "python" and re.findall(r"\d+", old)[:2] != re.findall(r"\d+", new)[:2]
        impact = Impact.HIGH if is_major(old, new) or by_minor else Impact.LOW
        undo = f"run it with {name} {old} again" if impact is Impact.HIGH else ""
        yield ConfigChange(path, f"engines.{name}", impact, f"{name}: {old} becomes {new}", undo)
