"""Builds the root file system of the bed, once: `python -m tests.beds.build` (or `make bed`), as root.

It installs what it needs itself, takes packages from wherever this machine takes its own, and publishes the finished
tree with one rename: there is a whole root file system or none.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
}
FIRST = ("systemd", "systemd-sysv", "dbus")
PACKAGES = (
    "ca-certificates",
    "caddy",
    "curl",
    "faketime",
    "git",
    "haproxy",
    "iproute2",
    "less",
    "libfaketime",
    "libpam-systemd",
    "nginx-light",
    "nodejs",
    "openssh-client",
    "openssh-server",
    "postgresql",
    "procps",
    "psmisc",
    "python3",
    "python3-venv",
    "rsync",
    "sqlite3",
    "sudo",
    "unzip",
    "zip",
)
RECIPE = 2  # count up when what `furnish` does is changed
ASLEEP = (  # installed, and started by the test that wants it; timers of the night are never wanted
    *("caddy.service", "haproxy.service", "nginx.service", "postgresql.service", "rsync.service"),
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "fstrim.timer",
    ),
    *("e2scrub_reap.service", "systemd-pstore.service", "remote-fs.target"),
)
DEPLOY_USER = "deploy"
INIT_PATH = "/usr/local/sbin/init-of-the-bed"
ALONE = ("unshare", "--mount", "--propagation", "private", "--")  # a killed builder leaves nothing mounted

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
MaxStartups 100
"""
ACCOUNTING = """\
[Manager]
DefaultMemoryAccounting=yes
DefaultTasksAccounting=yes
DefaultCPUAccounting=yes
"""
# nspawn gives the old kind of cgroups to the container read-only; systemd would count nothing and limit nothing.
INIT = """\
#!/bin/sh
for kind in memory pids cpu cpuacct; do
  [ ! -d "/sys/fs/cgroup/$kind" ] || mount -o remount,bind,rw "/sys/fs/cgroup/$kind"
done
exec /lib/systemd/systemd "$@"
"""


class CannotBuild(Exception):
    """The root file system was not built; the message says why."""


def rootfs() -> Path:
    """Where the finished root file system is, or would be."""
    what = "\n".join((release(), os.uname().machine, str(RECIPE), *FIRST, *PACKAGES))
    return beds() / f"{release()}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def beds() -> Path:
    """The folder of all that the beds keep: `MOBIUS_BEDS`, or below the cache of this user."""
    given = os.environ.get("MOBIUS_BEDS")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given).absolute() if given else cache / "mobius" / "beds"
    if set(str(folder)) & set(",:\\ "):
        raise CannotBuild(
            f"the folder of the beds is named in mount options: no comma, colon or blank in {folder}"
        )
    return folder


def release() -> str:
    """The code name of this machine's release; the bed has the same, so that this machine's Python runs there."""
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    raise CannotBuild("/etc/os-release names no VERSION_CODENAME: only Debian and its children can be built")


def build() -> Path:
    """Builds it when it is not there; of two builders the second waits for the first. Takes about two minutes."""
    home = rootfs()
    beds().mkdir(parents=True, exist_ok=True)
    with (beds() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            begun = time.monotonic()
            print(f"building the root file system of the bed in {home}", file=sys.stderr, flush=True)
            install_tools()
            draft = home.with_name(home.name + ".part")
            shutil.rmtree(draft, ignore_errors=True)
            bootstrap(draft)
            furnish(draft)
            draft.rename(home)
            print(f"built in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return home


def install_tools() -> None:
    """What building and booting need on this machine, where it is not there yet."""
    if os.geteuid() != 0:
        raise CannotBuild("building the root file system needs root")
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)


def bootstrap(draft: Path) -> None:
    """The smallest tree that boots, then the packages, both from the sources of this machine."""
    archives = beds() / "archives"
    archives.mkdir(exist_ok=True)
    source, signed_by = own_source()
    keyring = [f"--keyring={signed_by}"] if signed_by.startswith("/") else []
    run(
        *(
            "debootstrap",
            "--variant=minbase",
            f"--cache-dir={archives}",
            f"--include={','.join(FIRST)}",
            *keyring,
        ),
        *(release(), str(draft), source),
    )
    copy_sources(draft)
    (draft / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")  # a tree that is thrown away
    inside(draft, "apt-get", "update", "-qq")
    inside(draft, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    inside(draft, "apt-get", "clean")
    shutil.rmtree(draft / "var/lib/apt/lists")


def own_source() -> tuple[str, str]:
    """The address that this machine's apt has for its own release, and the keyring that signs it, if named."""
    form = "$(REPO_URI) $(CODENAME) $(RELEASE) $(COMPONENT) $(SIGNED_BY)"
    listed = run("apt-get", "indextargets", "--format", form, "Identifier: Packages", capture=True)
    for line in listed.splitlines():
        address, codename, suite, component, signed_by = line.split(" ", 4)
        if component == "main" and release() in (codename, suite):
            return address, signed_by.strip()
    raise CannotBuild(f"apt on this machine has no source of main for {release()}")


def copy_sources(draft: Path) -> None:
    """Sources, keys and the way to reach them, as this machine has them."""
    for name in ("sources.list", "sources.list.d", "trusted.gpg.d", "keyrings", "preferences.d"):
        ours, theirs = Path("/etc/apt", name), draft / "etc/apt" / name
        if ours.is_dir():
            shutil.copytree(ours, theirs, dirs_exist_ok=True)
        elif ours.exists():
            shutil.copy(ours, theirs)
        elif theirs.is_file():
            theirs.unlink()
    shutil.copytree("/usr/share/keyrings", draft / "usr/share/keyrings", dirs_exist_ok=True)
    settings = run("apt-config", "dump", "Acquire", capture=True)
    (draft / "etc/apt/apt.conf.d/90machine").write_text(settings)
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copy(name, draft / name.lstrip("/"))
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        (draft / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy(certificates, draft / str(certificates).lstrip("/"))


def furnish(draft: Path) -> None:
    """Everything that all hosts have in common: what is asleep, the deploy user, sshd, a journal that stays."""
    for wants in (draft / "etc/systemd/system").glob("*.wants"):
        for unit in ASLEEP:
            (wants / unit).unlink(missing_ok=True)
    inside(draft, "useradd", "--create-home", "--shell", "/bin/bash", DEPLOY_USER)
    for path, mode in ((f"home/{DEPLOY_USER}", 0o755), ("root", 0o711)):  # a Python may lie below /root
        (draft / path).chmod(mode)
    (draft / "var/log/journal").mkdir(exist_ok=True)
    for key in (draft / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for path, text in {
        "etc/ssh/sshd_config.d/bed.conf": SSHD,
        "etc/systemd/system.conf.d/bed.conf": ACCOUNTING,
        INIT_PATH.lstrip("/"): INIT,
        "etc/machine-id": "",
        "etc/resolv.conf": "",
    }.items():
        (draft / path).parent.mkdir(exist_ok=True)
        (draft / path).write_text(text)
    (draft / INIT_PATH.lstrip("/")).chmod(0o755)


def inside(draft: Path, *argv: str) -> None:
    """A program in the tree, which has its /proc."""
    run(*ALONE, "sh", "-euc", 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"', str(draft), *argv)


def run(*argv: str, capture: bool = False) -> str:
    """One program, quiet unless it fails."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if capture else subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + (done.stderr or "")).splitlines()[-20:])
        raise CannotBuild(f"{' '.join(argv[:6])} … left with {done.returncode}:\n{said}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(build())
    except CannotBuild as reason:
        sys.exit(f"the bed cannot be built: {reason}")
