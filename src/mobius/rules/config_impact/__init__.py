"""What a change of configuration may do to the service: from the files of the deployed release to the candidate's.

Only names of keys are taken from the place where it will run, never values. What each kind of change weighs follows
what operators were bitten by: a key that is required and absent, a type that changed, another major version of what it
runs on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from mobius.model.impact import ConfigChange
from mobius.rules.config_impact.containers import container_changes, is_container, is_runtime, runtime_changes
from mobius.rules.config_impact.environment import environment_changes, is_example
from mobius.rules.config_impact.lock_readers import is_manifest
from mobius.rules.config_impact.locks import lock_changes
from mobius.rules.config_impact.settings import is_settings, settings_changes
from mobius.rules.config_impact.units import is_unit, unit_changes

MOST_BYTES = 16 << 20  # of one file: a lock file of a large project has some


def is_looked_at(path: str) -> bool:
    """Whether a file of this name says something about configuration."""
    place = PurePosixPath(path)
    name = place.name
    if name.endswith(".schema.json"):  # what may be written, and nothing that is
        return False
    tests = (is_example, is_container, is_runtime, is_settings)
    skipped = {"node_modules", ".git", "vendor", "test", "tests", "__tests__", "fixtures", ".github"}
    if skipped & set(place.parts[:-1]):
        return False
    return is_manifest(place) or is_unit(place) or any(test(name) for test in tests)


def config_impact(
    old: Mapping[str, str], new: Mapping[str, str], present: Collection[str] | None = None
) -> tuple[ConfigChange, ...]:
    """The changes, worst first. `old`, `new`: text by path, of the files that `is_looked_at`. `present`: names of the
    variables where it will run; None where they cannot be seen."""
    found: list[ConfigChange] = []
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        place = PurePosixPath(path)
        name = place.name
        if is_example(name):
            found += environment_changes(path, before, after, present)
        elif is_runtime(name):
            found += runtime_changes(path, before, after)
        elif is_manifest(place):
            continue  # judged together, below
        elif is_container(name):
            found += container_changes(path, before, after)
        elif is_unit(place):
            found += unit_changes(path, before, after)
        elif is_settings(name):
            found += settings_changes(path, before, after)
    found += lock_changes(old, new)
    return tuple(sorted(dict.fromkeys(found), key=lambda change: (-change.impact, change.file, change.key)))
