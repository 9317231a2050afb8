"""A service that deploys only what is ready: refused before any effect, then deployed, and taken back unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..service import Service

pytestmark = pytest.mark.journey

READY = """
[[gate]]
name = "lint"
run = ["sh", "-c", "test ! -e no-gate"]

[ready]
required = true
# no forge, and no validation before a merge: this service lies in a folder
without = ["ci", "premerge", "approvals", "protection"]
"""


def add(service: Service, tag: str, **behaviour: object) -> Path:
    place = service.add_release(tag, **behaviour)
    (place / "runbooks").mkdir()
    for name in ("deployment", "rollback"):
        (place / "runbooks" / f"{name}_runbook.md").write_text(f"How to: {name}\n", encoding="utf-8")
    return place


def confirm(service: Service, tag: str) -> None:
    for point, by in (("lead", "@ann"), ("contacts", "bob")):
        service.mobius("ready", "confirm", point, "--tag", tag, "--by", by, "--note", "by phone", expect=0)


def points(service: Service, tag: str, *, expect: int) -> dict[str, str | None]:
    told = service.mobius("ready", "--tag", tag, "--json", expect=expect).json
    return {point["point"]: point["outcome"] for point in told["points"]}


def test_only_a_release_that_is_ready_is_deployed_and_none_is_asked_for_on_the_way_back(
    tmp_path: Path,
) -> None:
    with Service(tmp_path, alone=False, more=READY, environ={"DEPLOY_LEAD": "@ann"}) as service:
        add(service, "v1")
        plan = service.mobius("plan", "--tag", "v1", "--json", expect=3).json

        refused = service.mobius("deploy", "--tag", "v1", expect=3)
        assert "ready: NOT READY, 2 of 5 points not passed: lead, contacts; 4 not asked" in refused.err
        assert "mobius ready -e production --tag v1" in refused.err
        assert service.get("/")["code"] == 0, "something was started"

        confirm(service, "v1")
        found = points(service, "v1", expect=0)
        assert found == {
            **dict.fromkeys(("ci", "premerge", "approvals", "protection")),
            **dict.fromkeys(("backup", "gates", "lead", "contacts", "placeholders"), "PASS"),
        }
        # The plan that somebody read while it was not ready is the one that is deployed.
        service.mobius("deploy", "--tag", "v1", "--plan", plan["hash"], expect=0)
        assert service.get("/")["release"] == "v1"

        # What was said of v1 says nothing of v2, and no backup of v1 was restored yet.
        place = add(service, "v2")
        found = points(service, "v2", expect=3)
        assert (found["lead"], found["contacts"], found["backup"]) == ("FAIL", "FAIL", "FAIL")
        service.mobius("backup", "create", expect=0)
        service.mobius("rehearse", expect=0)
        confirm(service, "v2")
        points(service, "v2", expect=0)

        # Another content under the same tag is another release.
        runbook = place / "runbooks" / "rollback_runbook.md"
        runbook.write_text("Call @DEPLOY_LEAD\n", encoding="utf-8")
        found = points(service, "v2", expect=3)
        assert (found["lead"], found["placeholders"]) == ("FAIL", "FAIL")
        runbook.write_text("How to: rollback\n", encoding="utf-8")
        service.mobius("deploy", "--tag", "v2", expect=0)
        assert service.get("/")["release"] == "v2"

        (tmp_path / "no-gate").touch()
        service.mobius("rollback", "--emergency", expect=0)
        assert service.get("/")["release"] == "v1"
        service.mobius("audit", "verify", expect=0)


def test_whoever_confirms_can_take_it_back_and_both_stay_on_record(tmp_path: Path) -> None:
    with Service(tmp_path, alone=False, more=READY, environ={"DEPLOY_LEAD": "@ann"}) as service:
        add(service, "v1")
        confirm(service, "v1")
        points(service, "v1", expect=0)
        service.mobius(
            "ready", "withdraw", "contacts", "--tag", "v1", "--by", "bob", "--note", "ill", expect=0
        )
        assert points(service, "v1", expect=3)["contacts"] == "FAIL"
        said = service.journal("SELECT kind, message FROM events WHERE kind LIKE 'ready %' ORDER BY seq")
        assert [tuple(row) for row in said] == [
            ("ready confirmed", "@ann confirmed lead of v1: by phone"),
            ("ready confirmed", "bob confirmed contacts of v1: by phone"),
            ("ready withdrawn", "bob took back contacts of v1: ill"),
        ]
        done = service.mobius("ready", "confirm", "backup", "--tag", "v1", "--by", "bob", expect=2)
        assert "backup" in done.err
        junit = tmp_path / "ready.xml"
        text = service.mobius("ready", "--tag", "v1", "--markdown", "--junit", str(junit), expect=3).out
        assert "| FAIL | Emergency contacts notified |" in text
        assert 'name="Emergency contacts notified: confirmed"' in junit.read_text(encoding="utf-8")
