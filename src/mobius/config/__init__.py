"""`mobius.toml`, the environment and the flags -> Settings; every mistake reported at once, with its place.

`load` reads; `schema` and `reference` describe. What a setting is stands once, in `fields.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mobius.config.checks import check_apart
from mobius.config.environments import Environment, Layers, environment, with_included_gates
from mobius.config.fields import SERVICE_NAME, TOP
from mobius.config.layers import from_flags, from_variables
from mobius.config.mistakes import Mistakes, Place
from mobius.config.policies import check_bases
from mobius.config.reading import find, read_toml
from mobius.config.reference import reference
from mobius.config.schema import schema
from mobius.config.showing import redacted
from mobius.config.tree import Leaf, Node, Reader, Tree, at
from mobius.errors import ConfigurationError
from mobius.model.settings import Origin, Settings

__all__ = ["load", "reference", "schema"]


def load(
    path: Path | None, *, environ: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the service. Flags win over variables, variables over the file, the file over defaults.

    `path` None: mobius.toml in the current folder or the nearest above it. `flags`: by path in a table of
    an environment (`window`, `monitor.interval`), and `release_tag`; None is a flag not given.
    Raises ConfigurationError with every mistake in the file, what it includes, the variables and the flags.
    """
    file = _absolute(path) if path is not None else find(_current_folder())
    raw, lines = read_toml(file)
    mistakes, origins = Mistakes(), dict[str, Origin]()
    reader = Reader(file.name, mistakes, lines)
    top = _table(reader.read(TOP, raw))
    variables, flagged = from_variables(environ, mistakes), from_flags(flags or {}, mistakes)
    tag = at(flagged, "release_tag") or at(variables, "release_tag")
    service = _service(top, origins, mistakes, file.name)
    policies = _table(top.get("policies"))
    check_bases(policies, mistakes)
    shared = {key: node for key, node in top.items() if key not in ("service", "environments", "policies")}
    shared = with_included_gates(shared, file.parent, mistakes)
    layers = Layers(file.parent, shared, policies, variables, flagged, origins, mistakes)
    environments = _environments(top.get("environments"), reader, layers)
    check_apart(environments, file.parent, mistakes)
    mistakes.raise_if_any(file.name)
    if tag:
        origins["release_tag"] = Origin(redacted("release_tag", tag.raw), tag.source, tag.where)
    return Settings(
        service=service,
        project=file.parent,
        environments={each.name: each.built(file.parent) for each in environments},
        file=file,
        release_tag=tag.value if tag else None,
        origins=origins,
    )


def _environments(named: Node | None, reader: Reader, layers: Layers) -> list[Environment]:
    if isinstance(named, Leaf):
        return []
    tables = {name: own for name, own in _table(named).items() if isinstance(own, dict)}
    if not _table(named):
        example = "expected at least one table, such as [environments.production] with its url"
        layers.mistakes.add(Place("environments", reader.file), f"missing, {example}")
    return [
        environment(
            name,
            with_included_gates(own, layers.project, layers.mistakes),
            reader.place(f"environments.{name}"),
            layers,
        )
        for name, own in tables.items()
    ]


def _service(top: Tree, origins: dict[str, Origin], mistakes: Mistakes, file: str) -> str:
    if "service" not in top:
        mistakes.add(Place("service", file), f"missing, expected {SERVICE_NAME.words}")
    leaf = at(top, "service")
    if leaf is None:
        return ""
    origins["service"] = Origin(redacted("service", leaf.raw), leaf.source, leaf.where)
    return str(leaf.value)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigurationError("the current folder is gone", "cd to the project and try again") from error


def _absolute(path: Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} is not a path that can be read", "give another path"
        ) from error


def _table(node: Node | None) -> Tree:
    return node if isinstance(node, dict) else {}
