"""The ways to back up a tree, side by side: ours, the seed's `zip`, tar and zstd, restic, borg, Python's zipfile."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from bench.backup_measure import Cost, python, run
from bench.backup_mix import files
from bench.common import why_missing


class Way:
    """One way; everything it makes lies in `folder`, which is new for each round."""

    name: ClassVar[str]
    tools: ClassVar[tuple[str, ...]] = ()
    verifies: ClassVar[str] = ""  # what its full backup proves before it ends

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.made = folder / "made"
        self.restored = folder / "restored"
        self.made.mkdir(parents=True)

    @classmethod
    def why_not(cls) -> str | None:
        return next((why for tool in cls.tools if (why := why_missing(tool))), None)

    def prepare(self) -> None:
        """What is done once for a place and costs nothing here."""

    def full(self) -> Cost:
        raise NotImplementedError

    def verify(self) -> Cost:
        raise NotImplementedError

    def restore(self) -> Cost:
        """Into `restored`, with whatever proof this way has."""
        raise NotImplementedError

    def tree(self) -> Path:
        """Where the source's content is after `restore`."""
        return self.restored

    def stored_bytes(self) -> int:
        return sum(path.stat().st_size for path in files(self.made))

    def clean(self) -> None:
        shutil.rmtree(self.folder)


class Ours(Way):
    name = "mobius"
    verifies = "read back past the page cache, every hash"

    @property
    def archive(self) -> Path:
        return self.made / "tree.zip"

    def full(self) -> Cost:
        return python("bench.backup_ours", "write", str(self.source), str(self.archive), cwd=self.folder)

    def verify(self) -> Cost:
        return python("bench.backup_ours", "verify", str(self.archive), cwd=self.folder)

    def restore(self) -> Cost:
        return python("bench.backup_ours", "restore", str(self.archive), str(self.restored), cwd=self.folder)

    def tree(self) -> Path:
        return self.restored / "tree"


class Zip(Way):
    """As the seed's scripts do it."""

    name = "zip -r, sha256sum, -c"
    tools = ("zip", "unzip")
    verifies = "sha256sum -c"

    def full(self) -> Cost:
        cost = run(["zip", "-q", "-r", str(self.made / "tree.zip"), self.source.name], cwd=self.source.parent)
        return cost + _summed("tree.zip", self.made) + self.verify()

    def verify(self) -> Cost:
        return run(["sha256sum", "-c", "sum.sha256"], cwd=self.made)

    def restore(self) -> Cost:
        return self.verify() + run(
            ["unzip", "-q", str(self.made / "tree.zip"), "-d", str(self.restored)], cwd=self.made
        )

    def tree(self) -> Path:
        return self.restored / self.source.name


class TarZstd(Way):
    name = "tar | zstd -T0, sha256sum"
    tools = ("tar", "zstd")

    def full(self) -> Cost:
        packed = run(
            ["tar", "-C", str(self.source), "-cf", "-", "."],
            ["zstd", "-T0", "-q", "-o", str(self.made / "tree.tar.zst")],
            cwd=self.folder,
        )
        return packed + _summed("tree.tar.zst", self.made)

    def verify(self) -> Cost:
        return run(["sha256sum", "-c", "sum.sha256"], cwd=self.made)

    def restore(self) -> Cost:
        self.restored.mkdir()
        return self.verify() + run(
            ["zstd", "-dcq", str(self.made / "tree.tar.zst")],
            ["tar", "-C", str(self.restored), "-xf", "-"],
            cwd=self.folder,
        )


class Restic(Way):
    """Encrypts, too; its backup verifies nothing."""

    name = "restic"
    tools = ("restic",)

    def _restic(self, *words: str) -> Cost:
        environ = {
            "RESTIC_REPOSITORY": str(self.made),
            "RESTIC_PASSWORD": "bench",
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }
        return run(["restic", "--quiet", *words], cwd=self.folder, environ=environ)

    def prepare(self) -> None:
        self._restic("init")

    def full(self) -> Cost:
        return self._restic("backup", str(self.source))

    def verify(self) -> Cost:
        return self._restic("check", "--read-data")

    def restore(self) -> Cost:
        return self._restic("restore", "latest", "--verify", "--target", str(self.restored))

    def tree(self) -> Path:
        return self.restored / self.source.relative_to("/")


class Borg(Way):
    name = "borg, lz4"
    tools = ("borg",)

    def _borg(self, *words: str, cwd: Path | None = None) -> Cost:
        places = {
            name: str(self.folder / name.lower())
            for name in ("BORG_BASE_DIR", "BORG_CACHE_DIR", "BORG_CONFIG_DIR")
        }
        environ = {
            **places,
            "BORG_REPO": str(self.made),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        return run(["borg", *words], cwd=cwd or self.folder, environ=environ)

    def prepare(self) -> None:
        self._borg("init", "--encryption=none")

    def full(self) -> Cost:
        return self._borg("create", "--compression", "lz4", "::one", ".", cwd=self.source)

    def verify(self) -> Cost:
        return self._borg("check", "--verify-data")

    def restore(self) -> Cost:
        self.restored.mkdir()
        return self._borg("extract", "::one", cwd=self.restored)


class Zipfile(Way):
    name = "Python zipfile, level 6"
    verifies = "testzip, SHA-256"

    def full(self) -> Cost:
        return python(
            "bench.backup_ours",
            "zipfile-write",
            str(self.source),
            str(self.made / "tree.zip"),
            cwd=self.folder,
        )

    def verify(self) -> Cost:
        return python("bench.backup_ours", "zipfile-verify", str(self.made / "tree.zip"), cwd=self.folder)

    def restore(self) -> Cost:
        return python(
            "bench.backup_ours",
            "zipfile-restore",
            str(self.made / "tree.zip"),
            str(self.restored),
            cwd=self.folder,
        )


EVERY_WAY: tuple[type[Way], ...] = (Ours, Zip, TarZstd, Restic, Borg, Zipfile)
WAYS = {way.name.split()[0].rstrip(","): way for way in EVERY_WAY}
BY_DEFAULT = ("mobius", "zip", "tar", "restic", "borg")


def _summed(name: str, folder: Path) -> Cost:
    """`sha256sum NAME > sum.sha256`."""
    return run(["sh", "-c", 'sha256sum "$0" > sum.sha256', name], cwd=folder)
