"""The records of the validation and the scan: only one of this commit, this environment, whole and good is a yes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.premerge import STEPS
from mobius.model.ready import Proof, Subject
from mobius.model.verdict import Outcome, worst
from mobius.rules.ready.artifacts import FILES, Artifact, Found, judge_premerge, judge_scan

COMMIT = "1a2b3c4d5e6f" + "0" * 28
OTHER = "f" * 40
SUBJECT = Subject("dhash", "production", "v2", COMMIT)
ENDED = 1_790_000_000.0
THERE = tuple(Artifact(name, True, ENDED - 5) for name in FILES)
PREMERGE: dict[str, Any] = {
    "schema_version": 1,
    "service": "dhash",
    "commit": COMMIT,
    "dirty": False,
    "environment": "staging",
    "started_at": ENDED - 60,
    "ended_at": ENDED,
    "outcome": "PASS",
    "mergeable": True,
    "steps": [{"name": name, "outcome": "PASS", "skipped_by": None} for name in STEPS],
}
SCAN: dict[str, Any] = {
    "schema_version": 1,
    "service": "dhash",
    "commit": COMMIT,
    "dirty": False,
    "environment": "production",
    "at": {"unix": ENDED, "iso": ""},
    "sources": [{"name": "npm", "of": "package-lock.json", "outcome": "PASS", "known": True}],
}
TODAY = date(2026, 9, 21)
WAIVER = {"of": "pip", "name": "Ada Example", "reason": "the mirror is being moved", "until": "2026-09-21"}
WAIVED = {"name": "pip", "of": "", "outcome": "PASS", "known": False, "waived": WAIVER}
ACCEPTED = {
    **{"name": "npm", "of": "package-lock.json", "outcome": "PASS", "known": True, "waived": None},
    "accepted": [{"id": "GHSA-1", "waiver": WAIVER | {"of": "GHSA-1"}}],
}


def but(step: Any) -> dict[str, Any]:
    """Every step passed, but the smoke tests."""
    return {"steps": [*(each for each in PREMERGE["steps"] if each["name"] != "smoke"), step]}


def premerge(report: Any, artifacts: tuple[Artifact, ...] = THERE) -> tuple[Proof, ...]:
    text = report if isinstance(report, str) else json.dumps(report)
    found = Found("premerge_artifacts/premerge.json", text)
    return judge_premerge(found, artifacts, SUBJECT, environment="staging")


def scan(report: Any) -> tuple[Proof, ...]:
    text = report if isinstance(report, str) else json.dumps(report)
    return judge_scan(
        Found("premerge_artifacts/scan.json", text),
        SUBJECT,
        environments=("production", "staging"),
        today=TODAY,
    )


def told(proofs: tuple[Proof, ...]) -> tuple[Outcome, str]:
    """The outcome of all, and what the first that is as bad says."""
    outcome = worst([proof.outcome for proof in proofs])
    return outcome, next(proof.value for proof in proofs if proof.outcome is outcome)


def test_a_validation_of_this_commit_with_its_artefacts_is_a_proof() -> None:
    record, files = premerge(PREMERGE)
    assert (record.outcome, record.value, record.at) == (Outcome.PASS, "8 steps passed in staging", ENDED)
    assert files.outcome is Outcome.PASS
    assert files.value == (
        "deploy-dryrun.log, migrate-dryrun.log, postdeploy-smoketests.log, test_logging.log, monitor_logs/"
    )


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({"commit": OTHER}, Outcome.FAIL, "of commit ffffffffffff, and v2 is 1a2b3c4d5e6f"),
        ({"commit": ""}, Outcome.FAIL, "of no commit, and v2 is 1a2b3c4d5e6f"),
        ({"commit": COMMIT[:12]}, Outcome.FAIL, "of commit 1a2b3c4d5e6f, and v2 is 1a2b3c4d5e6f"),
        ({"dirty": True}, Outcome.FAIL, "it ran on a work tree with uncommitted changes"),
        ({"dirty": None}, Outcome.FAIL, "it ran on a work tree with uncommitted changes"),
        ({"environment": "production"}, Outcome.FAIL, "of production, and staging is asked for"),
        ({"ended_at": 0}, Outcome.ERROR, "it does not say when it ended"),
        ({"ended_at": True}, Outcome.ERROR, "it does not say when it ended"),
        ({"steps": []}, Outcome.ERROR, "it does not say what it did"),
        ({"steps": "all"}, Outcome.ERROR, "it does not say what it did"),
        ({"schema_version": 2}, Outcome.ERROR, "not of the form that this version writes"),
        (but({"name": "smoke", "outcome": "FAIL"}), Outcome.FAIL, "failed"),
        (but({"name": "smoke", "outcome": "ERROR"}), Outcome.ERROR, "could not be measured"),
        (but({"name": "smoke"}), Outcome.ERROR, 'it ended with "", which says nothing'),
        (but({"outcome": "PASS"}), Outcome.ERROR, 'it ended with "PASS", which says nothing'),
        (but(None), Outcome.ERROR, 'it ended with "", which says nothing'),
        (
            but({"name": "smoke", "outcome": "PASS", "skipped_by": "ann"}),
            Outcome.INCONCLUSIVE,
            "it was skipped (ann): nobody looked",
        ),
        (
            but({"name": "smoke", "outcome": "FAIL", "skipped_by": "mobius.toml"}),
            Outcome.INCONCLUSIVE,
            "it was skipped (mobius.toml): nobody looked",
        ),
        (
            {"steps": PREMERGE["steps"][:-2]},
            Outcome.ERROR,
            "it does not say what became of protection, tests",
        ),
        (
            {"steps": [{"name": "smoke", "outcome": "SKIPPED", "skipped_by": "mobius.toml"}]},
            Outcome.ERROR,
            "every step was left out",
        ),
    ],
)
def test_any_other_validation_is_none(changed: dict[str, Any], outcome: Outcome, words: str) -> None:
    proofs = premerge(PREMERGE | changed)
    assert told(proofs) == (outcome, words)
    assert proofs[0].renew == "mobius premerge -e staging"


def test_a_step_that_the_configuration_has_nothing_for_was_skipped_by_nobody() -> None:
    left_out = {"name": "migrations", "outcome": "SKIPPED", "skipped_by": "mobius.toml"}
    others = [step for step in PREMERGE["steps"] if step["name"] != "migrations"]
    proofs = premerge(PREMERGE | {"steps": [*others, left_out]})
    assert told(proofs) == (Outcome.PASS, "7 steps passed in staging")


def test_a_missing_an_empty_and_an_older_artefact_are_named() -> None:
    artifacts = (Artifact(FILES[0], False), Artifact(FILES[1], True, ENDED - 3600), *THERE[2:])
    assert told(premerge(PREMERGE, artifacts)) == (
        Outcome.FAIL,
        "missing or empty: deploy-dryrun.log; older than this validation: migrate-dryrun.log",
    )


def test_no_record_at_all_is_a_no_and_one_that_cannot_be_read_is_not_known() -> None:
    nothing = judge_premerge(Found("a/premerge.json"), THERE, SUBJECT, environment="staging")
    assert told(nothing) == (Outcome.FAIL, "the validation before the merge was not made")
    unread = judge_premerge(
        Found("a/premerge.json", problem="it cannot be read: Permission denied"),
        THERE,
        SUBJECT,
        environment="staging",
    )
    assert told(unread) == (Outcome.ERROR, "it cannot be read: Permission denied")


def test_a_scan_names_what_it_looked_at_and_what_somebody_answers_for() -> None:
    (proof,) = scan(SCAN)
    assert (proof.outcome, proof.value, proof.at) == (Outcome.PASS, "npm package-lock.json", ENDED)
    assert told(scan(SCAN | {"sources": [*SCAN["sources"], WAIVED]})) == (
        Outcome.PASS,
        "npm package-lock.json, pip (not known, and waived)",
    )
    unknown = {"name": "pip", "outcome": "ERROR", "message": "pip-audit is not here", "advice": "install it"}
    proofs = scan(SCAN | {"sources": [*SCAN["sources"], unknown]})
    assert told(proofs) == (Outcome.ERROR, "pip-audit is not here")
    assert proofs[0].renew == "install it"


@pytest.mark.parametrize("source", [WAIVED, ACCEPTED])
@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2026-09-20", "expired on 2026-09-20"),
        ("", "without an end"),
        (None, "without an end"),
        ("for ever", "without an end"),
    ],
)
def test_a_waiver_that_has_ended_since_the_scan_counts_no_more(
    source: dict[str, Any], until: str | None, words: str
) -> None:
    assert told(scan(SCAN | {"sources": [source]}))[0] is Outcome.PASS
    text = json.dumps(SCAN | {"sources": [source]}).replace('"2026-09-21"', json.dumps(until))
    outcome, said = told(scan(text))
    assert outcome is Outcome.INCONCLUSIVE and words in said


@pytest.mark.parametrize("waived", [None, {}, "Ada"])
def test_what_was_not_known_and_nobody_answered_for_is_no_yes(waived: object) -> None:
    outcome, _ = told(scan(SCAN | {"sources": [WAIVED | {"waived": waived}]}))
    assert outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "changed", [{"outcome": "INCONCLUSIVE", "mergeable": False}, {"outcome": None}, {"mergeable": None}]
)
def test_a_validation_that_says_as_a_whole_that_it_may_not_be_merged_is_no_yes(
    changed: dict[str, Any],
) -> None:
    """A step that is required, and for which mobius.toml has nothing, passes nowhere."""
    left_out = {"name": "gates", "outcome": "SKIPPED", "skipped_by": "mobius.toml", "required": True}
    steps = [*(each for each in PREMERGE["steps"] if each["name"] != "gates"), left_out]
    assert told(premerge(PREMERGE | {"steps": steps}))[0] is Outcome.PASS
    outcome, words = told(premerge(PREMERGE | {"steps": steps} | changed))
    assert outcome is Outcome.INCONCLUSIVE
    assert words.endswith("it may not be merged")


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({"commit": OTHER}, Outcome.FAIL, "of commit ffffffffffff, and v2 is 1a2b3c4d5e6f"),
        ({"sources": []}, Outcome.ERROR, "it does not say what it looked at"),
        ({"environment": "qa"}, Outcome.FAIL, "of qa, and production is asked for"),
        ({"environment": None}, Outcome.FAIL, "of no environment, and production is asked for"),
        ({"service": "other"}, Outcome.FAIL, "of other, and dhash is asked for"),
        ({"at": "yesterday"}, Outcome.ERROR, "it does not say when it was made"),
        ({"dirty": True}, Outcome.FAIL, "it ran on a work tree with uncommitted changes"),
        ({"sources": [{"name": "npm", "outcome": "FAIL"}]}, Outcome.FAIL, "failed"),
    ],
)
def test_any_other_scan_is_none(changed: dict[str, Any], outcome: Outcome, words: str) -> None:
    assert told(scan(SCAN | changed)) == (outcome, words)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | JSON.map(lambda value: json.dumps(value)))
def test_whatever_stands_in_a_record_is_answered_and_never_passes(text: str) -> None:
    for proofs in (premerge(text), scan(text)):
        assert worst([proof.outcome for proof in proofs]) in (Outcome.FAIL, Outcome.ERROR)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PREMERGE)), JSON)
def test_a_record_with_one_value_of_another_kind_is_answered(key: str, value: Any) -> None:
    """Another time is another age, which is judged elsewhere; anything else that is odd is never a yes."""
    outcome, _ = told(premerge(json.dumps(PREMERGE | {key: value})))
    assert outcome is not Outcome.PASS or key in ("started_at", "ended_at") or value == PREMERGE[key]


def test_brackets_without_end_are_no_record() -> None:
    assert told(premerge("[" * 100_000))[0] is Outcome.ERROR
