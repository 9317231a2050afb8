"""`target = "observe"`: a service started by hand, which nobody deployed with mobius: watched, kept, taken back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from journeys.by_hand import add_tag, answers, by_hand, ran
from journeys.service import Service, wait_until

pytestmark = pytest.mark.journey


def test_a_service_of_which_nothing_is_known_is_watched_and_deploying_it_is_refused(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(new_service, target="observe", without=("deploy", "rollback", "version")) as service:
        watched = service.mobius("monitor", "--duration", "2", expect=0)
        assert "accepted by the window" in watched.out

        refused = service.mobius("deploy", "--tag", "v1", expect=2)
        assert refused.err == (
            "error: production is only observed: mobius does not deploy there\n"
            '  deploy by your own means, then: mobius monitor -e production; or set target = "command"\n'
        )
        assert service.mobius("restart", expect=2).err.startswith(
            "error: the processes of production are not ours"
        )
        assert service.status()["warnings"] == []
        assert ran(service) == []


def test_it_is_backed_up_rehearsed_and_comes_back_by_itself_where_that_is_allowed(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(
        new_service, target="observe", without=("deploy", "rollback"), more="auto_restore = true"
    ) as service:
        add_tag(service, "v0")
        made = service.mobius("backup", "create", "--json", expect=0).json
        assert made["name"].startswith("shop_")
        proven = service.mobius("rehearse", "--json", expect=0).json
        assert (proven["name"], proven["rehearsed_at"] > 0) == (made["name"], True)
        dry = service.mobius("rollback", "--backup", made["name"], "--dry-run", expect=0).out
        assert "run the stop command" in dry and "run the start command" in dry
        way_back = service.status()["way_back"]
        assert (way_back["to"], way_back["way"]) == (made["name"], "restore")

        watching = service.start("monitor", "--duration", "120")
        wait_until(lambda: service.journal("SELECT 1 FROM samples LIMIT 1"), what="the first look")
        (service.folder / "data" / "value").write_text("broken")
        (service.folder / "sick").touch()
        wait_until(lambda: len(ran(service)) >= 1, 60, what="the stop command")
        (service.folder / "sick").unlink()
        done = service.finish(watching)

        assert done.code == 12, done
        answers(service, "v0")
        assert service.get()["value"] == "good"
        assert ran(service) == ["stop  after ", "start  after "]


def test_a_person_who_names_nothing_goes_back_to_the_latest_good_backup_and_nothing_is_forgotten(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(new_service, target="observe", without=("deploy", "rollback")) as service:
        add_tag(service, "v0")
        made = service.mobius("backup", "create", "--json", expect=0).json
        service.mobius("rehearse", "--json", expect=0)
        (service.folder / "data" / "value").write_text("broken")
        (service.folder / "data" / "since").write_text("written since")

        asked = service.mobius("rollback", expect=2)
        assert f"Written since {made['name']}" in asked.err
        assert "data: files: 1 added, 1 changed" in asked.err and asked.err.endswith("  add --yes\n")

        service.mobius("rollback", "--yes", expect=0)
        answers(service, "v0")
        assert service.get()["value"] == "good"
        assert not (service.folder / "data" / "since").exists()
        assert ran(service) == ["stop  after ", "start  after "]
        report = json.loads(service.mobius("report", "--json", expect=0).out)
        assert report["emergency_backup"]["name"].startswith("emergency_")
        assert [limit["kept"] for limit in report["rollback"]["limits"]] == [True, True]
        assert report["rollback"]["lost"]["counts"] == {"files added": 1, "files changed": 1}
        window = report["window"]
        assert round(window["deadline"]["unix"] - window["opened"]["unix"]) == 7200
