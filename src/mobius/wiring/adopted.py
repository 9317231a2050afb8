"""Mobius's own side of an adoption, once mobius.toml is there: its units, release 0, and who may come to its socket."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mobius.adapters.adopting import history
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore, write_durably
from mobius.adapters.releases.tree import tree_digest
from mobius.host.reach import open_to_group
from mobius.model.adoption import Adoption
from mobius.model.release import Release
from mobius.ports import Ports
from mobius.rules.steps import BLUE
from mobius.wiring.app import open_app
from mobius.wiring.units import units_of


class House:
    """mobius's own side of one adoption. Raises `ConfigurationError` where mobius.toml does not load."""

    def __init__(
        self, project: Path, environment: str, environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._app = open_app(project / "mobius.toml", environ=environ)
        self._name = environment
        self._project = project
        self._settings = self._app.environment(environment)
        self._say = say
        self._root = self._settings.root
        self.ports: Ports = self._app.ports(environment)

    def install(self) -> None:
        self._make_places("")
        units = units_of(self._app, self._name)
        for line in units.install(units.changes()):
            self._say(f"  {line}")

    def uninstall(self) -> None:
        for line in units_of(self._app, self._name).uninstall():
            self._say(f"  {line}")

    def register(self, plan: Adoption) -> Release:
        """Release 0: a link to its folder, its manifest, and which units it is. Repeating it changes nothing."""
        self._make_places(plan.proxy_user)
        places = Places(self._project, self._root, self._settings.release.link)
        for name, target in plan.links:
            _link(places.shared / name, target)
        _link(places.releases / plan.release_id, plan.tree)
        release = Release(
            id=plan.release_id,
            tag=plan.tag,
            commit=history.commit_of(Path(plan.tree)),
            content_digest=plan.release_id.removeprefix("adopted-"),
            config_digest="",
            slot=BLUE,
            accepted=True,
        )
        said = {
            "schema_version": 1,
            "release_id": plan.release_id,
            "slot": BLUE,
            "processes": {plan.process: {"unit": plan.unit, "port": plan.port, "timer": "", "kind": "web"}},
        }
        write_durably(self._root / "adopted.json", json.dumps(said, indent=1).encode())
        releases = self.ports.releases
        assert isinstance(releases, ReleaseStore)
        if not releases.is_staged(release.id):
            digest = tree_digest(Path(plan.tree), without=(*dict(plan.links), ".git"))
            release = replace(release, content_digest=digest)
            releases.adopt(release, self._settings.processes)
        return release

    def open_up(self, plan: Adoption) -> None:
        """What was made as root belongs to the project's owner, and the proxy may come to its socket."""
        self._make_places(plan.proxy_user)
        owner = self._project.stat()
        for folder, names, files in os.walk(self._root):
            if Path(folder) == self._root:
                names[:] = [name for name in names if name != "adopted"]
                files = [name for name in files if name != "adopting.lock"]
            for name in [*names, *files]:
                with contextlib.suppress(FileNotFoundError):
                    os.chown(Path(folder, name), owner.st_uid, -1, follow_symlinks=False)

    def forget(self, plan: Adoption) -> None:
        """Release 0 is no release of ours any more; its folder is not touched."""
        (self._root / "adopted.json").unlink(missing_ok=True)
        for name in ("current", "previous", "live"):
            link = self._root / name
            if link.is_symlink():
                link.unlink()
        for name in ("VERSION", "run/haproxy.state", "run/haproxy.json"):
            (self._root / name).unlink(missing_ok=True)
        (self._root / "releases" / f"{plan.release_id}.json").unlink(missing_ok=True)
        shutil.rmtree(self._root / "run" / "units", ignore_errors=True)
        shutil.rmtree(self._root / "run" / "faces", ignore_errors=True)
        for path, target in [
            (self._root / "releases" / plan.release_id, plan.tree),
            *((self._root / "shared" / name, target) for name, target in plan.links),
        ]:
            if path.is_symlink() and str(path.readlink()) == target:
                path.unlink()

    def _make_places(self, proxy_user: str) -> None:
        owner = self._project.stat()
        for folder in (self._root.parent, self._root, self._root / "releases", self._root / "shared"):
            if not folder.exists():
                folder.mkdir(parents=True, mode=0o755)
            if folder.is_relative_to(self._project) and folder.stat().st_uid != owner.st_uid:
                os.chown(folder, owner.st_uid, owner.st_gid)
        self._root.chmod(self._root.stat().st_mode | 0o111)
        run = self._root / "run"
        run.mkdir(mode=0o700, exist_ok=True)
        os.chown(run, owner.st_uid, -1)
        gid = _group_of(proxy_user)
        if gid is not None:
            open_to_group(run, gid)
            self._hand_over(run, gid)

    def _hand_over(self, run: Path, gid: int) -> None:
        """What was made there before the group was known."""
        faces = run / "faces"
        for path in [run / "door.sock", faces, *faces.glob("*")]:
            if os.path.lexists(path):
                os.chown(path, -1, gid, follow_symlinks=False)


def _group_of(user: str) -> int | None:
    import pwd

    try:
        return pwd.getpwnam(user).pw_gid if user else None
    except KeyError:
        return None


def _link(path: Path, target: str) -> None:
    if path.is_symlink() and str(path.readlink()) == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
