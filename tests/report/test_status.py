from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC

import pytest

from mobius.model.fleet import HostSeen
from mobius.model.plan import Way
from mobius.model.run import RunState
from mobius.model.status import BackupNow, ProcessNow, ReleaseNow, RunNow, Status, WayBackNow
from mobius.report.status import status_json, status_text, way_back_words
from report.stories import NOON

STATUS = Status(
    service="dhash",
    environment="production",
    at=NOON,
    url="http://127.0.0.1:5001",
    live=ReleaseNow("v2.1.0-4f2c91a", "v2.1.0", "green", NOON - 1320, "ada"),
    previous=ReleaseNow("v2.0.3-77aa01b", "v2.0.3", "blue"),
    processes=(
        ProcessNow("api", "web", "green", "v2.1.0-4f2c91a", "running", 100),
        ProcessNow("queue", "worker", "green", "v2.1.0-4f2c91a", "running", 101, 2),
        ProcessNow("api", "web", "blue", "v2.0.3-77aa01b", "running", 90),
    ),
    run=RunNow(
        id=7,
        kind="deploy",
        tag="v2.1.0",
        state=RunState.OBSERVING,
        started_at=NOON - 1380,
        sentence="so far so good: 41 checks, 0 failed",
        holder="ada@web1 (pid 4242)",
        window_deadline=NOON + 2280,
        runner_alive=True,
    ),
    way_back=WayBackNow(Way.CODE_ALONE, "v2.0.3", 1.0, "nothing", NOON - 35_400),
    backup=BackupNow("dhash_20261120_113700.zip", NOON - 1380, 12_400_000, NOON - 1379, NOON - 1370, 3.1),
    next="mobius accept -e production",
)


def test_status_says_what_is_live_and_the_way_back_from_it() -> None:
    assert status_text(STATUS, 80, tz=UTC) + "\n" == (
        "dhash production\n"
        "live:     v2.1.0 since 11:38 (22 min ago), by ada; green: api running, queue\n"
        "          running (2 restarts)\n"
        "previous: v2.0.3, warm in blue\n"
        "url:      http://127.0.0.1:5001\n"
        "run:      7 deploy v2.1.0, observing; so far so good: 41 checks, 0 failed; 38\n"
        "          min of the window left; held by ada@web1 (pid 4242)\n"
        "way back: code alone, about 1 s, proven 02:10, nothing lost\n"
        "backup:   dhash_20261120_113700.zip, 23 min ago, 12 MB, verified, restored in\n"
        "          3.1 s as a rehearsal 11:37\n"
        "next:     mobius accept -e production\n"
    )


def test_status_fits_a_phone() -> None:
    text = status_text(STATUS, 40, tz=UTC)
    assert max(len(line) for line in text.splitlines()) <= 40
    assert ("way back: code alone, about 1 s, proven\n          02:10, nothing lost\n") in text
    assert text.endswith("next:     mobius accept -e production")


def test_a_label_as_wide_as_all_labels_still_ends_before_its_fact() -> None:
    host = HostSeen("web1", is_reached=True, slots={"blue": "v2.0.3-77aa01b"})
    assert "\nhost web1: blue v2.0.3-77aa01b\n" in status_text(replace(STATUS, hosts=(host,)), 80, tz=UTC)


ON_HOSTS = replace(
    STATUS,
    processes=tuple(
        ProcessNow("web", "web", "green", "v2.1.0-4f2c91a", "running", 9, host=host)
        for host in ("web1", "web3")
    ),
    hosts=(
        HostSeen("web1", True, slots={"green": "v2.1.0-4f2c91a"}),
        HostSeen("web2", False, "web2 is not reached: Connection refused", NOON - 95),
        HostSeen("web3", True, slots={"green": "v2.1.0-4f2c91a"}),
    ),
)


def test_a_fleet_says_in_three_lines_what_is_live_and_who_is_lost() -> None:
    text = status_text(ON_HOSTS, 80, tz=UTC)
    assert text.startswith(
        "dhash production\n"
        "live:     v2.1.0 since 11:38 (22 min ago), by ada; green: web running on web1,\n"
        "          web3\n"
        "hosts:    2 of 3 serve; web2 not reached\n"
        "previous: v2.0.3, not running\n"
        "host web1: green v2.1.0-4f2c91a\n"
        "host web2: not reached; out of the fleet for 1 min 35 s: what it runs is not\n"
        "          known (Connection refused); when it is back: mobius resume -e\n"
        "          production\n"
    )


def test_a_host_that_is_back_says_how_it_takes_part_again() -> None:
    full = HostSeen("web2", True, "web2: fleet.json cannot be written: disk full", NOON - 95, {"blue": "v1"})
    text = status_text(replace(ON_HOSTS, hosts=(ON_HOSTS.hosts[0], full, ON_HOSTS.hosts[2])), 200, tz=UTC)
    assert "hosts:    2 of 3 serve; web2 left out: mobius resume -e production\n" in text
    assert (
        "host web2: blue v1; out of the fleet for 1 min 35 s: fleet.json cannot be written: disk full; "
        "put it back: mobius resume -e production\n"
    ) in text


