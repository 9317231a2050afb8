"""Taking over what already runs: what is looked at, and mobius's own side of it once mobius.toml is there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.adopting import history, proxies
from mobius.adapters.adopting.kept import Kept
from mobius.adapters.adopting.machine import Machine, counting, health_of
from mobius.adapters.adopting.units import Units
from mobius.adapters.places import Places
from mobius.adapters.releases.tree import tree_digest
from mobius.adapters.targets.systemd_units import UnitFiles
from mobius.errors import ConfigurationError, GateFailed, UsageError
from mobius.flows.adopting import World
from mobius.model.adoption import Adoption, UnitFound
from mobius.rules.adopting import Looked, adoption
from mobius.wiring.adopted import House
from mobius.wiring.app import open_app


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person said with the command."""

    unit: str
    environment: str = "production"
    service: str = ""
    proxy: Path | None = None
    url: str = ""
    health: str = "/health"
    tree: str = ""
    variable: str = ""
    links: tuple[str, ...] = ()


class Adopting:
    """The adoption in one project. `project`: the folder of mobius.toml, where it is or will be."""

    def __init__(self, project: Path, environment: str, environ: Mapping[str, str]) -> None:
        self.project = project.resolve()
        self.environment = environment
        self._environ = environ
        self._units = Units()
        self.machine = Machine(self._units)
        self.root = self._root()
        self.kept = Kept(self.root)

    # -- looking ------------------------------------------------------------------------------------------------

    def look(self, asked: Asked) -> tuple[Adoption, dict[str, str]]:
        """What would be done, and the links that start the unit at boot. Changes nothing.

        Raises `GateFailed` (3) for what cannot be adopted, `GateUnknown` (4) for what cannot be seen.
        """
        unit = self._units.look(asked.unit)
        listening = self._units.listening(unit)
        ports = [each.port for each in listening if each.port]
        ours = f"{self.root}/live/web.sock"
        found, texts = proxies.find(ports, ours, asked.proxy) if ports else ((), {})
        tree = str(Path(asked.tree or unit.working_directory or "/").resolve())
        links = tuple(dict.fromkeys(asked.links))
        self._refuse_links(tree, links)
        owner, owner_groups = _owner_of(self.project)
        plan = adoption(
            Looked(
                unit=unit,
                listening=listening,
                proxies=found,
                proxy_texts=texts,
                file_env=self._units.environment_files(unit),
                service=asked.service or self._service(unit),
                environment=asked.environment,
                project=str(self.project),
                root=str(self.root),
                tree=tree,
                tree_digest=self._digest(tree, links),
                tag=history.tag_of(Path(tree)),
                is_git=history.is_repository(self.project),
                config=self._config(),
                health=asked.health,
                url=asked.url,
                variable=asked.variable,
                only_there=history.only_in(Path(tree), self.project),
                links=links,
                timers=self._units.timers(unit),
                owner=owner,
                owner_groups=owner_groups,
                unreadable=_unreadable(self.project, owner_groups, texts),
            )
        )
        self._refuse_unhealthy(plan)
        return replace(plan, units=self._own_units(plan)), self._units.boot_links(unit)

    def _root(self) -> Path:
        with contextlib.suppress(ConfigurationError, UsageError):
            app = open_app(self.project / "mobius.toml", environ=self._environ)
            return app.environment(self.environment).root.resolve()
        return self.project / ".mobius" / self.environment

    def _config(self) -> str | None:
        try:
            return (self.project / "mobius.toml").read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as problem:
            raise ConfigurationError(
                f"{self.project}/mobius.toml is not UTF-8: {problem}", "save it as UTF-8"
            ) from problem

    def _service(self, unit: UnitFound) -> str:
        text = self._config()
        if text is not None:
            try:
                named = tomllib.loads(text).get("service")
            except tomllib.TOMLDecodeError as problem:
                raise ConfigurationError(
                    f"mobius.toml cannot be read: {problem}", "mobius config check"
                ) from problem
            if isinstance(named, str):
                return named
        stem = unit.name.removesuffix(".service").partition("@")[0].lower()
        made = "".join(c if (c.isascii() and c.isalnum()) or c == "-" else "-" for c in stem).strip("-")
        return made or "service"

    def _digest(self, tree: str, links: tuple[str, ...]) -> str:
        if tree == "/" or not Path(tree).is_dir() or self.root.is_relative_to(tree):
            return ""  # refused anyway, with its reason
        return tree_digest(Path(tree), without=(*links, ".git"))

    def _refuse_links(self, tree: str, links: tuple[str, ...]) -> None:
        for name in links:
            path = Path(tree, name)
            inside = not Path(name).is_absolute() and ".." not in Path(name).parts and name.strip("./") != ""
            if not inside or not path.exists():
                raise UsageError(f"--link {name}: there is no such path in {tree}", f"ls {tree}")
            shared = self.root / "shared" / name
            if os.path.lexists(shared) and not shared.is_symlink():
                raise GateFailed(f"{shared} is there already, with content of its own", "move it away first")

    def _refuse_unhealthy(self, plan: Adoption) -> None:
        status = health_of(plan.port, plan.health)
        if status != 200:
            raise GateFailed(
                f"http://127.0.0.1:{plan.port}{plan.health} answers {status or 'nothing'}, not 200:"
                " mobius could not tell whether the service is well",
                "name its health check: --health PATH",
            )

    def _own_units(self, plan: Adoption) -> tuple[str, ...]:
        """Mobius's own units. mobius.toml as it will be loads, and systemd takes them: found out before anything is
        written."""
        import tempfile

        text = next(c.after for c in plan.project_files if c.path.endswith("/mobius.toml"))
        with tempfile.TemporaryDirectory(prefix="mobius-adopt-") as folder:
            file = Path(folder, "mobius.toml")
            file.write_bytes(text)
            if (self.project / "quality-gates.json").is_file():
                shutil.copy(self.project / "quality-gates.json", folder)
            app = open_app(file, environ=self._environ)
            settings = replace(app.environment(plan.environment), root=Path(plan.root))
            places = Places(self.project, settings.root, settings.release.link)
            units = UnitFiles(app.settings.service, settings, places, settings.processes)
            units.verify()
            return tuple(change.path.name for change in units.changes())

    # -- acting -------------------------------------------------------------------------------------------------

    def world(self, say: Callable[[str], None], plan: Adoption, *, count: bool) -> World:
        """Everything that the flow acts on."""
        from mobius.adapters.clocks.system import SystemClock

        clock = SystemClock()

        def counted() -> contextlib.AbstractContextManager[None]:
            return counting(plan.url, plan.health, say) if count else contextlib.nullcontext()

        return World(
            keeper=self.kept,
            machine=self.machine,
            house=lambda: House(self.project, plan.environment, self._environ, say),
            now=clock.now,
            wait=clock.wait,
            tell=say,
            counting=counted,
        )


def _owner_of(project: Path) -> tuple[str, tuple[str, ...]]:
    """Whose folder it is, and the groups they are in. Raises `UsageError` for nobody's."""
    import grp
    import pwd

    try:
        who = pwd.getpwuid(project.stat().st_uid)
    except KeyError as problem:
        raise UsageError(
            f"{project} belongs to nobody who is known here", f"chown -R USER: {project}"
        ) from problem
    ids = os.getgrouplist(who.pw_name, who.pw_gid)
    return who.pw_name, tuple(group.gr_name for group in grp.getgrall() if group.gr_gid in ids)


def _unreadable(project: Path, groups: Collection[str], files: Collection[str]) -> tuple[str, ...]:
    """The files that the project's owner may not read."""
    import grp

    uid = project.stat().st_uid
    gids = {grp.getgrnam(name).gr_gid for name in groups}

    def may(path: Path, right: int) -> bool:
        found = path.stat()
        if found.st_uid == uid:
            return bool(found.st_mode & (right << 6))
        return bool(found.st_mode & (right << 3 if found.st_gid in gids else right))

    return tuple(
        name
        for name in files
        if uid and not (may(Path(name), 4) and all(may(folder, 1) for folder in Path(name).parents))
    )
