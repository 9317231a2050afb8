"""What the validation before the merge and the scan left in ARTIFACT_DIR, judged: of this commit, whole, and good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mobius.model.premerge import CONFIGURATION, STEPS, StepState
from mobius.model.ready import Proof, Subject
from mobius.model.verdict import Outcome
from mobius.rules.ready.age import moment, other_release

PREMERGE, SCAN = "premerge.json", "scan.json"
# As the operations guide lists them; a folder ends in "/".
FILES = (
    "deploy-dryrun.log",
    "migrate-dryrun.log",
    "postdeploy-smoketests.log",
    "test_logging.log",
    "monitor_logs/",
)
LARGEST_BYTES = 32 << 20
KNOWN = {str(outcome): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was found. `text` None: it could not be read, and `problem` says why; both empty: there is none."""

    path: str
    text: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One expected artefact: whether it is there with something in it, and when it was written (unix seconds)."""

    name: str
    is_there: bool
    at: float = 0.0


def judge_premerge(
    found: Found, artifacts: Sequence[Artifact], subject: Subject, *, environment: str
) -> tuple[Proof, ...]:
    """The record of `mobius premerge` of `environment`, and the files that it makes."""
    renew = f"mobius premerge -e {environment}"
    report = _read(found, renew, "the validation before the merge")
    if isinstance(report, Proof):
        return (report,)
    at, steps = _time(report.get("ended_at")), report.get("steps")
    if not at or not isinstance(steps, list) or not steps:
        lacks = "when it ended" if not at else "what it did"
        return (_unknown(PREMERGE, f"it does not say {lacks}", found.path, renew),)
    why_not = _not_ours(report, subject, (environment,))
    if why_not:
        return (Proof(PREMERGE, Outcome.FAIL, why_not, found.path, at, renew),)
    # What mobius.toml has nothing of was not left out by anybody; the points of its own ask for it.
    ran = [_step(step, found.path, at, renew) for step in steps if not _has_nothing(step)]
    bad = [proof for proof in ran if proof.outcome is not Outcome.PASS]
    told_of = {_text(step.get("name")) for step in steps if isinstance(step, dict)}
    if unsaid := [name for name in STEPS if name not in told_of]:
        words = f"it does not say what became of {', '.join(unsaid)}"
        bad.append(_unknown(PREMERGE, words, found.path, renew))
    told = f"{len(ran)} steps passed in {environment}"
    whole = Proof(PREMERGE, Outcome.PASS, told, found.path, at, renew)
    if not ran:
        return (_unknown(PREMERGE, "every step was left out", found.path, renew),)
    if not bad and (report.get("outcome") != Outcome.PASS or report.get("mergeable") is not True):
        words = f"as a whole it ended with {_text(report.get('outcome'))[:40] or 'no outcome'}: it may not be merged"
        bad.append(Proof(PREMERGE, Outcome.INCONCLUSIVE, words, found.path, at, renew))
    return (*(bad or [whole]), *_files(artifacts, _time(report.get("started_at")), found, renew))


def judge_scan(
    found: Found, subject: Subject, *, environments: Sequence[str], today: date
) -> tuple[Proof, ...]:
    """The record of `mobius scan`: each source, with the age of the data it went by. `environments`: those whose
    waivers and limits are those of this one; the scan must be of one of them. `today`: by which a waiver still counts,
    or has ended since the scan."""
    renew = f"mobius scan -e {subject.environment}"
    report = _read(found, renew, "the scan for known vulnerabilities")
    if isinstance(report, Proof):
        return (report,)
    at, sources = _time(report.get("at")), report.get("sources")
    if not at or not isinstance(sources, list) or not sources:
        lacks = "when it was made" if not at else "what it looked at"
        return (_unknown(SCAN, f"it does not say {lacks}", found.path, renew),)
    why_not = _not_ours(report, subject, environments)
    if why_not:
        return (Proof(SCAN, Outcome.FAIL, why_not, found.path, at, renew),)
    looked = [_source(source, today, found.path, at, renew) for source in sources]
    bad = [proof for proof in looked if proof.outcome is not Outcome.PASS]
    told = ", ".join(proof.value for proof in looked)
    return tuple(bad) or (Proof(SCAN, Outcome.PASS, told, found.path, at, renew),)


def _not_ours(report: Mapping[str, Any], subject: Subject, environments: Sequence[str]) -> str:
    if why_not := other_release(_text(report.get("commit")), subject):
        return why_not
    if why_not := _dirty(report):
        return why_not
    service, where = _text(report.get("service")), _text(report.get("environment"))
    if service != subject.service:
        return f"of {service or 'no service'}, and {subject.service} is asked for"
    if where not in environments:
        return f"of {where or 'no environment'}, and {environments[0]} is asked for"
    return ""


def _dirty(report: Mapping[str, Any]) -> str:
    return "" if report.get("dirty") is False else "it ran on a work tree with uncommitted changes"


def _has_nothing(step: Any) -> bool:
    """Whether the configuration has nothing for it; one that says an outcome all the same was made."""
    return (
        isinstance(step, dict)
        and step.get("skipped_by") == CONFIGURATION
        and step.get("outcome") == StepState.SKIPPED
    )


def _step(step: Any, where: str, at: float, renew: str) -> Proof:
    row = step if isinstance(step, dict) else {}
    name, said = _text(row.get("name")), _text(row.get("outcome"))
    what = f"premerge: {name or 'a step without a name'}"
    if skipped_by := row.get("skipped_by"):
        told = f"it was skipped ({_text(skipped_by) or 'without saying by what'}): nobody looked"
        return Proof(what, Outcome.INCONCLUSIVE, told, where, at, renew)
    return Proof(what, *_outcome(said, name), where, at, renew)


def _source(source: Any, today: date, where: str, at: float, renew: str) -> Proof:
    row = source if isinstance(source, dict) else {}
    name, of = _text(row.get("name")), _text(row.get("of"))
    outcome, value = _outcome(_text(row.get("outcome")), name)
    if outcome is Outcome.PASS and (ended := _ended_waiver(row, today)):
        outcome, value = Outcome.INCONCLUSIVE, ended
    elif outcome is Outcome.PASS:
        value = f"{name} {of}".rstrip() + (" (not known, and waived)" if row.get("known") is False else "")
    elif message := _text(row.get("message")):
        value = message
    return Proof(
        f"scan: {name or 'a source without a name'}",
        outcome,
        value,
        where,
        at,
        _text(row.get("advice")) or renew,
    )


def _ended_waiver(row: Mapping[str, Any], today: date) -> str:
    """Which of the waivers that it passed by does not count today; "" where all do."""
    accepted = row.get("accepted", [])
    listed = accepted if isinstance(accepted, list) else [None]
    waivers = [each.get("waiver") if isinstance(each, dict) else None for each in listed]
    waivers += [row.get("waived")] if row.get("known") is not True or row.get("waived") else []
    for waiver in waivers:
        said = waiver if isinstance(waiver, dict) else {}
        try:
            until = date.fromisoformat(_text(said.get("until")))
        except ValueError:
            return "it passed by a waiver without an end"
        if until < today:
            return f'the waiver of "{_text(said.get("of"))}" by {_text(said.get("name"))} expired on {until}'
    return ""


def _outcome(said: str, name: str) -> tuple[Outcome, str]:
    outcome = KNOWN.get(said.upper())
    if outcome is None or not name:
        return Outcome.ERROR, f'it ended with "{said[:40]}", which says nothing'
    return outcome, {Outcome.PASS: "passed", Outcome.FAIL: "failed"}.get(outcome, "could not be measured")


def _files(artifacts: Sequence[Artifact], started_at: float, found: Found, renew: str) -> tuple[Proof, ...]:
    folder = found.path.removesuffix(PREMERGE)
    missing = [each.name for each in artifacts if not each.is_there]
    older = [each.name for each in artifacts if each.is_there and started_at and each.at < started_at - 1]
    if missing or older:
        told = f"missing or empty: {', '.join(missing)}" if missing else ""
        stale = f"older than this validation: {', '.join(older)}" if older else ""
        value = "; ".join(part for part in (told, stale) if part)
        return (Proof("artefacts", Outcome.FAIL, value, folder, 0.0, renew),)
    at = min((each.at for each in artifacts), default=0.0)
    return (Proof("artefacts", Outcome.PASS, ", ".join(each.name for each in artifacts), folder, at, renew),)


def _read(found: Found, renew: str, called: str) -> Mapping[str, Any] | Proof:
    """The JSON object in it, or the proof that says why there is none."""
    import msgspec

    name = PREMERGE if found.path.endswith(PREMERGE) else SCAN
    if found.text is None:
        if found.problem:
            return _unknown(name, found.problem, found.path, renew)
        return Proof(name, Outcome.FAIL, f"{called} was not made", found.path, 0.0, renew)
    try:
        report = msgspec.json.decode(found.text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as problem:
        return _unknown(name, f"no JSON: {problem}", found.path, renew)
    if not isinstance(report, dict) or report.get("schema_version") != 1:
        return _unknown(name, "not of the form that this version writes", found.path, renew)
    return report


def _unknown(name: str, told: str, where: str, renew: str) -> Proof:
    return Proof(name, Outcome.ERROR, told, where, 0.0, renew)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> float:
    """Unix seconds, written as a number, as ISO 8601, or as both; 0 for anything else."""
    if isinstance(value, dict):
        value = value.get("unix")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 < value < 1e11 else 0.0
    return moment(value) if isinstance(value, str) else 0.0
