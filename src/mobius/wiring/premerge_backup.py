"""The backup that a validation before a merge makes, and leaves among its artefacts."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

from mobius.adapters.premerge.folder import BACKUP
from mobius.archive.verify import verify_archive
from mobius.flows.standing import standing
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.words import size
from mobius.wiring.app import App

MOST_COPIED = 1 << 30  # a backup that is larger, and cannot be linked, stays where it is
SCRATCH_BACKUP = "scratch-backup"  # below the folder of the run


def backup(
    app: App, environment: str, run_folder: Path
) -> tuple[tuple[CheckResult, ...], str, *tuple[str, ...]]:
    """(its checks, one line, its files): what is live, backed up and read back; where nothing is, what the scratch
    place made of this checkout."""
    ports = app.ports(environment, read_only=True)
    folder = ports.settings.artifact_dir / BACKUP
    if standing(ports).live is not None or ports.commands is not None:
        made = Path(app.create_backup(environment, progress=print).path)
        of, kept = "of what is live", _kept(made, folder, environment)
    else:
        found = sorted((run_folder / SCRATCH_BACKUP).glob("*.zip"))
        if not found:
            message = "nothing is live, and no scratch place made a backup of this checkout"
            advice = "see the step smoke; or deploy first: mobius deploy"
            return (CheckResult("backup", Outcome.ERROR, message, 0.0, advice),), ""
        made, of = found[-1], "of this checkout, deployed in a scratch place: nothing is live"
        kept = _kept(made, folder, "scratch")
    verify_archive(made if not kept else folder / kept)
    bytes_ = size(made.stat().st_size)
    where = kept or f"{made}, which stays there: it is production's, or large"
    told = f"{where}, {bytes_}, every hash read back; {of}"
    files = (f"{BACKUP}/{kept}", f"{BACKUP}/{kept}.sha256") if kept else ()
    return (CheckResult("backup", Outcome.PASS, told, 0.0),), told, *files


def _kept(made: Path, folder: Path, environment: str) -> str:
    """Its name among the artefacts, where it lies with its checksum; "" for what does not belong there: production's
    data goes nowhere else, and a large one is not copied."""
    if environment == "production":
        return ""
    target = folder / made.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.link(made, target)
    except OSError:
        if made.stat().st_size > MOST_COPIED:
            return ""
        shutil.copyfile(made, target)
    digest = sha256()
    with target.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    Path(f"{target}.sha256").write_bytes(f"{digest.hexdigest()}  {target.name}\n".encode())
    return made.name