def test_of_a_thousand_hosts_only_those_are_named_with_which_something_is_wrong() -> None:
    hosts = [HostSeen(f"web{n}", n % 25 != 0, slots={"green": "v2"}) for n in range(1000)]
    processes = [ProcessNow("web", "web", "green", "v2", "running", 9, host=one.name) for one in hosts]
    text = status_text(replace(STATUS, hosts=tuple(hosts), processes=tuple(processes)), 80, tz=UTC)
    assert (
        "green: web running on 1,000\n          hosts\nhosts:    960 of 1,000 serve; 40 hosts not reached"
        in text
    )
    assert text.count("host web") == 20
    assert "hosts:    20 others with something wrong: --json names them\n" in text


def test_what_is_wrong_comes_before_everything_that_is_well() -> None:
    lines = status_text(replace(ON_HOSTS, warnings=("the journal cannot be read",)), 120, tz=UTC).splitlines()
    assert lines[2:4] == ["hosts:    2 of 3 serve; web2 not reached", "warning:  the journal cannot be read"]


def test_before_the_first_deployment_nothing_is_claimed() -> None:
    empty = Status("dhash", "staging", NOON, next="mobius plan -e staging --tag TAG")
    assert status_text(empty, tz=UTC) + "\n" == (
        "dhash staging\n"
        "live:     nothing yet\n"
        "backup:   none yet\n"
        "next:     mobius plan -e staging --tag TAG\n"
    )


def test_a_way_back_that_is_not_proven_or_not_there_says_so() -> None:
    unproven = replace(
        STATUS, way_back=WayBackNow(Way.RESTORE, "v2.0.3", 70, "every write since the backup", 0.0)
    )
    assert (
        "way back: restore, about 1 min 10 s, not proven, loses every write since the\n          backup\n"
    ) in status_text(unproven, tz=UTC)
    none = replace(STATUS, way_back=None)
    assert "way back: none: there is no release to go back to\n" in status_text(none, tz=UTC)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"unsent": 2, "oldest_unsent_at": NOON - 240},
            "unsent:   2 notifications, the oldest from 4 min ago\n",
        ),
        ({"warnings": ("the journal is 2 GB",)}, "warning:  the journal is 2 GB\n"),
        (
            {"processes": (ProcessNow("api", "web", "green", "v2.1.0-4f2c91a", "stopped"),)},
            "warning:  no web process of the live release is running\n",
        ),
        ({"processes": ()}, "previous: v2.0.3, not running\n"),
        (
            {"backup": BackupNow("b.zip", NOON - 7200)},
            "backup:   b.zip, 2 h ago, not verified, not rehearsed\n",
        ),
        (
            {"run": RunNow(6, "deploy", "v2.1.0", RunState.ACCEPTED, NOON - 9000, ended_at=NOON - 4000)},
            "run:      6 deploy v2.1.0, accepted 1 h ago\n",
        ),
        (
            {"run": RunNow(6, "deploy", "v2", RunState.ACCEPTED, NOON - 9, "accepted by ada", ended_at=NOON)},
            "run:      6 deploy v2, accepted by ada just now\n",
        ),
        (
            {
                "run": RunNow(
                    8, "deploy", "v3", RunState.RUNNING, NOON - 5, step="take the backup", runner_alive=False
                )
            },
            "run:      8 deploy v3, running; now: take the backup; its runner is gone\n",
        ),
    ],
)
def test_what_deserves_attention_has_its_line(change: dict[str, object], line: str) -> None:
    assert line in status_text(replace(STATUS, **change), tz=UTC)  # type: ignore[arg-type]


def test_the_next_command_is_the_last_line_even_with_warnings() -> None:
    warned = replace(STATUS, warnings=("one", "two"), unsent=1)
    assert status_text(warned, tz=UTC).splitlines()[-1] == "next:     mobius accept -e production"


def test_the_json_has_the_same_facts() -> None:
    document = json.loads(json.dumps(status_json(STATUS)))
    assert document["schema_version"] == 1
    assert document["event"] == "status"
    assert document["time"] == "2026-11-20T12:00:00Z"
    assert document["live"]["tag"] == "v2.1.0"
    assert document["run"]["state"] == "observing"
    assert document["way_back_words"] == "code alone, about 1 s, proven 02:10, nothing lost"


def test_colour_is_only_colour() -> None:
    import re

    painted = status_text(STATUS, 80, color=True, tz=UTC)
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == status_text(STATUS, 80, tz=UTC)


def test_a_way_back_onto_a_schema_that_moved_on_says_neither_how_fast_it_is_nor_that_nothing_is_lost() -> (
    None
):
    moved = "the schema has moved on since (8_rename)"
    unknown = WayBackNow(Way.CODE_ALONE, "v2", 15.0, "nothing; the migrated schema stays", 0.0, moved)
    failing = replace(unknown, instead="mobius rollback -e production --backup run8.zip")

    assert way_back_words(unknown, NOON, UTC) == f"code alone, not proven: {moved}"
    assert way_back_words(failing, NOON, UTC) == (
        f"code alone, not proven: {moved}; with its data: mobius rollback -e production --backup run8.zip"
    )
