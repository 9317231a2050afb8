"""Evidence of the runs of an App: who keeps it, and with which tools it was made."""

from __future__ import annotations

import platform

from mobius.adapters.evidence.folder import EvidenceFolder
from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor, secrets_of
from mobius.errors import MobiusError
from mobius.flows.evidence import leave_evidence
from mobius.model.evidence import Written
from mobius.wiring.app import App, version


def evidence_folder(app: App, name: str | None) -> EvidenceFolder:
    """Where the evidence of an environment lies, and its keys."""
    settings = app.environment(name)
    places = Places(app.settings.project, settings.root, settings.release.link)
    return EvidenceFolder(places, settings.evidence, redactor(secrets_of(settings, places, app.environ)))


def write_evidence(app: App, name: str | None) -> tuple[Written, ...]:
    """Of every ended run that lacks it. Raises `MobiusError` where it cannot be written."""
    tools = {
        "mobius": version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
    }
    return leave_evidence(app.ports(name), evidence_folder(app, name), tools=tools)


def try_evidence(app: App, name: str | None) -> str:
    """The same, where nothing may fail for its sake: "" or what could not be done, in words."""
    try:
        write_evidence(app, name)
    except (MobiusError, OSError) as problem:
        return f"the evidence could not be written: {problem}"
    return ""
