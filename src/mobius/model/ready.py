"""Whether a release is ready for an environment: the nine points, the proof of each, and what people confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mobius.model.verdict import Outcome, worst


class Point(StrEnum):
    """A critical verification point, by the word that commands and settings have for it."""

    CI = "ci"
    PREMERGE = "premerge"
    BACKUP = "backup"
    GATES = "gates"
    APPROVALS = "approvals"
    PROTECTION = "protection"
    LEAD = "lead"
    CONTACTS = "contacts"
    PLACEHOLDERS = "placeholders"


TITLES: Mapping[Point, str] = {
    Point.CI: "CI passed on Ubuntu/macOS/Windows",
    Point.PREMERGE: "Premerge artifacts generated",
    Point.BACKUP: "Backup verified",
    Point.GATES: "Quality gates passed",
    Point.APPROVALS: "Required approvals",
    Point.PROTECTION: "Branch protection active with status checks",
    Point.LEAD: "Deploy lead confirmed",
    Point.CONTACTS: "Emergency contacts notified",
    Point.PLACEHOLDERS: "Placeholders replaced in all scripts and docs",
}
READY_CHECK = "ready"  # the check of a plan that all of them add up to; what a plan is, does not rest on it
BY_PEOPLE = (Point.LEAD, Point.CONTACTS)  # what only a person can know: confirmed, not measured
# What is measured of a commit and nothing else ages slowly, as long as nobody says otherwise.
BOUND_TO_THE_COMMIT_S: Mapping[Point, float] = {Point.CI: 7 * 86_400.0}
DOCUMENTS = ("scripts", "runbooks", "notifications", "docs", "README.md", "mobius.toml", ".github")


@dataclass(frozen=True, slots=True)
class ReadySettings:
    """What `mobius ready` asks. `required`: a deployment is refused without it. `max_age_s`: older evidence counts no
    more; `ages`: the same of single points, in seconds, by their names. `without`: points that are not asked here.
    `premerge_from`: the environment that is validated before a merge, "" for staging where there is one, else the
    environment itself. `documents`: where placeholders are looked for, in the release. `placeholders`: further words
    that must not stand there.
    """

    required: bool = False
    max_age_s: float = 86_400.0
    ages: Mapping[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    premerge_from: str = ""
    documents: tuple[str, ...] = DOCUMENTS
    placeholders: tuple[str, ...] = ()

    def age_of(self, point: Point) -> float:
        """Seconds after which evidence of this point is too old."""
        return self.ages.get(point, max(self.max_age_s, BOUND_TO_THE_COMMIT_S.get(point, 0.0)))


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was looked at. `where`: a file, an address, a record. `at`: when what was seen came to be, unix
    seconds, 0 where there is no such time. `renew`: what to do where it is no pass."""

    what: str
    outcome: Outcome
    value: str
    where: str = ""
    at: float = 0.0
    renew: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One point with its proofs. `not_asked`: why it was not, "" where it was."""

    point: Point
    proofs: tuple[Proof, ...] = ()
    not_asked: str = ""

    @property
    def outcome(self) -> Outcome:
        """The worst of its proofs; without any, nothing is proven."""
        return worst([proof.outcome for proof in self.proofs])

    @property
    def oldest(self) -> float:
        """When the oldest of its evidence came to be, 0 where none has a time."""
        return min((proof.at for proof in self.proofs if proof.at), default=0.0)

    @property
    def renew(self) -> str:
        """What to do about the first proof that is as bad as the point."""
        return next((p.renew for p in self.proofs if p.outcome is self.outcome and p.renew), "")


@dataclass(frozen=True, slots=True)
class Subject:
    """What the evidence must be of. `content`: the commit, or the digest of a source that has none."""

    service: str
    environment: str
    tag: str
    content: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """All points for one release and one environment, looked at at one moment."""

    subject: Subject
    at: float
    answers: tuple[Answer, ...]

    @property
    def asked(self) -> tuple[Answer, ...]:
        """Those that were asked."""
        return tuple(answer for answer in self.answers if not answer.not_asked)

    @property
    def outcome(self) -> Outcome:
        """PASS only where every point that is asked passed; where none is asked, nothing is proven."""
        return worst([answer.outcome for answer in self.asked])


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What somebody said of a point. `by`: the name that was given; `who`: the account and machine it came from.
    `withdrawn`: it was taken back."""

    point: Point
    by: str
    at: float
    tag: str
    content: str
    note: str = ""
    who: str = ""
    withdrawn: bool = False
