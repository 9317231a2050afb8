"""This checkout, deployed into a scratch place: cut off by bubblewrap where that can be had, else as it is."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.adapters.places import Places
from mobius.adapters.rehearsal.scratch import scratch_place
from mobius.adapters.repository import git
from mobius.adapters.scratch.cut_off import cut_off, why_not_here
from mobius.adapters.scratch.ending import end_group, end_scratch
from mobius.adapters.scratch.files import why_not_as_it_is, why_not_covered
from mobius.adapters.scratch.servers import why_no_server
from mobius.adapters.scratch.settings import left_out, scratch_settings, why_not
from mobius.adapters.snapshot import save_settings
from mobius.errors import GateUnknown
from mobius.flows.plan import release_of
from mobius.host.slots import free_port
from mobius.model.verdict import CheckResult, Outcome
from mobius.wiring.app import App
from mobius.wiring.scratch_data import scratch_data

INSIDE = "mobius.wiring.scratch_inside"
ENDED_WITHIN_S = 10.0
WHERE = "scratch-root"  # the file that says where it was, for whoever has to end it


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it. `how`: "isolated" or "plain"; `backup`: of it, kept where the caller said, None where it
    stands on a copy of somebody's data; `data`: what it stood on, in words."""

    outcome: Outcome
    sentence: str
    how: str
    advice: str = ""
    release: str = ""
    smoke: tuple[CheckResult, ...] = ()
    looks: tuple[Mapping[str, Any], ...] = field(default=())
    left_out: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    backup: Path | None = None
    data: str = ""


def way_of_starting(app: App, name: str) -> tuple[str, str]:
    """("isolated", "plain" or "url", "") by what mobius.toml says and this machine can; ("", why) where nothing can
    be had. Started as it is only where nothing of anybody's runs: in CI, or where mobius.toml says so."""
    settings = app.environment(name)
    asked = settings.premerge.smoke
    if asked == "url":
        return "url", ""
    places = Places(app.settings.project, settings.root, settings.release.link)
    if reason := why_not(settings) or why_no_server(settings):
        return "", f"this checkout cannot be started in a scratch place: {reason}"
    how, reason = _isolated_or_plain(app, asked)
    lacking = (why_not_covered if how == "isolated" else why_not_as_it_is)(settings, places) if how else ""
    if lacking:
        return "", f"this checkout cannot be started in a scratch place: {lacking}"
    return how, reason


def _isolated_or_plain(app: App, asked: str | None) -> tuple[str, str]:
    if asked == "plain":
        return "plain", ""
    reason = why_not_here()
    if not reason:
        return "isolated", ""
    if asked is None and app.environ.get("CI", "").lower() in ("true", "1"):
        return "plain", ""
    return "", reason


def advice_on(why: str) -> str:
    """What to do where nothing can be started, by the reason of `way_of_starting`."""
    if "bubblewrap" in why:
        return 'apt install bubblewrap; or say how: [premerge] smoke = "plain" or "url"'
    return 'or ask what runs at the configured address: [premerge] smoke = "url"'


