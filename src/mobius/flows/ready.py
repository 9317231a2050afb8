"""Whether a release is ready for an environment: looks at everything the nine points ask for, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mobius.errors import BackupInvalid, MobiusError
from mobius.flows.confirming import confirmations
from mobius.flows.github.approvals import approvals_of
from mobius.flows.standing import standing
from mobius.model.forge import BranchRules, Unknown
from mobius.model.notices import Delivery
from mobius.model.ready import Answer, Confirmation, Point, Proof, Readiness, Subject
from mobius.model.release import BackupRecord
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Forge, Ports, Source
from mobius.rules.forge.checks import judge_checks
from mobius.rules.forge.protection import judge_protection
from mobius.rules.ready.age import fresh
from mobius.rules.ready.artifacts import PREMERGE, SCAN, Artifact, Found, judge_premerge, judge_scan
from mobius.rules.ready.backup import judge_backup
from mobius.rules.ready.forge import judged, with_runs, without_films
from mobius.rules.ready.people import judge_lead, judge_said, was_withdrawn
from mobius.rules.ready.placeholders import Texts, judge_placeholders, judge_runbooks
from mobius.rules.ready.telling import judge_announced, judge_telling


@dataclass(frozen=True, slots=True)
class Around:
    """What lies outside the environment. `found`: a file of ARTIFACT_DIR; `artifacts`: those a validation leaves;
    `texts`: the documents of the release; `films`: the quality gates of films, asked now, and when the oldest film that
    was judged was made (unix seconds, 0 for none); `deliveries`: what became of the messages of this environment;
    `scanned_in`: the environments whose scan counts for this one, itself first."""

    forge: Callable[[], Forge | Unknown]
    found: Callable[[str], Found]
    artifacts: Callable[[], Sequence[Artifact]]
    texts: Callable[[Source], Texts]
    films: Callable[[], tuple[Sequence[CheckResult], float]]
    deliveries: Callable[[], Sequence[Delivery]]
    premerge_from: str
    scanned_in: tuple[str, ...]


def subject_of(source: Source, ports: Ports) -> Subject:
    """What the evidence must be of."""
    content = source.commit or source.digest
    return Subject(ports.service, ports.settings.name, source.tag, content, source.branch)


def ready(tag: str, ports: Ports, around: Around) -> Readiness:
    """Every point with its proofs. What cannot be looked at is an ERROR. Raises `UsageError` for an unknown tag."""
    source = ports.releases.find(tag)
    look = _Look(source, subject_of(source, ports), ports, around)
    without = ports.settings.ready.without
    answers = tuple(
        Answer(point, not_asked="mobius.toml has it in ready.without")
        if point in without
        else Answer(point, look.at(point))
        for point in Point
    )
    return Readiness(look.subject, ports.clock.now(), answers)


class _Look:
    """One look at everything; the forge is asked for once."""

    def __init__(self, source: Source, subject: Subject, ports: Ports, around: Around) -> None:
        self.subject = subject
        self._source, self._ports, self._around = source, ports, around
        self._now, self._settings = ports.clock.now(), ports.settings.ready
        self._asked: Forge | Unknown | None = None
        self._branch: BranchRules | Unknown | None = None
        self._said: tuple[Confirmation, ...] | None = None

    def at(self, point: Point) -> tuple[Proof, ...]:
        """The proofs of one point, none older than it bears."""
        looks: dict[Point, Callable[[], Sequence[Proof]]] = {
            Point.CI: self._ci,
            Point.PREMERGE: self._premerge,
            Point.BACKUP: self._backup,
            Point.GATES: self._gates,
            Point.APPROVALS: self._approvals,
            Point.PROTECTION: self._protection,
            Point.LEAD: self._lead,
            Point.CONTACTS: self._contacts,
            Point.PLACEHOLDERS: self._placeholders,
        }
        try:
            proofs = looks[point]()
        except MobiusError as problem:
            return (Proof(str(point), Outcome.ERROR, problem.message, renew=_command(problem)),)
        return tuple(fresh(proof, self._now, self._settings.age_of(point)) for proof in proofs)

    def _forge(self) -> Forge | Unknown:
        if self._asked is None:
            self._asked = self._around.forge()
        return self._asked

    def _ci(self) -> Sequence[Proof]:
        forge, content, wanted = self._forge(), self.subject.content, self._ports.settings.github.contexts
        runs = forge if isinstance(forge, Unknown) else forge.check_runs(content)
        if isinstance(runs, Unknown):
            where = self._at_the_forge(content[:12])
            return (Proof("checks", Outcome.ERROR, runs.reason, where, 0.0, runs.hint.removeprefix("try: ")),)
        found = judge_checks(runs, wanted, content, self._bound())
        renew = "push the commit, and let its checks run again" if wanted else "name them in github.contexts"
        proofs = with_runs(judged(found, self._at_the_forge(content[:12]), renew), runs)
        return proofs if self._ports.settings.media.latest else without_films(proofs)

    def _premerge(self) -> Sequence[Proof]:
        around, environment = self._around, self._around.premerge_from
        validated = judge_premerge(
            around.found(PREMERGE), around.artifacts(), self.subject, environment=environment
        )
        today = datetime.fromtimestamp(self._now, UTC).date()
        scanned = judge_scan(around.found(SCAN), self.subject, environments=around.scanned_in, today=today)
        return (*validated, *scanned)

    def _backup(self) -> Sequence[Proof]:
        ports = self._ports
        now = standing(ports)
        if now.doubts:
            told = "; ".join(now.doubts)
            return (Proof("live release", Outcome.ERROR, told, "status", 0.0, "mobius status"),)
        newest = _newest(ports) if now.live else None
        return judge_backup(
            now.live,
            newest,
            _damage(newest, ports),
            environment=ports.settings.name,
        )

    def _gates(self) -> Sequence[Proof]:
        ports = self._ports
        films, made_at = self._around.films()
        commands = [ports.checks.gate(each.name) for each in ports.settings.checks if each.when != "window"]
        if not films and not commands:
            told = "no quality gate is configured"
            renew = 'set media.latest or a [[gate]], or ready.without = ["gates"]'
            return (Proof("gates", Outcome.INCONCLUSIVE, told, "mobius.toml", 0.0, renew),)
        renew, asked = f"mobius media check -e {ports.settings.name}", "asked now"
        of_films = (
            [replace(each, at=made_at) for each in judged(films, "newest film", renew)] if films else []
        )
        return (*of_films, *(judged(commands, asked, renew) if commands else ()))

    def _approvals(self) -> Sequence[Proof]:
        content = self.subject.content
        found = approvals_of(self._forge(), self._ports.settings.github, content)
        return judged(found, self._at_the_forge(content[:12]), f"ask for reviews of {content[:12]}")

    def _protection(self) -> Sequence[Proof]:
        github = self._ports.settings.github
        found = judge_protection(self._rules(), github)
        return judged(found, self._at_the_forge(github.branch), "mobius github protection check")

    def _rules(self) -> BranchRules | Unknown:
        """Of the branch that is released from, asked for once."""
        if self._branch is None:
            forge = self._forge()
            branch = self._ports.settings.github.branch
            self._branch = forge if isinstance(forge, Unknown) else forge.protection(branch)
        return self._branch

    def _bound(self) -> Mapping[str, Sequence[int]]:
        """The apps that the branch believes alone, by the name of the check; none where that is not known."""
        rules = self._rules()
        return {} if isinstance(rules, Unknown) else rules.apps

    def _at_the_forge(self, what: str) -> str:
        forge = self._forge()
        return "github in mobius.toml" if isinstance(forge, Unknown) else f"{forge.repository}@{what}"

    def _words(self) -> tuple[Confirmation, ...]:
        """What people said. Raises `MobiusError` where the record was changed: then nobody knows who said what."""
        if self._said is None:
            self._ports.journal.verify_chain()
            self._said = confirmations(self._ports)
        return self._said

    def _lead(self) -> Sequence[Proof]:
        return judge_lead(self._ports.settings.deploy_lead, self._words(), self.subject)

    def _contacts(self) -> Sequence[Proof]:
        """Announced through a channel, and the receiver confirmed it; or somebody says that they know. Who takes that
        back is believed whatever was announced."""
        settings, words = self._ports.settings, self._words()
        named = judge_telling(settings.notify, settings.escalation)
        announced = judge_announced(self._around.deliveries(), settings.notify, self.subject)
        said = judge_said(Point.CONTACTS, words, self.subject)
        if said.outcome is Outcome.PASS:
            return (*named, said)
        delivered = bool(announced) and all(proof.outcome is Outcome.PASS for proof in announced)
        if delivered and not was_withdrawn(Point.CONTACTS, words, self.subject):
            return (*named, *announced)
        return (*named, *announced, said)

    def _placeholders(self) -> Sequence[Proof]:
        texts, settings = self._around.texts(self._source), self._settings
        replaced = judge_placeholders(texts, settings.placeholders, documents=settings.documents)
        return (*replaced, judge_runbooks(texts))


def _newest(ports: Ports) -> BackupRecord | None:
    known = ports.journal.backups(ports.settings.name) or ports.backups.found()
    return next((backup for backup in known if backup.kind == "release"), None)


def _damage(backup: BackupRecord | None, ports: Ports) -> str:
    """What is wrong with the archive, by its own hash, computed now, and the one on record; "" where nothing is."""
    if backup is None:
        return ""
    from pathlib import Path

    try:
        there = ports.backups.describe(Path(backup.path))
    except BackupInvalid as problem:
        return problem.message
    if (
        there.sha256 != backup.sha256
    ):  # whole, and with a checksum of its own: what was proven of the other is not of it
        return f"it is not the one that was made: SHA-256 {there.sha256[:12]}, and {backup.sha256[:12]} was written"
    return ""


def _command(problem: MobiusError) -> str:
    return problem.hint.removeprefix("try: ")
