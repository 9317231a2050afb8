"""What the next release changes in configuration, seen from the one that is live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.service import Service

pytestmark = pytest.mark.journey


def test_a_reviewer_sees_what_the_next_release_needs_before_it_is_deployed(
    new_service: Callable[..., Service],
) -> None:
    service = new_service()
    (service.add_release("v1") / ".env.example").write_text("DATABASE=\n")
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    v2 = service.add_release("v2")
    (v2 / ".env.example").write_text("DATABASE=\nQUEUE_URL=\n")
    (v2 / "Dockerfile").write_text("FROM python:3.12\n")
    done = service.mobius("config", "impact", "--tag", "v2", "--json", expect=3)
    (live,) = service.journal("SELECT id FROM releases WHERE tag = 'v1'")[0]
    told = [(each["impact"], each["file"], each["reason"]) for each in done.json["changes"]]
    assert (done.json["live"], done.json["impact"]) == (live, "HIGH")
    assert told[0] == ("HIGH", ".env.example", "QUEUE_URL is required, and not set where the service runs")
    assert ("MEDIUM", "Dockerfile", "Dockerfile is new: the service is built another way") in told
    assert service.mobius("config", "impact", "--tag", "v1", expect=0).out == (
        f"configuration from {live} to v1: nothing changed\n"
    )
    assert "v9" in service.mobius("config", "impact", "--tag", "v9", expect=2).err
