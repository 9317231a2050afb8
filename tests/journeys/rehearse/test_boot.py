"""The previous release is started on its restored backup before a new one is: real processes, real namespaces."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from journeys.service import Service, wait_until
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap

pytestmark = pytest.mark.slow
WHY_NOT = Bubblewrap().why_not()
can_boot = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it can")
BOOT = "\n[rehearsal]\nboot = true\n"


def rehearsed(service: Service) -> tuple[str, dict[str, Any]]:
    """What the last rehearsal said, and everything it found."""
    rows = service.journal("SELECT message, data FROM events WHERE kind = 'rehearsed' ORDER BY seq")
    return str(rows[-1][0]), json.loads(rows[-1][1])


def kept(service: Service) -> list[tuple[str, int]]:
    """The backups and what lies beside them, and the scratch places."""
    found = [*(service.folder / "backups").iterdir(), *left(service)]
    return sorted((path.name, path.lstat().st_mtime_ns) for path in found)


def left(service: Service) -> list[Path]:
    """Scratch places."""
    return list((service.root / "run").glob("rehearsal-*"))


@can_boot
def test_the_way_back_is_proven_by_booting_it_and_said_everywhere(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(more=BOOT, alone=False)
    service.add_release("v1")
    service.add_release("v2", migrations=2)
    service.mobius("deploy", "--tag", "v1", expect=0)
    for _ in range(3):
        service.post()
    service.mobius("deploy", "--tag", "v2", "--detach", expect=0)

    message, facts = rehearsed(service)
    assert "its release booted on it in " in message and "1 smoke test passed; back in " in message
    assert (facts["booted"], facts["failed"], facts["migrations"]) == (True, "", ["002_step"])
    assert facts["restore_s"] < facts["rto_s"] and facts["rpo_s"] >= 0
    assert [test["outcome"] for test in facts["smoke"]] == ["PASS"]
    evidence = json.loads(Path(facts["evidence"]).read_text())
    assert Path(facts["evidence"]).name == f"{facts['backup']}.rehearsal.json"
    assert (evidence["sha256"], evidence["booted"], evidence["rto_s"]) == (
        facts["sha256"],
        True,
        facts["rto_s"],
    )
    assert evidence["tools"]["mobius"] and evidence["isolation"].startswith("bubblewrap ")
    assert service.rows("SELECT count(*) FROM posts") == [(3,)]
    backup = service.status()["backup"]
    assert (backup["booted"], backup["not_proven"]) == (True, "") and backup["rto_s"] > 0
    assert "its release booted on it, back in" in service.mobius("status", expect=0).out
    assert "booted" in service.mobius("backup", "list", expect=0).out
    report = json.loads(service.mobius("report", "--json", expect=0).out)
    assert report["backup"]["rehearsal"]["booted"] is True
    assert left(service) == []

    one, other = service.start("rehearse", "--json"), service.start("rehearse", "--json", "--no-boot")
    told = [service.finish(one), service.finish(other)]
    assert [done.code for done in told] == [0, 0], told
    assert (told[0].json["booted"], told[1].json["rehearsal"]["not_proven"]) == (
        True,
        "a boot was not asked for",
    )
    assert "restoring " in told[0].err and "cut off from all else" in told[0].err
    assert left(service) == []

    before, events = kept(service), service.journal("SELECT count(*) FROM events")
    dry = service.mobius("rehearse", "--dry-run", expect=0)
    assert "there, cut off from all that is live, and smoke-test it" in dry.out
    assert (kept(service), service.journal("SELECT count(*) FROM events")) == (before, events)


@can_boot
def test_a_release_that_cannot_start_on_its_own_backup_stops_the_deployment(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(more=BOOT, alone=False)
    place = service.add_release("v1")
    needs = "import json\nfrom pathlib import Path\n\nprint(Path('../../shared/forgotten.txt').read_text())\n"
    (place / "web.py").write_text((place / "web.py").read_text().replace("import json\n", needs, 1))
    service.add_release("v2")
    (service.root / "shared").mkdir(parents=True)
    (service.root / "shared" / "forgotten.txt").write_text("in no backup")
    service.mobius("deploy", "--tag", "v1", expect=0)
    refused = service.mobius("deploy", "--tag", "v2", expect=3)
    assert "does not run on its own restored backup" in refused.out + refused.err
    assert "FileNotFoundError" in refused.out + refused.err
    assert service.get("/")["release"] == "v1"
    assert rehearsed(service)[1]["proven"] is False
    assert service.status()["backup"]["rehearsed_at"] == 0
    assert left(service) == []


def test_where_nothing_can_be_cut_off_it_is_not_booted_and_that_is_said(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if program.name != "bwrap" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    service = new_service(more=BOOT, alone=False, environ={"PATH": str(programs)})
    service.add_release("v1")
    service.add_release("v2")
    service.mobius("deploy", "--tag", "v1", expect=0)
    service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    reason = "bubblewrap is not installed: its program bwrap is not on the PATH"
    message, facts = rehearsed(service)
    assert f"; NOT PROVEN that its release runs on it: {reason}" in message
    assert (facts["booted"], facts["not_proven"], facts["proven"]) == (False, reason, True)
    assert service.mobius("rehearse", "--dry-run", expect=0).out.endswith(
        f"would NOT start its release there: {reason}\n"
    )
    by_hand = service.mobius("rehearse", "--json", expect=4)
    assert by_hand.json["not_proven"] == reason


@can_boot
def test_a_runner_killed_while_it_rehearses_is_started_again_and_nothing_is_left(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(more=BOOT, alone=False)
    service.add_release("v1", listens_after_s=3)
    service.add_release("v2")
    service.mobius("deploy", "--tag", "v1", expect=0)
    service.post()
    going = service.start("deploy", "--tag", "v2")
    wait_until(lambda: _booting(service), 60, what="the release of the backup is started")
    (run_id,) = service.journal("SELECT max(id) FROM runs")[0]
    killed = service.runner_pid(run_id)
    assert killed
    os.kill(killed, signal.SIGKILL)
    assert service.finish(going, timeout_s=180).code == 0
    assert service.get("/")["release"] == "v2"
    assert service.rows("SELECT count(*) FROM posts") == [(1,)]
    steps = service.journal(
        "SELECT attempt, done_at > 0 FROM steps WHERE step_id LIKE '%-rehearse' AND run_id = (SELECT max(id) FROM runs"
        " WHERE kind = 'deploy') ORDER BY attempt"
    )
    assert steps == [(1, 0), (2, 1)]
    assert rehearsed(service)[1]["booted"] is True
    wait_until(lambda: not _booting(service), 30, what="nothing of a boot runs")
    assert left(service) == []


def _booting(service: Service) -> list[int]:
    """The processes of a boot of this service's release."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words and Path(words[0]).name == "bwrap" and any(str(service.root) in word for word in words):
                found.append(process.pid)
    return found
