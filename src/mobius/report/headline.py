"""The first sentence of a report: what happened, whether it is well, in words that stand alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.run import RunState
from mobius.report.words import counted, duration

SMOKE_FAILS = " But its smoke tests do not pass: look now."
GOOD, BAD, UNSURE, RUNNING = "good", "bad", "unsure", "running"


def headline(report: Mapping[str, Any]) -> str:
    """The sentence for a report that `run_report` made or is making."""
    return _told(report)[0] + (SMOKE_FAILS if _smoke_fails(report) else "")


def outcome(report: Mapping[str, Any]) -> str:
    """ "good", "bad", "unsure" or "running" """
    return BAD if _smoke_fails(report) else _told(report)[1]


def _told(report: Mapping[str, Any]) -> tuple[str, str]:
    tag, where = report["tag"] or report["release"], f"in {report['environment']}"
    before = report["tag_before"] or "nothing"
    match RunState(report["state"]):
        case RunState.ACCEPTED | RunState.ROLLED_BACK if report["run_kind"] == "rollback":
            return f"{tag} is live {where} again{_back_time(report)}.{_lost(report)}", GOOD
        case RunState.ACCEPTED:
            said = report["sentence"]
            accepted = f", {said}" if said.startswith("accepted") else " and accepted"
            return f"{tag} is live {where}{accepted}.{_lost(report)}", GOOD
        case RunState.ROLLED_BACK if report["received_traffic"]:
            return (
                f"{tag} was taken back; {before} is live {where}{_back_time(report)}.{_lost(report)}",
                UNSURE,
            )
        case RunState.ROLLED_BACK:
            return f"{tag} was taken back before it received traffic; {before} is live {where}.", UNSURE
        case RunState.REFUSED:
            return f"{tag} was refused before anything was changed; {before} is live {where}.", UNSURE
        case RunState.SUPERSEDED:
            return f"{tag} was replaced by a newer run {where} before its window ended.", UNSURE
        case RunState.ABORTED:
            what = "restart" if report["run_kind"] == "restart" else "deployment"
            return f"The {what} of {tag} {where} was aborted.", UNSURE
        case RunState.INCONCLUSIVE:
            return (
                f"{tag} is live {where}, but too little was measured to accept it; {before} is kept warm.",
                UNSURE,
            )
        case RunState.FAILED:
            return f"Taking {tag} back {where} failed: a person is needed now.", BAD
        case RunState.NEEDS_OPERATOR:
            return f"{tag} {where} waits for a person to choose.", BAD
        case RunState.OBSERVING:
            return f"{tag} is live {where} and being watched.{_lost(report)}", RUNNING
        case RunState.ROLLING_BACK:
            return f"{tag} is being taken back {where}.", RUNNING
        case RunState.QUEUED | RunState.RUNNING:
            return f"{tag} is on its way to {report['environment']}.", RUNNING


def _smoke_fails(report: Mapping[str, Any]) -> bool:
    """Whether what is live after a way back did not pass its smoke tests: live is not the same as well."""
    rollback, smoke = report["rollback"], report["smoke"]
    if not rollback or not smoke or not smoke[-1]["at"] or not rollback["decided"]:
        return False
    after = smoke[-1]["at"]["unix"] >= rollback["decided"]["unix"]
    return after and any(one.get("outcome") != "PASS" for one in smoke[-1]["results"] or ())


def _back_time(report: Mapping[str, Any]) -> str:
    rollback = report["rollback"] or {}
    if rollback.get("traffic_back_s") is None:
        return ""
    return f", with all traffic back {duration(float(rollback['traffic_back_s']))} after the decision"


def _lost(report: Mapping[str, Any]) -> str:
    failed = report["failed_requests"]
    if failed is None:
        return ""
    said = "No request" if failed == 0 else counted(int(failed), "request")
    return f" {said} failed because of the {'switch' if len(report['switches']) == 1 else 'switches'}."
