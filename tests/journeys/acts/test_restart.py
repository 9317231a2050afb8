"""`mobius restart` and `mobius freeze` on a real service: a change of configuration that nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.service import Service
from journeys.switch.under_load import lost, under_load

pytestmark = pytest.mark.journey


def environment_of(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/environ").read_text().split("\0"))


def reconfigure(service: Service, *, env: str) -> None:
    """Somebody edits mobius.toml."""
    text = service.config.read_text()
    assert "env = { DATABASE = " in text
    service.config.write_text(text.replace("env = { DATABASE = ", f"env = {{ {env}, DATABASE = "))


def test_another_configuration_takes_over_under_load_and_goes_back_again(
    new_service: Callable[..., Service],
) -> None:
    ground = under_load(new_service)
    service = ground.service
    before = service.status()["live"]["id"]
    try:
        reconfigure(service, env='GREETING = "hello"')
        dry = service.mobius("restart", "--dry-run", expect=0)
        assert "web: env GREETING" in dry.out
        assert "hello" not in dry.out
        service.mobius("restart", "--detach", expect=0)
        now = service.status()
        ground.see_more_of("v1", 50)
        assert now["live"]["id"] == f"{before}+2"
        assert now["previous"]["id"] == before
        [web] = [p for p in now["processes"] if p["slot"] == now["live"]["slot"]]
        assert "GREETING=hello" in environment_of(web["pid"])

        service.mobius("rollback", expect=0)
        ground.see_more_of("v1", 50)
    finally:
        report = ground.load.stop()

    assert lost(report) == []
    back = service.status()
    assert back["live"]["id"] == before
    [web] = [p for p in back["processes"] if p["slot"] == back["live"]["slot"]]
    assert "GREETING=hello" not in environment_of(web["pid"])
    assert (service.root / "VERSION").read_text() == f"v1 {before}\n"


def test_one_worker_is_restarted_where_it_runs_and_nothing_else_is(
    new_service: Callable[..., Service],
) -> None:
    service = new_service()
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    before = {p["name"]: p["pid"] for p in service.status()["processes"]}

    dry = service.mobius("restart", "--process", "worker", "--dry-run", expect=0)
    assert (
        dry.out
        == "worker would be restarted where it runs, as the live release has it; nothing else would change\n"
    )
    done = service.mobius("restart", "--process", "worker", expect=0)

    after = {p["name"]: p["pid"] for p in service.status()["processes"]}
    assert done.out == f"worker was restarted in blue (pid {after['worker']})\n"
    assert after["worker"] != before["worker"]
    assert {**after, "worker": 0} == {**before, "worker": 0}
    assert [life for life in service.lives() if life[0] == "twice"] == []


def test_while_frozen_nothing_new_begins_but_going_back_does(new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    for tag in ("v1", "v2"):
        service.add_release(tag)
        service.mobius("deploy", "--tag", tag, expect=0)

    frozen = service.mobius("freeze", "--for", "2h", "--reason", "the sale", expect=0)
    assert frozen.out.startswith("production: frozen by ")
    assert frozen.out.endswith(": the sale\n")
    refused = service.mobius("restart", expect=3)
    assert "freeze: frozen by" in refused.err
    assert "until" in refused.err and "the sale" in refused.err
    assert service.mobius("status", expect=0).out.count("frozen:") == 1
    service.mobius("rollback", expect=0)
    assert service.get()["release"] == "v1"
    service.mobius("accept", expect=0)
    assert service.mobius("deploy", "--tag", "v2", "--despite-freeze", "", expect=2).err.startswith(
        "error: --despite-freeze without a reason"
    )
    service.mobius("deploy", "--tag", "v2", "--despite-freeze", "a fix for the sale", expect=0)
    assert service.get()["release"] == "v2"

    assert service.mobius("freeze", "--lift", expect=0).out.startswith("production: not frozen any more")
    assert service.mobius("freeze", "--json", expect=0).json["freeze"] is None
    told = service.mobius("audit", "log", expect=0).out
    assert "despite the freeze: a fix for the sale" in told
    assert "lifted the freeze by" in told
