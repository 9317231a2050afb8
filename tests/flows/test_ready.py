"""Readiness of a release in a whole environment, and what a deployment that requires it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.checks.memory import bad, good
from mobius.adapters.forge.memory import MemoryForge
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError
from mobius.flows.confirming import confirm, confirmations
from mobius.flows.ready import Around, ready, subject_of
from mobius.model.forge import (
    Approvals,
    BranchRules,
    CheckRun,
    Pull,
    RequiredContext,
    Review,
    ReviewState,
    RuleSource,
    TeamReview,
    Unknown,
)
from mobius.model.notices import (
    ChannelSettings,
    Delivery,
    EscalationSettings,
    EscalationStep,
    NotifySettings,
    Settlement,
)
from mobius.model.premerge import STEPS
from mobius.model.ready import Point, Readiness, ReadySettings, Subject
from mobius.model.run import RunState
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Forge, Note, Source
from mobius.report.ready import gate_result
from mobius.report.words import iso
from mobius.rules.ready.artifacts import FILES, Artifact, Found
from mobius.rules.ready.placeholders import Texts
from mobius.rules.ready.telling import judge_announced
from world import SETTINGS, World

PASS, FAIL, INCONCLUSIVE, ERROR = Outcome
DAY = 86_400.0
LEAD = "@ann"
RUNBOOKS = {"runbooks/deployment_runbook.md": "deploy", "runbooks/rollback_runbook.md": "go back"}
GITHUB = replace(SETTINGS.github, code_owners=False, ops_team="ops")


@dataclass
class Ground:
    """A world in which v1 is live and v2 is ready, until a test takes something of it away."""

    world: World = field(
        default_factory=lambda: World(settings=replace(SETTINGS, deploy_lead=LEAD, github=GITHUB))
    )
    forge: Forge | Unknown = field(default_factory=MemoryForge)
    files: dict[str, Found] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=lambda: dict(RUNBOOKS))
    films: tuple[CheckResult, ...] = ()
    films_at: float = 0.0
    deliveries: tuple[Delivery, ...] = ()
    said: tuple[tuple[Point, str], ...] = ((Point.LEAD, LEAD), (Point.CONTACTS, "bob"))

    def __post_init__(self) -> None:
        world = self.world
        world.deploy("v1")
        world.gates["lint"] = good("lint")
        self.back_up()
        self.commit = world.releases.find("v2").commit or world.releases.find("v2").digest
        if isinstance(self.forge, MemoryForge):
            _fill(self.forge, self.commit, iso(world.clock.now()))
        self.validate()
        for point, by in self.said:
            confirm(point, "v2", world.ports, by=by, note="by phone", who="bob@box")

    def back_up(self) -> None:
        ports = self.world.ports
        (live,) = (r for r in ports.journal.releases("production") if r.tag == "v1")
        made = ports.backups.create(kind="release", release=live, run_id=0, progress=lambda _: None)
        ports.journal.put_backup("production", replace(made, rehearsed_at=ports.clock.now(), restore_s=1.0))

    def validate(self, **changed: Any) -> None:
        at = self.world.clock.now()
        made = {
            "schema_version": 1,
            "service": self.world.ports.service,
            "commit": self.commit,
            "dirty": False,
            "environment": "staging",
            "started_at": at - 60,
            "ended_at": at,
            "outcome": "PASS",
            "mergeable": True,
            "steps": [{"name": name, "outcome": "PASS"} for name in STEPS],
        }
        scanned = {
            "schema_version": 1,
            "service": self.world.ports.service,
            "commit": self.commit,
            "dirty": False,
            "environment": "staging",
            "at": at,
            "sources": [{"name": "npm", "outcome": "PASS", "known": True}],
        }
        self.files = {
            "premerge.json": Found("premerge_artifacts/premerge.json", json.dumps(made | changed)),
            "scan.json": Found("premerge_artifacts/scan.json", json.dumps(scanned)),
        }

    @property
    def around(self) -> Around:
        at = self.world.clock.now()
        return Around(
            forge=lambda: self.forge,
            found=lambda name: self.files.get(name, Found(f"premerge_artifacts/{name}")),
            artifacts=lambda: [Artifact(name, True, at) for name in FILES],
            texts=lambda source: Texts(self.texts, {}),
            films=lambda: (self.films, self.films_at),
            deliveries=lambda: self.deliveries,
            premerge_from="staging",
            scanned_in=("production", "staging"),
        )

    def look(self) -> Readiness:
        return ready("v2", self.world.ports, self.around)

    def told(self, point: Point) -> tuple[Outcome, str]:
        answer = next(each for each in self.look().answers if each.point is point)
        return answer.outcome, next(p.value for p in answer.proofs if p.outcome is answer.outcome)


def _fill(forge: MemoryForge, commit: str, at: str) -> None:
    contexts = GITHUB.contexts
    forge.runs[commit] = tuple(
        CheckRun(name, "success", "github-actions", at, app_id=15368) for name in contexts
    )
    pull = Pull(7, commit, "dora", "main", url="https://forge/7")
    forge.pulls[7] = pull
    reviews = tuple(
        Review(name, ReviewState.APPROVED, commit, may_write=True, in_ops=in_ops)
        for name, in_ops in (("ann", True), ("bob", False))
    )
    forge.reviews[7] = Approvals(pull, reviews, ("dora",), "ops")
    source = RuleSource(
        "classic protection",
        tuple(RequiredContext(name) for name in contexts),
        up_to_date=True,
        reviews=2,
        team_reviews=(TeamReview("ops", 1, everywhere=True),),
        dismisses_stale=True,
        last_push=True,
        blocks_force_pushes=True,
        blocks_deletion=True,
    )
    forge.rules["main"] = BranchRules("acme/dhash", "main", (source,))


def test_a_release_with_all_its_evidence_is_ready() -> None:
    seen = Ground().look()
    assert {
        answer.point: (answer.outcome, answer.proofs) for answer in seen.asked if answer.outcome is not PASS
    } == {}
    assert (seen.outcome, len(seen.asked)) == (PASS, 9)


def test_a_golden_check_of_a_service_without_films_says_that_it_compared_nothing() -> None:
    (ci,) = [answer for answer in Ground().look().answers if answer.point is Point.CI]
    told = {
        proof.what: "names no films: without a golden it compared nothing" in proof.value
        for proof in ci.proofs
    }
    assert told == {name: name.startswith("golden-checks-") for name in GITHUB.contexts}
    assert True in told.values() and False in told.values()


def no_ci(ground: Ground) -> None:
    assert isinstance(ground.forge, MemoryForge)
    runs = ground.forge.runs[ground.commit]
    assert not isinstance(runs, Unknown)
    ground.forge.runs[ground.commit] = (replace(runs[0], conclusion="failure"), *runs[1:])


def other_commit(ground: Ground) -> None:
    ground.validate(commit="f" * 40)


def damaged_backup(ground: Ground) -> None:
    ground.world.backups.damaged.add(ground.world.journal.backups("production")[0].name)


def failed_gate(ground: Ground) -> None:
    ground.world.gates["lint"] = bad("lint", "3 mistakes")


def failed_film(ground: Ground) -> None:
    ground.films = (CheckResult("golden", FAIL, "SSIM 0.9 is under 0.995", 0.0),)


def only_one_approval(ground: Ground) -> None:
    assert isinstance(ground.forge, MemoryForge)
    found = ground.forge.reviews[7]
    assert isinstance(found, Approvals)
    ground.forge.reviews[7] = replace(found, reviews=found.reviews[:1])


def no_protection(ground: Ground) -> None:
    assert isinstance(ground.forge, MemoryForge)
    ground.forge.rules["main"] = BranchRules("acme/dhash", "main", ())


def withdrawn_lead(ground: Ground) -> None:
    confirm(Point.LEAD, "v2", ground.world.ports, by=LEAD, note="ill", withdrawn=True)


def placeholder(ground: Ground) -> None:
    ground.texts["scripts/deploy.sh"] = 'LEAD="@DEPLOY_LEAD"\n'


@pytest.mark.parametrize(
    ("broken", "point"),
    [
        (no_ci, Point.CI),
        (other_commit, Point.PREMERGE),
        (damaged_backup, Point.BACKUP),
        (failed_gate, Point.GATES),
        (failed_film, Point.GATES),
        (only_one_approval, Point.APPROVALS),
        (no_protection, Point.PROTECTION),
        (withdrawn_lead, Point.LEAD),
        (placeholder, Point.PLACEHOLDERS),
    ],
)
def test_each_broken_point_is_the_only_one_that_is_refused(
    broken: Callable[[Ground], None], point: Point
) -> None:
    ground = Ground()
    broken(ground)
    seen = ground.look()
    assert [answer.point for answer in seen.asked if answer.outcome is not PASS] == [point]
    assert seen.outcome is FAIL
    assert next(answer for answer in seen.asked if answer.point is point).renew


def test_a_check_of_another_app_than_the_branch_believes_is_no_yes() -> None:
    ground = Ground()
    assert isinstance(ground.forge, MemoryForge)
    rules = ground.forge.rules["main"]
    assert isinstance(rules, BranchRules)

    def bind(app: int) -> None:
        bound = replace(rules.sources[0], contexts=(RequiredContext(GITHUB.contexts[0], app),))
        ground.forge.rules["main"] = replace(rules, sources=(*rules.sources, bound))  # type: ignore[union-attr]

    bind(15368)
    assert ground.told(Point.CI)[0] is PASS
    bind(77)
    outcome, words = ground.told(Point.CI)
    assert outcome is INCONCLUSIVE
    assert words.endswith("by github-actions, and the branch believes app 77 alone")


def test_a_check_of_which_github_does_not_say_when_it_ended_has_no_age_and_is_not_known() -> None:
    ground = Ground()
    assert isinstance(ground.forge, MemoryForge)
    runs = ground.forge.runs[ground.commit]
    assert not isinstance(runs, Unknown)
    for at in ("", "yesterday", "2026-09-21T14:13:20"):
        ground.forge.runs[ground.commit] = (replace(runs[0], at=at), *runs[1:])
        outcome, words = ground.told(Point.CI)
        assert outcome is ERROR and words.endswith("GitHub does not say when")


def test_of_two_runs_of_one_check_the_older_gives_the_age() -> None:
    ground = Ground()
    assert isinstance(ground.forge, MemoryForge)
    runs = ground.forge.runs[ground.commit]
    assert not isinstance(runs, Unknown)
    old = replace(runs[0], at=iso(ground.world.clock.now() - 30 * DAY))
    for both in ((old, *runs), (*runs, old)):
        ground.forge.runs[ground.commit] = both
        assert ground.told(Point.CI)[0] is FAIL


def test_a_word_that_was_given_too_long_ago_counts_no_more() -> None:
    ground = Ground()
    ground.world.clock.wait(DAY + 1)
    ground.back_up()
    ground.validate()
    assert ground.told(Point.CONTACTS)[1].endswith("but that is older than 24 h")
    seen = ground.look()
    assert [answer.point for answer in seen.asked if answer.outcome is not PASS] == [
        Point.LEAD,
        Point.CONTACTS,
    ]


def test_old_evidence_is_renewed_by_the_command_that_it_names() -> None:
    ground = Ground()
    ground.world.clock.wait(DAY + 1)
    assert ground.told(Point.PREMERGE)[0] is FAIL
    assert ground.told(Point.BACKUP)[1].endswith("but that is older than 24 h")
    by_point = {answer.point: answer.renew for answer in ground.look().answers}
    assert by_point[Point.PREMERGE] == "mobius premerge -e staging"
    assert by_point[Point.BACKUP] == "mobius backup create -e production"


def test_a_forge_that_does_not_answer_is_not_known_and_no_yes() -> None:
    ground = Ground(forge=Unknown("GitHub did not answer within 10 s", "try it again"))
    seen = ground.look()
    bad_points = {answer.point: answer.outcome for answer in seen.asked if answer.outcome is not PASS}
    assert bad_points == {Point.CI: ERROR, Point.APPROVALS: ERROR, Point.PROTECTION: ERROR}
    assert seen.outcome is ERROR


def test_a_commit_that_no_pull_request_brought_is_approved_by_nobody() -> None:
    ground = Ground()
    assert isinstance(ground.forge, MemoryForge)
    ground.forge.pulls.clear()
    ground.forge.known_commits.add(ground.commit)
    assert ground.told(Point.APPROVALS)[0] is FAIL


def test_a_point_that_is_not_asked_is_said_and_does_not_count() -> None:
    ground = Ground()
    failed_gate(ground)
    settings = ReadySettings(without=("gates",))
    ground.world.settings = replace(ground.world.settings, ready=settings)
    seen = ground.look()
    assert (seen.outcome, len(seen.asked)) == (PASS, 8)
    (left_out,) = (answer for answer in seen.answers if answer.not_asked)
    assert (left_out.point, left_out.not_asked) == (Point.GATES, "mobius.toml has it in ready.without")


def test_without_any_gate_nothing_is_known_of_quality() -> None:
    ground = Ground()
    ground.world.settings = replace(ground.world.settings, checks=())
    assert ground.told(Point.GATES) == (INCONCLUSIVE, "no quality gate is configured")


def test_a_film_that_was_made_long_ago_says_nothing_of_what_the_service_makes_now() -> None:
    ground = Ground(films=(good("video"),))
    ground.films_at = ground.world.clock.now() - DAY / 2
    assert ground.told(Point.GATES)[0] is PASS
    ground.films_at -= DAY
    outcome, told = ground.told(Point.GATES)
    assert outcome is FAIL and told.endswith("but that is older than 24 h")


def test_another_archive_in_the_place_of_the_backup_is_not_the_one_that_was_proven() -> None:
    ground = Ground()
    archives = ground.world.backups.archives
    archives[-1] = replace(archives[-1], record=replace(archives[-1].record, sha256="f" * 64))
    outcome, told = ground.told(Point.BACKUP)
    assert outcome is FAIL and told.startswith("it is not the one that was made: SHA-256 ffffffffffff")


def test_what_cannot_be_looked_at_is_an_error_of_its_point_alone() -> None:
    ground = Ground()

    def fails(source: Source) -> Texts:
        raise MobiusError("git is not installed", "install git")

    seen = ready("v2", ground.world.ports, replace(ground.around, texts=fails))
    assert [answer.point for answer in seen.asked if answer.outcome is not PASS] == [Point.PLACEHOLDERS]
    assert seen.outcome is ERROR


# Who was told

THIS = "the content of v2"  # stands for what the release is
SENT = Delivery(3, "ops", "sent", "planned", {"data": {"tag": "v2", "content": THIS}}, 1.0, answer="200 ok")


def announcing(ground: Ground, *deliveries: Delivery, **channel: Any) -> None:
    """There is one channel, and these messages went through it."""
    notify = NotifySettings(channels=(ChannelSettings("ops", **channel),))
    ground.world.settings = replace(ground.world.settings, notify=notify)
    now = ground.world.clock.now()
    ground.deliveries = tuple(
        replace(one, sent_at=now if one.state == "sent" else 0.0, payload=_of(ground, one))
        for one in deliveries
    )


def _of(ground: Ground, one: Delivery) -> dict[str, Any]:
    data = one.payload["data"]
    return {"data": data | ({"content": ground.commit} if data.get("content") == THIS else {})}


def test_an_announcement_that_the_receiver_confirmed_tells_the_contacts() -> None:
    ground = Ground(said=())
    announcing(ground, SENT)
    assert ground.told(Point.CONTACTS) == (PASS, "200 ok")
    ground.world.clock.wait(DAY + 1)
    assert ground.told(Point.CONTACTS) == (FAIL, "200 ok, but that is older than 24 h")


@pytest.mark.parametrize(
    ("deliveries", "channel", "outcome"),
    [
        ((), {}, FAIL),
        ((replace(SENT, payload={"data": {"tag": "v1", "content": THIS}}),), {}, FAIL),
        ((replace(SENT, payload={"data": {"tag": "v2"}}),), {}, FAIL),
        ((SENT, replace(SENT, id=4, payload={"data": {"tag": "v2", "content": "moved"}})), {}, FAIL),
        ((replace(SENT, topic="started"),), {}, FAIL),
        ((replace(SENT, channel="gone"),), {}, FAIL),
        ((replace(SENT, state="waiting"),), {}, FAIL),
        ((replace(SENT, state="dead", error="404"),), {}, FAIL),
        ((SENT, replace(SENT, id=4, state="dead", error="404")), {}, FAIL),
        ((SENT,), {"topics": ("alert",)}, FAIL),
        ((SENT,), {"environments": ("staging",)}, FAIL),
    ],
)
def test_any_other_announcement_leaves_the_question_to_a_person(
    deliveries: tuple[Delivery, ...], channel: dict[str, Any], outcome: Outcome
) -> None:
    ground = Ground(said=())
    announcing(ground, *deliveries, **channel)
    assert ground.told(Point.CONTACTS)[0] is outcome
    confirm(Point.CONTACTS, "v2", ground.world.ports, by="bob")
    assert ground.told(Point.CONTACTS)[0] is PASS


def test_what_the_journal_keeps_of_an_announcement_is_understood(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    planned = Note("planned", "v2 will be deployed", {"tag": "v2", "content": "x"}, topic="planned")
    journal.say(None, "production", planned, now=1.0)
    (row,) = journal.unrouted("production")
    journal.route(row, "production", ["ops"], now=1.0)
    assert journal.claim("production", "ops", who="me", now=1.0, until=9.0)
    journal.settle("production", "ops", Settlement(sent=(row.id,), answer="200 ok"), who="me", now=2.0)
    kept = journal.deliveries("production", states=("sent", "waiting"))
    notify = NotifySettings(channels=(ChannelSettings("ops"),))
    (proof,) = judge_announced(kept, notify, Subject("dhash", "production", "v2", "x"))
    assert (proof.outcome, proof.value, proof.at) == (PASS, "200 ok", 2.0)


def test_an_announcement_of_a_tag_that_was_moved_since_is_of_another_release() -> None:
    ground = Ground(said=())
    announcing(ground, replace(SENT, payload={"data": {"tag": "v2", "content": "0123456789abcdef"}}))
    outcome, told = ground.told(Point.CONTACTS)
    assert (outcome, told) == (FAIL, f"of commit 0123456789ab, and v2 is {ground.commit[:12]}")


def test_a_word_in_a_record_that_was_changed_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground()

    def broken(head: str = "") -> tuple[int, str]:
        raise MobiusError("the audit log was changed: event 2 is not what was written", "keep the file")

    monkeypatch.setattr(ground.world.journal, "verify_chain", broken)
    for point in (Point.LEAD, Point.CONTACTS):
        assert ground.told(point) == (ERROR, "the audit log was changed: event 2 is not what was written")


def test_whoever_takes_it_back_is_believed_whatever_was_announced() -> None:
    ground = Ground()
    announcing(ground, SENT)
    confirm(Point.CONTACTS, "v2", ground.world.ports, by="bob", note="on-call is ill", withdrawn=True)
    assert ground.told(Point.CONTACTS) == (FAIL, "bob took it back: on-call is ill")


def test_a_contact_is_somebody_who_can_be_reached() -> None:
    ground = Ground()

    def naming(**step: Any) -> tuple[Outcome, str]:
        steps = EscalationSettings(steps=(EscalationStep("on-call", **step),))
        ground.world.settings = replace(ground.world.settings, escalation=steps)
        return ground.told(Point.CONTACTS)

    ground.world.settings = replace(
        ground.world.settings, notify=NotifySettings(channels=(ChannelSettings("ops"),))
    )
    assert naming(name="Ada", channel="ops")[0] is PASS
    assert naming(name="@DEPLOY_LEAD") == (FAIL, "@DEPLOY_LEAD is a placeholder")
    assert naming(contact="oncall@example.com") == (FAIL, "oncall@example.com is a placeholder")
    assert naming() == (FAIL, "nobody is named")
    assert naming(name="Ada", channel="pager") == (FAIL, "there is no channel pager")


# What people say


def test_what_is_confirmed_is_kept_in_order_with_name_and_account() -> None:
    world = Ground().world
    told = confirmations(world.ports)
    assert [(each.point, each.by, each.who, each.note) for each in told] == [
        (Point.LEAD, LEAD, "bob@box", "by phone"),
        (Point.CONTACTS, "bob", "bob@box", "by phone"),
    ]
    assert {each.content for each in told} == {subject_of(world.releases.find("v2"), world.ports).content}
    world.journal.verify_chain()


@pytest.mark.parametrize(
    ("point", "by", "note", "words"),
    [
        (Point.BACKUP, "ann", "", "backup is measured, and nobody can confirm it by word"),
        (Point.LEAD, " ", "", "who confirms it?"),
        (Point.CONTACTS, "TODO", "", "TODO is a placeholder, and nobody's name"),
        (Point.LEAD, "@DEPLOY_LEAD", "", "@DEPLOY_LEAD is a placeholder, and nobody's name"),
        (Point.LEAD, "a" * 101, "", "a name is too long: 101 characters"),
        (Point.LEAD, "ann", "n" * 1001, "a note is too long: 1001 characters"),
        (Point.LEAD, "ann\x1b[2J", "", "a name has characters that cannot be printed"),
    ],
)
def test_a_word_that_cannot_count_is_refused_and_not_kept(
    point: Point, by: str, note: str, words: str
) -> None:
    world = World()
    with pytest.raises(UsageError) as refused:
        confirm(point, "v2", world.ports, by=by, note=note)
    assert refused.value.message == words
    assert refused.value.hint
    assert confirmations(world.ports) == ()


def test_an_event_of_another_version_confirms_nothing() -> None:
    world = World()
    for data in (
        {},
        {"point": "moon", "by": "ann", "content": "x"},
        {"point": "lead", "by": "", "content": "x"},
    ):
        world.ports.journal.say(None, "production", Note("ready confirmed", "odd", data), now=1.0)
    assert confirmations(world.ports) == ()


# What a deployment requires


def requiring(world: World, answers: Sequence[Outcome]) -> list[str]:
    """Lets the plan ask for readiness, which answers each time the next of these; returns the tags it was asked for."""
    asked: list[str] = []
    left = list(answers)

    def gate(source: Source) -> tuple[CheckResult, ...]:
        asked.append(source.tag)
        return (CheckResult("ready", left.pop(0), "1 of 9 points", 0.0, "mobius ready"),)

    real = type(world).ports.fget  # type: ignore[attr-defined]
    world.__class__ = type("Asking", (World,), {"ports": property(lambda w: replace(real(w), ready=gate))})
    return asked


@pytest.mark.parametrize(
    ("outcome", "error"), [(FAIL, GateFailed), (ERROR, GateUnknown), (INCONCLUSIVE, GateUnknown)]
)
def test_a_release_that_is_not_ready_is_refused_before_any_effect(
    outcome: Outcome, error: type[MobiusError]
) -> None:
    world = World()
    world.deploy("v1")
    requiring(world, [outcome])
    before = list(world.effects)
    with pytest.raises(error) as refused:
        world.deploy("v2")
    assert refused.value.details == ("ready: 1 of 9 points",)
    assert world.effects == before
    world.assert_serves("v1")


def test_a_plan_is_the_same_whether_it_is_ready_or_not_or_not_asked() -> None:
    world = World()
    world.deploy("v1")
    without = world.plan("v2").hash
    asked = requiring(world, [PASS, FAIL])
    hashes = {world.plan("v2").hash, world.plan("v2").hash, world.plan("v2", asks_ready=False).hash}
    assert hashes == {without}
    assert asked == ["v2", "v2"]


def test_going_back_never_asks_whether_anything_is_ready() -> None:
    world = World()
    world.deploy("v1")
    world.deploy("v2")
    asked = requiring(world, [])
    assert world.rollback().state is RunState.ACCEPTED
    world.assert_serves("v1")
    assert asked == []


def test_the_gate_says_in_one_line_which_points_are_missing() -> None:
    ground = Ground()
    damaged_backup(ground)
    result = gate_result(ground.look())
    assert (result.outcome, result.message) == (FAIL, "NOT READY, 1 of 9 points not passed: backup")
    assert result.advice == "mobius ready -e production --tag v2"
    unread = gate_result(MobiusError("it broke", "mend it"))
    assert (unread.outcome, unread.message, unread.advice) == (ERROR, "it broke", "mend it")
