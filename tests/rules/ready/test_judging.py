"""Checks of the forge, words of people, backups and placeholders, each judged by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.forge import CheckRun
from mobius.model.ready import Answer, Confirmation, Point, Proof, Readiness, ReadySettings, Subject
from mobius.model.release import BackupRecord, Release
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.rules.forge.checks import judge_checks
from mobius.rules.ready.age import fresh, hours, moment
from mobius.rules.ready.backup import judge_backup
from mobius.rules.ready.forge import judged, with_runs
from mobius.rules.ready.people import judge_lead, judge_said
from mobius.rules.ready.placeholders import Texts, judge_placeholders, judge_runbooks

PASS, FAIL, INCONCLUSIVE, ERROR = Outcome
COMMIT = "1a2b3c4d5e6f" + "0" * 28
SUBJECT = Subject("dhash", "production", "v2", COMMIT)
NOW = 1_790_000_000.0
DAY = 86_400.0
LIVE = Release("v1-aaaaaaaa", "v1", "", "", "")


def told(proofs: tuple[Proof, ...]) -> tuple[Outcome, str]:
    outcome = worst([proof.outcome for proof in proofs])
    return outcome, next(proof.value for proof in proofs if proof.outcome is outcome)


# Age


def test_evidence_counts_until_it_is_too_old_and_never_from_the_future() -> None:
    proof = Proof("backup", PASS, "whole", at=NOW - DAY)
    assert fresh(proof, NOW, DAY) is proof
    old = fresh(proof, NOW + 1, DAY)
    assert (old.outcome, old.value) == (FAIL, "whole, but that is older than 24 h")
    ahead = fresh(proof, NOW - 2 * DAY, DAY)
    assert (ahead.outcome, ahead.value) == (
        ERROR,
        "whole, but by its time it is yet to come: the clocks differ",
    )
    failed = replace(proof, outcome=FAIL)
    assert fresh(failed, NOW + DAY, 1.0) is failed


def test_a_time_without_a_zone_is_no_moment() -> None:
    assert moment("2026-09-21T14:13:20Z") == NOW
    assert moment("2026-09-21T14:13:20") == moment("soon") == moment("") == 0.0


def test_ages_are_told_as_people_say_them() -> None:
    assert [hours(s) for s in (60, 5400, DAY, 7 * DAY)] == ["60 s", "90 min", "24 h", "7 d"]


# The forge


def test_a_check_is_told_with_its_time_and_its_address() -> None:
    runs = (CheckRun("golden", "success", at="2026-09-21T14:13:20Z", url="https://ci/7"),)
    (proof,) = with_runs(judged(judge_checks(runs, ("golden",), COMMIT), "o/r", ""), runs)
    assert (proof.outcome, proof.at, proof.where) == (PASS, NOW, "https://ci/7")


def test_no_finding_at_all_proves_nothing() -> None:
    assert told(judged((), "o/r", "look"))[0] is INCONCLUSIVE
    (proof,) = judged((CheckResult("reviews", FAIL, "1 of 2", 0.0),), "o/r", "ask for one")
    assert (proof.outcome, proof.value, proof.renew) == (FAIL, "1 of 2", "ask for one")


# People


def said(by: str = "@ann", point: Point = Point.LEAD, **changed: object) -> Confirmation:
    made = Confirmation(point, by, NOW, "v2", COMMIT, "", "ann@box")
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        ("", "nobody is named"),
        ("  ", "nobody is named"),
        ("@DEPLOY_LEAD", "@DEPLOY_LEAD is a placeholder"),
        ("@actual_lead", "@actual_lead is a placeholder"),
    ],
)
def test_a_lead_has_a_name(lead: str, words: str) -> None:
    assert told(judge_lead(lead, (said(),), SUBJECT)) == (FAIL, words)


def test_the_lead_confirms_and_nobody_else() -> None:
    assert told(judge_lead("@ann", (said(),), SUBJECT))[0] is PASS
    assert told(judge_lead("Ann", (said("@ann"),), SUBJECT))[0] is PASS
    assert told(judge_lead("@ann", (said("@bob"),), SUBJECT)) == (FAIL, "@bob confirmed it, and @ann leads")
    assert told(judge_lead("@ann", (), SUBJECT)) == (FAIL, "nobody has confirmed it")


def test_a_word_for_another_release_is_none_for_this() -> None:
    other = said(tag="v1", content="f" * 40)
    assert told(judge_lead("@ann", (other,), SUBJECT)) == (
        FAIL,
        "@ann confirmed it for v1 (ffffffffffff), not for this",
    )
    moved = said(content="f" * 40)
    assert told(judge_lead("@ann", (moved,), SUBJECT))[1].endswith("v2 (ffffffffffff), not for this")


def test_the_last_word_counts_also_where_it_takes_back() -> None:
    back = said(withdrawn=True, note="ill")
    assert told(judge_lead("@ann", (said(), back), SUBJECT)) == (FAIL, "@ann took it back: ill")
    assert told(judge_lead("@ann", (said(), back, said()), SUBJECT))[0] is PASS
    contacts = judge_said(Point.CONTACTS, (said(point=Point.LEAD),), SUBJECT)
    assert (contacts.outcome, contacts.renew) == (
        FAIL,
        'mobius ready confirm contacts -e production --tag v2 --by NAME --note "…"',
    )


# Backups


def backup(**changed: object) -> BackupRecord:
    made = BackupRecord(
        "a.zip",
        "/b/a.zip",
        "ab" * 32,
        1,
        NOW,
        LIVE.id,
        1,
        "release",
        verified_at=NOW,
        rehearsed_at=NOW,
        restore_s=1.25,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_backup_of_what_is_live_that_was_restored_is_a_proof() -> None:
    whole, restored = judge_backup(LIVE, backup(), "", environment="production")
    assert (whole.outcome, whole.value, whole.at) == (PASS, "SHA-256 abababababab, as it was written", NOW)
    assert (restored.outcome, restored.value) == (PASS, "in 1.2 s, in a scratch place")
    again = replace(LIVE, id="v1-aaaaaaaa+2")
    assert told(judge_backup(again, backup(), "", environment="production"))[0] is PASS


@pytest.mark.parametrize(
    ("newest", "damage", "words", "renew"),
    [
        (None, "", "none of v1-aaaaaaaa", "mobius backup create -e production"),
        (
            backup(release_id="v0-b"),
            "",
            "of v0-b, and v1-aaaaaaaa is live",
            "mobius backup create -e production",
        ),
        (backup(rehearsed_at=0.0), "", "it was never restored", "mobius rehearse -e production"),
        (backup(), "its SHA-256 differs", "its SHA-256 differs", "mobius backup create -e production"),
    ],
)
def test_any_other_backup_is_none(newest: BackupRecord | None, damage: str, words: str, renew: str) -> None:
    proofs = judge_backup(LIVE, newest, damage, environment="production")
    assert told(proofs) == (FAIL, words)
    assert proofs[-1].renew == renew


def test_before_the_first_deployment_there_is_nothing_to_lose() -> None:
    assert told(judge_backup(None, None, "", environment="production"))[0] is PASS


# Placeholders


def found(text: str, path: str = "runbooks/deployment_runbook.md") -> tuple[Outcome, str]:
    return told(judge_placeholders(Texts({path: text}, {}), (), documents=("runbooks",)))


@pytest.mark.parametrize(
    "line",
    [
        "Ask @DEPLOY_LEAD first",
        "@actual_lead",
        "{{RELEASE_TAG}} is out",
        "Hello {{ NAME }}",
        "<DEPLOY_LEAD>",
        "call <PHONE>",
        "[DATE/TIME]",
        "__SERVICE_NAME__",
        "password: changeme",
        "REPLACE_ME",
        'export TAG="v1"  # Replace with actual version',
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX",
        "write to oncall@example.com",
        "see https://wiki.example.org/dhash",
        "git clone your-org/dhash",
        "<your name here>",
        "escalation: TBD",
    ],
)
def test_what_was_to_be_replaced_is_named_with_its_line(line: str) -> None:
    outcome, words = found(f"# Deploying\n{line}\n")
    assert outcome is FAIL
    assert words.startswith("1: runbooks/deployment_runbook.md:2 ")


@pytest.mark.parametrize(
    "line",
    [
        'mobius deploy --tag "$RELEASE_TAG" # ${DEPLOY_LEAD}',
        "os.environ['RELEASE_TAG'], RELEASE_TAG=v1",
        "key: ${{ secrets.TOKEN }}",
        "[URL](https://dhash.io/runbook), [TIME]: seen",
        'echo "${hosts[NAME]}"',
        "ann@dhash.io, @ops-oncall",
        "tmp=$(mktemp /tmp/dhash.XXXXXX)",
        "a placeholder such as <NAME> (placeholder-ok)",
        "replaced with the newest",
        "__init__, __name__",
    ],
)
def test_what_only_looks_like_one_is_none(line: str) -> None:
    assert found(f"{line}\n")[0] is PASS


def test_a_usage_line_of_a_script_may_name_what_it_takes() -> None:
    assert found('echo "usage: $0 <ENV> <VERSION>"\n', "scripts/deploy.sh")[0] is PASS
    assert found('LEAD="@DEPLOY_LEAD"\n', "scripts/deploy.sh")[0] is FAIL
    assert found("see https://example.org/\n", "docs/api.md")[0] is PASS


def test_further_words_are_looked_for_and_many_are_counted() -> None:
    texts = Texts({"scripts/a.sh": "ACME\n" * 7}, {})
    outcome, words = told(judge_placeholders(texts, ("ACME",), documents=("scripts",)))
    assert outcome is FAIL
    assert words.startswith("7: scripts/a.sh:1 ACME; ")
    assert words.endswith("; and 2 more")


def test_documents_that_are_not_there_or_cannot_be_read_prove_nothing() -> None:
    assert told(judge_placeholders(Texts({}, {}), (), documents=("docs",)))[0] is INCONCLUSIVE
    unread = Texts({"a.md": "good"}, {"b.md": "Permission denied"})
    assert told(judge_placeholders(unread, (), documents=("docs",)))[0] is ERROR


def test_both_runbooks_belong_to_a_release() -> None:
    both = {"runbooks/deployment_runbook.md": "deploy", "runbooks/rollback_runbook.md": "go back"}
    assert judge_runbooks(Texts(both, {})).outcome is PASS
    empty = both | {"runbooks/rollback_runbook.md": " \n"}
    assert judge_runbooks(Texts(empty, {})).value == "missing: runbooks/rollback_runbook.md"


# All of them


def test_one_point_that_is_not_proven_is_not_ready_and_none_at_all_is_no_yes() -> None:
    good = Answer(Point.CI, (Proof("a", PASS, "yes", at=5.0), Proof("b", PASS, "yes", at=3.0)))
    assert (good.outcome, good.oldest) == (PASS, 3.0)
    unproven, skipped = Answer(Point.BACKUP), Answer(Point.GATES, not_asked="said so")
    assert Readiness(SUBJECT, NOW, (good, skipped)).outcome is PASS
    assert Readiness(SUBJECT, NOW, (good, unproven)).outcome is INCONCLUSIVE
    assert Readiness(SUBJECT, NOW, (skipped,)).outcome is INCONCLUSIVE


def test_each_point_may_have_an_age_of_its_own() -> None:
    settings = ReadySettings(max_age_s=60.0, ages={"backup": 5.0})
    assert (settings.age_of(Point.BACKUP), settings.age_of(Point.LEAD)) == (5.0, 60.0)


def test_checks_of_a_commit_age_slowly_unless_somebody_says_otherwise() -> None:
    assert ReadySettings().age_of(Point.CI) == 7 * DAY
    assert ReadySettings(max_age_s=30 * DAY).age_of(Point.CI) == 30 * DAY
    assert ReadySettings(ages={"ci": 60.0}).age_of(Point.CI) == 60.0