def start_here(
    app: App, name: str, tag: str, *, how: str, keep: Path, progress: Callable[[str], None]
) -> Seen:
    """Stages `tag` in a scratch place, deploys it there, watches it for a while and backs it up; its backup is moved
    into `keep`. Raises `MobiusError` where it cannot be staged, `GateUnknown` where nothing was seen."""
    settings, project = app.environment(name), app.settings.project
    with scratch_place(settings.root / "run", progress) as place, ExitStack() as stack:
        is_cut_off = how == "isolated"
        moved = scratch_settings(app.settings, settings, place, free_port(set()), env_files=is_cut_off)
        if is_cut_off:
            _copy_environment_files(app, name, place / "root")
        data = stack.enter_context(
            scratch_data(app, name, moved.environment(name), place, how=how, progress=progress)
        )
        moved = replace(moved, environments={name: data.settings})
        ports = App(moved, app.environ).ports(name)
        keep.parent.mkdir(parents=True, exist_ok=True)
        (keep.parent / WHERE).write_text(str(place / "root"), encoding="utf-8")
        progress("staging this checkout")
        ports.releases.stage(release_of(ports.releases.find(tag), ports), progress=progress)
        (place / "artifacts").mkdir(exist_ok=True)
        save_settings(place / "settings.json", moved, name)
        out = place / "seen.json"
        watch, backed_up = str(settings.premerge.watch_s), "" if data.of else "backup"
        words = [
            sys.executable,
            "-m",
            INSIDE,
            str(place / "settings.json"),
            name,
            tag,
            watch,
            backed_up,
            str(out),
        ]
        if is_cut_off:
            shown = [project, *_repository_of(project)]
            words = cut_off(
                words,
                place=place,
                hidden=[settings.root],
                shown=shown,
                bound=data.bound,
                sockets=data.sockets,
            )
        progress(f"deploying it in a scratch place, {'cut off' if is_cut_off else 'as it is'}, {data.said}")
        with _ended(place / "root", how):
            code = _run(words, app.environ, place)
        if not out.is_file():
            raise GateUnknown(
                f"the start in a scratch place ended with exit code {code} and saw nothing",
                "see what it said above; the release by itself: mobius smoke",
            )
        seen = _read(json.loads(out.read_text(encoding="utf-8")), how, left_out(settings), keep)
        return replace(seen, data=data.said)


def _run(words: list[str], environ: Mapping[str, str], place: Path) -> int:
    """Its output is ours; it ends with us."""
    process = subprocess.Popen(
        words, cwd=place, env=dict(environ), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            end_group(process.pid, signal.SIGTERM)
            try:
                process.wait(ENDED_WITHIN_S)
            except subprocess.TimeoutExpired:
                end_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()


@contextmanager
def _ended(root: Path, how: str) -> Iterator[None]:
    """What is cut off ends with its namespace; of what is not, nothing is left running."""
    try:
        yield
    finally:
        if how != "isolated":
            end_scratch(root)


def _copy_environment_files(app: App, name: str, root: Path) -> None:
    """The files of variables of the live environment, where they lie in its root: nobody is reached with them."""
    settings = app.environment(name)
    places = Places(app.settings.project, settings.root, settings.release.link)
    moved = Places(app.settings.project, root, settings.release.link)
    for process in settings.processes:
        if process.env_file and (file := places.resolve(process.env_file)).is_file():
            there = moved.resolve(process.env_file)
            if there.is_relative_to(root):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, there)
                there.chmod(0o600)


def _repository_of(project: Path) -> list[Path]:
    """Where git has what it needs for this folder: a work tree's repository may lie elsewhere."""
    found = [git(project, "rev-parse", word) for word in ("--show-toplevel", "--git-common-dir")]
    return [(project / each).resolve() for each in found if each]


def _read(seen: Mapping[str, Any], how: str, out: tuple[str, ...], keep: Path) -> Seen:
    smoke = tuple(
        CheckResult(
            str(one["name"]),
            Outcome(one["outcome"]),
            str(one["message"]),
            float(one["duration_ms"]),
            str(one.get("advice") or ""),
            str(one.get("output") or ""),
        )
        for one in seen.get("smoke") or ()
    )
    backup = None
    if seen.get("backup"):
        made = Path(str(seen["backup"]))
        keep.mkdir(parents=True, exist_ok=True)
        backup = keep / made.name
        shutil.move(made, backup)
    return Seen(
        Outcome(seen["outcome"]),
        str(seen.get("sentence") or ""),
        how,
        str(seen.get("advice") or ""),
        str(seen.get("release") or ""),
        smoke,
        tuple(seen.get("looks") or ()),
        out,
        tuple(seen.get("log") or ()),
        backup,
    )
