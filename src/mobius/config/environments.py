"""One environment out of its layers: file, included gates, variables, flags, and what they imply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.config import build
from mobius.config.checks import check_environment, listen_of
from mobius.config.complete import complete
from mobius.config.fields import ENVIRONMENT
from mobius.config.figures import QUALITY
from mobius.config.media import with_gates_of_media
from mobius.config.migrations import with_implied
from mobius.config.mistakes import Mistakes, Place
from mobius.config.policies import resolve
from mobius.config.reading import read_json
from mobius.config.tree import Leaf, Node, Reader, Tree, at, is_sound, merge
from mobius.errors import ConfigurationError
from mobius.model.policies import PolicySettings
from mobius.model.settings import EnvironmentSettings, Origin


@dataclass(frozen=True, slots=True)
class Layers:
    """What every environment is made from: the tables of the file, then variables, then flags."""

    project: Path
    shared: Tree
    policies: Tree
    variables: Tree
    flags: Tree
    origins: dict[str, Origin]
    mistakes: Mistakes


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, complete; to be built when no mistake was found anywhere."""

    name: str
    values: dict[str, Any]
    tree: Tree
    around: Place
    policy: PolicySettings

    def built(self, project: Path) -> EnvironmentSettings:
        """The settings."""
        return build.environment(self.name, self.values, self.policy, project)


def environment(name: str, own: Tree, around: Place, layers: Layers) -> Environment:
    """The environment `name`, whose own table in the file is `own`. Mistakes go to the layers' mistakes."""
    path, origins, mistakes = f"environments.{name}", layers.origins, layers.mistakes
    in_file = _table(merge(layers.shared, own))
    tree = _table(merge(merge(in_file, layers.variables), layers.flags))
    _derive(name, tree, in_file, own)
    tree = with_gates_of_media(with_implied(tree))
    values = complete(ENVIRONMENT, tree, path, origins, mistakes, around)
    chosen = at(tree, "policy") or Leaf(values["policy"], values["policy"], around)
    policy = resolve(
        chosen, layers.policies, _table(tree.get("thresholds")), f"{path}.policy", origins, mistakes
    )
    for origin in [
        key for key in origins if key.startswith((f"{path}.thresholds.", f"{path}.quality_gates.include"))
    ]:
        del origins[origin]  # said by the policy's own figures, and by the gates
    check_environment(values, tree, around, mistakes)
    return Environment(name, values, tree, around, policy)


def with_included_gates(tree: Tree, project: Path, mistakes: Mistakes) -> Tree:
    """The tree with the JSON that its quality_gates include, under what it says itself."""
    include = at(tree, "quality_gates", "include")
    if include is None:
        return tree
    try:
        raw = read_json(project / include.value)
    except ConfigurationError as error:
        mistakes.add(include.place, str(error))
        return tree
    if isinstance(raw, dict) and set(raw) <= {"quality_gates", "$schema"} and "quality_gates" in raw:
        raw = raw["quality_gates"]
    items = tuple(item for item in QUALITY if item.key != "include")
    included = Reader(include.value, mistakes).read(items, raw, "quality_gates")
    return tree | {"quality_gates": merge(included, tree["quality_gates"])}


def _derive(name: str, tree: Tree, in_file: Tree, own: Tree) -> None:
    """Put in what other settings imply, where it was not said."""
    if "listen" not in tree and (url := at(in_file, "url") or at(tree, "url")):
        # From the file's url, for API_BASE_URL says where the service is reached, not what it binds.
        tree["listen"] = _implied(listen_of(url.value), "from url")
    if "root" not in tree:
        tree["root"] = _implied(f".mobius/{name}", "default")
    backup = dict(_table(tree.get("backup")))
    if "folder" not in _table(own.get("backup")) and is_sound(tree.get("backup")):
        folder = at(backup, "folder")
        base = folder.value if folder else "backups"
        if name != "production":
            where = f"{folder.where}, and the environment's name" if folder else "default"
            source = folder.source if folder else "default"
            value = f"{base}/{name}"
            backup["folder"] = Leaf(value, value, folder.place if folder else Place(""), source, where)
        elif folder is None:
            backup["folder"] = _implied(base, "default")
        tree["backup"] = backup
    monitoring = _table(_table(tree.get("quality_gates")).get("monitoring"))
    looks = (("interval", "check_interval"), ("failure_threshold",) * 2, ("recovery_threshold",) * 2)
    said = {key: monitoring[theirs] for key, theirs in looks if theirs in monitoring}
    if isinstance(tree.get("monitor", {}), dict):
        tree["monitor"] = merge(said, tree.get("monitor"))


def _implied(value: str, where: str) -> Leaf:
    return Leaf(value, value, Place(""), "default", where)


def _table(node: Node | None) -> Tree:
    return node if isinstance(node, dict) else {}
