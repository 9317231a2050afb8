"""A validation before a merge: its steps as processes, its report as files, and who else validates here."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from mobius.adapters.premerge.children import ChildSteps
from mobius.adapters.premerge.folder import LOG, SUMMARY_VARIABLE, Folder
from mobius.adapters.repository import changed_in, git, moved_since
from mobius.adapters.scratch.ending import end_scratch
from mobius.archive.durable import lock_file
from mobius.errors import Locked, MobiusError, UsageError
from mobius.flows.premerge.validate import Viewer, begun_with, validate
from mobius.model.premerge import STEPS, TITLES, Premerge, Skip
from mobius.rules.premerge import of_one_checkout
from mobius.wiring.app import App
from mobius.wiring.forge import redact_of
from mobius.wiring.scratch import WHERE, way_of_starting

LOCK = ".premerge.lock"


def environment_of(app: App, name: str | None) -> str:
    """The named one; else staging, or the first that is not production; else the only one."""
    if name is not None or len(app.environments) == 1:
        return app.environment(name).name
    others = [each for each in app.environments if each != "production"]
    return "staging" if "staging" in others else others[0]


def foreseen(app: App, environment: str, skips: Mapping[str, str]) -> list[tuple[str, str]]:
    """(step, what would be done); looks, and changes nothing."""
    how, why = way_of_starting(app, environment)
    starts = {
        "isolated": "cut off",
        "plain": "as it is",
        "url": "not at all: the configured address is asked",
    }
    told = {"smoke": f"{TITLES['smoke']} ({starts.get(how, f'it could not be: {why}')})"}
    return [
        (name, f"skipped: {skips[name]}" if name in skips else told.get(name, TITLES[name])) for name in STEPS
    ]


def premerge(
    app: App,
    environment: str,
    *,
    tag: str | None,
    skips: Mapping[str, str],
    rehearse: bool,
    config: Path | None,
    who: str,
    viewer: Viewer,
) -> Premerge:
    """Validates this checkout. `skips`: by step, the reason. Raises `Locked` where somebody validates into the same
    folder, `MobiusError` where it cannot be written."""
    settings, project = app.environment(environment), app.settings.project
    folder, redact = settings.artifact_dir, redact_of(app)
    if project.is_relative_to(
        folder
    ):  # it is emptied of what an earlier validation left, and hidden from git
        raise UsageError(
            f"ARTIFACT_DIR is {folder}, which holds the project itself", "set it to a folder of its own"
        )
    if ".git" in folder.parts:
        raise UsageError(f"ARTIFACT_DIR is {folder}, which belongs to git", "set it to a folder of its own")
    tag = tag or _tag_of(app)
    head = git(project, "rev-parse", "HEAD")
    commit = _commit_of(app, environment, tag)
    begun = begun_with(
        Premerge(
            run_id=secrets.token_hex(8),
            service=app.settings.service,
            environment=environment,
            commit=commit,
            branch=git(project, "rev-parse", "--abbrev-ref", "HEAD"),
            dirty=bool(changed_in(project)),
            started_at=time.time(),
            required=settings.premerge.required,
            steps=(),
        ),
        STEPS,
        {name: Skip(who, reason) for name, reason in skips.items()},
    )
    summary = app.environ.get(SUMMARY_VARIABLE)
    reports = Folder(
        folder,
        settings.backup.folder,
        redact,
        Path(summary) if summary else None,
        # A folder of other things, or one elsewhere, keeps its own word about what git sees.
        hidden=folder.is_relative_to(project) and not git(project, "ls-files", "--", str(folder)),
    )
    with _alone(folder), tempfile.TemporaryDirectory(prefix="mobius-premerge-") as made:
        run_folder = Path(made)
        where = run_folder / WHERE

        def words(name: str, result: Path) -> Sequence[str]:
            given = ["--config", str(config or app.settings.file)]
            named = ["--env", environment, "--tag", tag]
            more = ["--rehearse"] if rehearse else []
            told = ["--result", str(result), *named, *more]
            return [sys.executable, "-m", "mobius", *given, "premerge-step", name, *told]

        steps = ChildSteps(
            words,
            cwd=project,
            environ=app.environ,
            folder=run_folder,
            log=folder / LOG,
            timeout_s=settings.premerge.timeout_s,
            redact=redact,
            clean=lambda: end_scratch(Path(where.read_text("utf-8"))) if where.is_file() else None,
        )
        return validate(
            begun,
            steps,
            reports,
            app.ports(environment, read_only=True).clock,
            after={"backup": ("smoke",), **({"migrations": ("backup",)} if rehearse else {})},
            at_once=max(2, os.cpu_count() or 2),
            viewer=viewer,
            at_the_end=partial(_as_checked_out, project, head),
        )


def _tag_of(app: App) -> str:
    """What is validated where nobody says: what is checked out."""
    if app.settings.release_tag:
        return app.settings.release_tag
    if any(each.release.source != "git" for each in app.settings.environments.values()):
        raise UsageError("which release?", "add --tag, or set RELEASE_TAG")
    return "HEAD"


def _commit_of(app: App, environment: str, tag: str) -> str:
    """The commit that is validated, which is the one that is checked out: what reads the work tree would be of another
    otherwise. Raises `UsageError` where it is not."""
    named = app.ports(environment, read_only=True).releases.find(tag).commit
    head = git(app.settings.project, "rev-parse", "HEAD")
    if named and head and named != head:
        raise UsageError(
            f"{tag} is {named[:12]}, and {head[:12]} is checked out: only what is checked out can be validated",
            f"git checkout {tag}; or leave --tag and RELEASE_TAG away",
        )
    return named or head


def _as_checked_out(project: Path, head: str, now: Premerge) -> Premerge:
    """What the steps say is worth nothing where another commit was checked out meanwhile; a changed file is told."""
    if told := moved_since(project, head):
        return of_one_checkout(now, told)
    return replace(now, dirty=now.dirty or bool(changed_in(project)))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that write into one folder would be taken for each other. Raises `Locked`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as problem:
        raise MobiusError(
            f"the artefacts cannot be written to {folder}: {problem.strerror or problem}",
            "set ARTIFACT_DIR to a folder that can be written",
        ) from problem
    try:
        if not lock_file(lock, wait=False):
            raise Locked(
                f"another validation writes into {folder}", "wait for it, or set ARTIFACT_DIR to another"
            )
        yield
    finally:
        os.close(lock)
