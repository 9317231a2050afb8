"""What looks for known vulnerabilities says: found, none, or not known; and who accepted what until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Literal

from mobius.model.verdict import Outcome

SourceName = Literal["npm", "pip", "osv", "sarif"]
DEPENDENCIES = "dependencies"  # what a waiver names where the project has nothing that a source could read


class Level(IntEnum):
    """How bad one is. UNKNOWN weighs more than the worst: nobody said that it is less."""

    LOW = 1
    MODERATE = 2
    HIGH = 3
    CRITICAL = 4
    UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One that is known. `id`: of the advisory, or of the rule; `place`: the file it was found in; `fixed_in`: the
    version to take, "" where there is none."""

    id: str
    package: str
    version: str
    level: Level
    title: str
    fixed_in: str = ""
    aliases: tuple[str, ...] = ()
    place: str = ""
    line: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every id it goes by."""
        return (self.id, *self.aliases)


@dataclass(frozen=True, slots=True)
class Known:
    """A source answered, and could be believed. `data_age_s`: the age of what it knows, in seconds; `looked_at`: how
    many packages, or results; `tool`: name and version."""

    found: tuple[Vulnerability, ...]
    data_age_s: float
    looked_at: int
    tool: str = ""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A source gave no answer that could be believed: why, and the next step. `found`: what it named all the same."""

    why: str
    advice: str = ""
    found: tuple[Vulnerability, ...] = ()
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One source and what it said of one place. `of`: the file it read, relative to the project."""

    source: str
    of: str
    answer: Known | NotKnown
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a lock file. `place`: where it stands there; `depends`: the places of those it needs."""

    ecosystem: str  # "npm" or "pypi"
    name: str
    version: str
    place: str
    dev: bool = False
    integrity: str = ""
    license: str = ""
    depends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiver:
    """One `[[scan.waiver]]`. `of`: a source, or the id of a vulnerability; it counts only with the `name` of a person,
    a `reason`, and up to the day `until`."""

    of: str
    name: str = ""
    reason: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """`sources`: () for all that fit the project's files. `severity`: this and worse refuse. `sarif`: patterns of files
    that others wrote. `npm`, `pip`, `osv`: how each tool is called. `max_age_s`: older data is no answer."""

    sources: tuple[SourceName, ...] = ()
    severity: Literal["low", "moderate", "high", "critical"] = "high"
    max_age_s: float = 7 * 86_400.0
    timeout_s: float = 120.0
    sarif: tuple[str, ...] = ()
    npm: tuple[str, ...] = ("npm",)
    pip: tuple[str, ...] = ("pip-audit",)
    osv: tuple[str, ...] = ("osv-scanner",)
    dev: bool = False
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One source's answer, judged. `waived`: the waiver by which an unknown counts as answered; `accepted`: those that
    a person took on, each with the waiver; `refused`: those that stop a release; `below`: too light to."""

    source: str
    of: str
    outcome: Outcome
    message: str
    advice: str = ""
    data_age_s: float | None = None
    looked_at: int = 0
    tool: str = ""
    seconds: float = 0.0
    refused: tuple[Vulnerability, ...] = ()
    accepted: tuple[tuple[Vulnerability, Waiver], ...] = ()
    below: tuple[Vulnerability, ...] = ()
    waived: Waiver | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything that was asked for one commit. `remarks`: waivers that count for nothing, and why."""

    service: str
    environment: str
    commit: str
    dirty: bool
    at: float
    sources: tuple[Judged, ...]
    remarks: tuple[str, ...] = field(default=())
