"""The small service that most pages are followed on, with releases that are live before a page begins."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from journeys.service import Service
from mobius.host.children import MARK_ROOT, find_marked
from mobius.host.client import HostClient, HostRefused, HostUnavailable

STAGING = """
[environments.staging]
target = "process"
url = "http://127.0.0.1:<staging>"
window = "1s"
"""


def bring(service: Service, *tags: str) -> None:
    """Each is deployed, and kept."""
    for number, tag in enumerate(tags, 1):
        if not (service.folder / "releases" / tag).exists():
            service.add_release(tag)
        service.mobius("deploy", "-e", "production", "--tag", tag, expect=0)
        assert service.status()["live"]["tag"] == tag, number


def set_(service: Service, old: str, new: str) -> None:
    """Changes mobius.toml by hand."""
    text = service.config.read_text()
    assert old in text, old
    service.config.write_text(text.replace(old, new, 1))


def backup_of(service: Service, pattern: str = "probe_*_*.zip") -> str:
    """The name of the newest one."""
    return sorted(path.name for path in (service.folder / "backups").glob(pattern))[-1]


def logo(service: Service) -> Path:
    """A file of the service's data, as the pages name one."""
    file = service.root / "shared" / "data" / "logo.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG" + bytes(48_000))
    return file


def end_all(root: Path) -> None:
    """Ends what a page left running in the root of an environment, its supervisor first."""
    with contextlib.suppress(HostUnavailable, HostRefused):
        HostClient(root, timeout_s=20.0).shutdown(stop_slots=True)
    supervisors = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            supervisors += [process] if "mobius.host" in words and str(root.resolve()) in words else []
    left = [*supervisors, *find_marked(MARK_ROOT, str(root.resolve()))]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=10)
