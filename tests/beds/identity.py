"""Who a host is: its name and machine id, its ssh host key, and the keys that may log in."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from .build import DEPLOY_USER, rootfs

NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")
SSH_CONFIG = """\
Host {name} {address}
  HostName {address}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 5
"""


class Identity:
    """Made once for a host, and kept over its reboots."""

    def __init__(self, name: str, address: str, *, folder: Path) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"a host is named by small letters, digits and dashes, not {name!r}")
        self.name, self.address, self.folder = name, address, folder
        folder.mkdir(mode=0o700)
        self.key = new_key(folder / "key", f"somebody@{name}")
        self.host_key = new_key(folder / "host_key", name)
        public = self.host_key.with_suffix(".pub").read_text()
        (folder / "known_hosts").write_text(f"{name},{address} {public}")
        self.ssh_config.write_text(SSH_CONFIG.format(name=name, address=address, folder=folder))

    @property
    def ssh_config(self) -> Path:
        return self.folder / "config"

    def write_into(self, upper: Path) -> None:
        """Into the layer above the root file system, before the first boot."""
        for path, text, mode in (
            ("etc/hostname", f"{self.name}\n", 0o644),
            ("etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444),
            ("etc/hosts", self.hosts_file({self.name: self.address}), 0o644),
            ("etc/ssh/ssh_host_ed25519_key", self.host_key.read_text(), 0o600),
            ("etc/ssh/ssh_host_ed25519_key.pub", self.host_key.with_suffix(".pub").read_text(), 0o644),
        ):
            put(upper / path, text, mode)
        for home in ("root", f"home/{DEPLOY_USER}"):
            self._let_in(upper, home)

    def _let_in(self, upper: Path, home: str) -> None:
        """The folders are made anew above those below, so they must look the same."""
        below = (rootfs() / home).stat()
        keys = upper / home / ".ssh" / "authorized_keys"
        put(keys, self.key.with_suffix(".pub").read_text(), 0o600)
        (upper / home).chmod(below.st_mode & 0o7777)
        keys.parent.chmod(0o700)
        for path in (upper / home, keys.parent, keys):
            shutil.chown(path, below.st_uid, below.st_gid)

    def hosts_file(self, neighbours: Mapping[str, str]) -> str:
        return "127.0.0.1 localhost\n::1 localhost\n" + "".join(
            f"{address} {name}\n" for name, address in sorted(neighbours.items())
        )


def new_key(path: Path, comment: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path],
        check=True,
        capture_output=True,
    )
    return path


def put(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
