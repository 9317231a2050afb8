"""What a person and a program read of the log and of the runs, and how tampering is told."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click import BadParameter
from click.testing import CliRunner, Result

from adapters.contracts.journal_facts import PLAN, STAGE, moved, opened
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.cli.audit import command as audit
from mobius.cli.history import command as history
from mobius.errors import UsageError
from mobius.model.run import RunState
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Journal, Note


class Place:
    """As much of an App as these commands ask for, over real journals."""

    def __init__(self, folder: Path, *environments: str) -> None:
        self.folder = folder
        self.environments = environments

    def environment(self, name: str | None) -> EnvironmentSettings:
        name = name or (self.environments[0] if len(self.environments) == 1 else None)
        if name not in self.environments:
            raise UsageError("which environment?", f"add -e with one of: {', '.join(self.environments)}")
        return EnvironmentSettings(name, "http://127.0.0.1:1", self.folder / name)

    def journal(self, name: str | None, *, read_only: bool = True) -> Journal:
        return SqliteJournal(self.path(self.environment(name).name), read_only=read_only)

    def path(self, name: str) -> Path:
        return self.folder / name / "journal.db"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "production")


def written(place: Place, name: str = "production") -> Journal:
    """A run and a word, at noon in UTC, so that nearly every zone has the same day."""
    journal = place.journal(name, read_only=False)
    run = opened(journal, name, now=1_717_243_200.0)
    journal.begin(run, STAGE, now=1_717_243_201.0)
    journal.done(run, STAGE, {}, now=1_717_243_203.0)
    moved(journal, run, RunState.ACCEPTED, now=1_717_243_330.0, sentence="v2 is live and was accepted")
    journal.say(None, name, Note("frozen", "until Monday"), now=1_717_243_400.0)
    return journal


def run(place: Place, command: Any, *words: str) -> Result:
    return CliRunner().invoke(command, words, obj={"app": place}, standalone_mode=False)


def test_the_log_prints_every_event_oldest_first(place: Place) -> None:
    written(place)
    done = run(place, audit, "log")
    clock = re.sub(r"\d\d:\d\d:(\d\d)", r"hh:mm:\1", done.stdout)
    assert clock.splitlines() == [
        "     1  2024-06-01 hh:mm:00  run 1    run queued: deploy v2 to production queued by Anna"
        "  (anna@web1 (pid 4711))",
        "     2  2024-06-01 hh:mm:01  run 1    step begun: Stage v2  (anna@web1 (pid 4711))",
        "     3  2024-06-01 hh:mm:03  run 1    step done: Stage v2: done in 2.0 s  (anna@web1 (pid 4711))",
        "     4  2024-06-01 hh:mm:10  run 1    moved: now accepted  (anna@web1 (pid 4711))",
        "     5  2024-06-01 hh:mm:20  -        frozen: until Monday",
    ]
    assert done.stderr == "prove that nothing was changed: mobius audit verify\n"
    assert done.return_value == 0


def test_the_log_as_json_can_be_verified_by_a_third_party(place: Place) -> None:
    journal = written(place)
    lines = [json.loads(line) for line in run(place, audit, "log", "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert all(b["previous_hash"] == a["hash"] for a, b in itertools.pairwise(lines))
    assert lines[-1]["hash"] == journal.verify_chain()[1]
    assert {
        k: lines[-1][k] for k in ("schema_version", "event", "environment", "run", "time", "message")
    } == {
        "schema_version": 1,
        "event": "frozen",
        "environment": "production",
        "run": 0,
        "time": "2024-06-01T12:03:20Z",
        "message": "until Monday",
    }


def test_the_log_of_one_run_leaves_the_others_out(place: Place) -> None:
    written(place)
    written(place)
    lines = run(place, audit, "log", "--run", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [6, 7, 8, 9]
    unknown = run(place, audit, "log", "--run", "9")
    assert isinstance(unknown.exception, UsageError)
    assert unknown.exception.message == "the journal has no run 9"
    huge = run(place, audit, "log", "--run", "99999999999999999999")
    assert isinstance(huge.exception, UsageError)
    for wrong in (
        run(place, audit, "log", "--run", "0"),  # not taken for every run
        run(place, history, "--limit", "99999999999999999999"),
    ):
        assert isinstance(wrong.exception, BadParameter)


def test_a_long_log_is_printed_to_its_end(place: Place) -> None:
    journal = place.journal("production", read_only=False)
    every = range(1, 2_102)
    with journal._database.writing() as sql:
        for n in every:
            journal._append(sql, 0, "production", Note("tick", str(n)), 1.0, "")
    lines = run(place, audit, "log", "--json").stdout.splitlines()
    assert [json.loads(line)["message"] for line in lines] == [str(n) for n in every]


def test_what_others_wrote_cannot_draw_on_the_readers_terminal(place: Place) -> None:
    journal = place.journal("production", read_only=False)
    journal.say(None, "production", Note("x", "a\x1b[2Jb\nc"), now=1.0, who="\x1b]0;me\x07")
    assert "\x1b" not in run(place, audit, "log").stdout
    assert len(run(place, audit, "log").stdout.splitlines()) == 1


def test_a_whole_chain_is_said_to_be_whole_with_its_head(place: Place) -> None:
    _, head = written(place).verify_chain()
    done = run(place, audit, "verify")
    assert (done.stdout, done.return_value) == (f"production: 5 events, unbroken\n  head {head}\n", 0)
    assert done.stderr == "keep the head elsewhere, and later: mobius audit verify --head HEAD\n"
    again = run(place, audit, "verify", "--head", head, "--json")
    assert json.loads(again.stdout) == {
        "schema_version": 1,
        "event": "audit_verified",
        "environment": "production",
        "ok": True,
        "events": 5,
        "head": head,
    }


def test_a_journal_that_cannot_be_read_now_is_not_verified_and_not_called_broken(place: Place) -> None:
    written(place)
    with closing(sqlite3.connect(place.path("production"))) as sql:
        sql.execute("PRAGMA user_version = 99")
    done = run(place, audit, "verify")
    assert done.stdout.startswith("production: NOT VERIFIED: the journal ")
    assert "was written by a newer mobius" in done.stdout
    assert done.return_value == 4
    told = json.loads(run(place, audit, "verify", "--json").stdout)
    assert told["ok"] is None and "newer mobius" in told["finding"]


def test_a_journal_that_is_damaged_is_broken(place: Place) -> None:
    written(place).close()
    file = place.path("production")
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"x" * (len(content) - 4096))
    done = run(place, audit, "verify")
    assert done.stdout.startswith("production: BROKEN: the journal ") and done.return_value == 1


def test_a_broken_chain_is_exit_1_with_the_finding_and_what_to_do(place: Place) -> None:
    written(place)
    with closing(sqlite3.connect(place.path("production"))) as sql:
        sql.execute("DROP TRIGGER events_stay_as_written")
        sql.execute("UPDATE events SET message = 'nothing happened' WHERE seq = 4")
        sql.commit()
    done = run(place, audit, "verify")
    finding = "the audit log was changed: event 4 (moved) is not what was written"
    assert (done.stdout, done.return_value) == (f"production: BROKEN: {finding}\n", 1)
    assert done.stderr == (
        "keep the file as it is for whoever looks into it; compare with a copy: mobius audit verify --head HASH\n"
    )
    as_json = run(place, audit, "verify", "--json")
    assert (json.loads(as_json.stdout)["finding"], as_json.return_value) == (finding, 1)


def test_a_cut_off_log_is_exit_1_when_a_head_is_given(place: Place) -> None:
    written(place)
    done = run(place, audit, "verify", "--head", 16 * "f0")
    assert done.return_value == 1
    assert f"cut off or replaced: none of its 5 events has the hash {16 * 'f0'}" in done.stdout


@pytest.mark.parametrize("head", ["", "  ", "f00d", "1:4:", "1:4:0011", "1:0:" + 16 * "f0", "4:" + 16 * "f0"])
def test_what_is_no_head_is_refused_and_not_taken_for_none(place: Place, head: str) -> None:
    written(place)
    refused = run(place, audit, "verify", "--head", head).exception
    assert isinstance(refused, UsageError)
    assert "mobius audit head" in refused.hint


def test_the_head_is_one_short_line_that_verify_takes(place: Place) -> None:
    journal = written(place)
    done = run(place, audit, "head")
    assert done.stdout == f"0:5:{journal.verify_chain()[1][:24]}\n"
    assert run(place, audit, "verify", "--head", done.stdout.strip()).return_value == 0
    journal.say(None, "production", Note("frozen", "until Tuesday"), now=1_717_243_500.0)
    assert run(place, audit, "verify", "--head", done.stdout.strip()).return_value == 0
    other = run(place, audit, "verify", "--head", done.stdout.strip().replace("0:5:", "0:6:"))
    assert "written anew: its event 6 is not the one of the head 0:6:" in other.stdout
    assert other.return_value == 1


def test_a_head_beyond_the_end_says_how_far_the_log_goes(place: Place) -> None:
    written(place)
    done = run(place, audit, "verify", "--head", "2:9:" + 12 * "ab", "--json")
    assert (
        json.loads(done.stdout)["finding"]
        == "the audit log was cut off or replaced: it ends with event 5, and the head names event 9"
    )


def test_without_an_event_there_is_no_head(place: Place) -> None:
    done = run(place, audit, "head")
    assert (done.stdout, done.stderr) == ("", "production: nothing was written yet\n")
    as_json = json.loads(run(place, audit, "head", "--json").stdout)
    assert as_json == {"schema_version": 1, "event": "audit_head", "environment": "production", "head": None}


def test_a_log_in_which_nothing_was_written_yet_is_not_verified(place: Place) -> None:
    done = run(place, audit, "verify")
    assert (done.stdout, done.return_value) == ("production: nothing was written yet\n", 4)
    assert done.stderr == "it begins with the first deployment: mobius plan -e production\n"
    told = json.loads(run(place, audit, "verify", "--json").stdout)
    assert (told["ok"], told["events"], told["gone"]) == (None, 0, False)


def test_a_log_that_is_gone_is_not_verified_also_beside_one_that_holds(tmp_path: Path) -> None:
    place = Place(tmp_path, "production", "staging")
    written(place, "staging")
    written(place, "production")
    place.path("production").unlink()
    (tmp_path / "production" / "releases" / "v1-1a2b3c4d").mkdir(parents=True)
    done = run(place, audit, "verify")
    assert done.return_value == 4
    assert done.stdout.startswith(
        "production: NOT VERIFIED: its log is gone or empty, though there is something"
    )
    assert "staging: 5 events, unbroken" in done.stdout
    assert done.stderr.endswith("mobius audit verify -e production --against FILE\n")
    assert run(place, audit, "verify", "-e", "staging").return_value == 0


def test_the_advice_about_a_broken_log_names_its_environment_where_there_are_several(tmp_path: Path) -> None:
    place = Place(tmp_path, "production", "staging")
    written(place, "staging")
    done = run(place, audit, "verify", "-e", "staging", "--head", "2:9:" + 12 * "ab")
    assert done.return_value == 1
    assert "mobius audit verify -e staging --head HASH" in done.stderr
    assert run(place, audit, "log", "-e", "staging").stderr.endswith("mobius audit verify -e staging\n")


def test_every_environment_is_looked_at_and_a_head_is_found_in_its_own(tmp_path: Path) -> None:
    place = Place(tmp_path, "production", "staging")
    _, head = written(place, "staging").verify_chain()
    done = run(place, audit, "verify")
    assert done.stdout == (
        f"production: nothing was written yet\nstaging: 5 events, unbroken\n  head {head}\n"
    )
    assert run(place, audit, "verify", "-e", "staging", "--head", head).return_value == 0
    anywhere = run(place, audit, "verify", "--head", head)
    assert anywhere.return_value == 0
    assert anywhere.stdout == f"staging: 5 events, unbroken\n  head {head}\n"
    nowhere = run(place, audit, "verify", "--head", "0" * 24)
    assert nowhere.return_value == 1
    assert [line[:20] for line in nowhere.stdout.splitlines()] == [
        "production: BROKEN: ",
        "staging: BROKEN: the",
    ]
    assert run(place, audit, "log").stdout.splitlines()[:2][0] == "production:"


def test_reading_leaves_no_trace(place: Place) -> None:
    for code, command, *words in ((0, audit, "log"), (4, audit, "verify"), (0, history)):
        assert run(place, command, *words).return_value == code
    assert list(place.folder.iterdir()) == []


def test_history_lists_the_runs_newest_first_within_80_columns(place: Place) -> None:
    journal = written(place)
    second = journal.open_run(
        "production", PLAN, lead="", holder=journal.runs("production")[0].holder, now=1_000_036_800.0
    )
    long = "the release answered 500 to 12 of 100 requests in the last minute, more than the 5 % allowed"
    moved(journal, second, RunState.NEEDS_OPERATOR, now=1_000_036_805.0, sentence=long)
    done = run(place, history)
    lines = re.sub(r"\d\d:\d\d", "hh:mm", done.stdout).splitlines()
    assert lines[0].startswith("   2  deploy   v2                needs a person  9 Sep 2001 hh:mm  ")
    assert lines[1:3] == [
        "      r2, by anna@web1 (pid 4711): the release answered 500 to 12 of 100",
        "      requests in the last minute, more than the 5 % allowed",
    ]
    assert lines[3:] == [
        "   1  deploy   v2                accepted        1 Jun 2024 hh:mm  2 min 10 s",
        "      r2, by Anna: v2 is live and was accepted",
    ]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr == "see one whole: mobius audit log -e production --run 2\n"


def test_history_as_json_has_the_facts_and_keeps_to_its_limit(place: Place) -> None:
    written(place)
    written(place)
    (line,) = run(place, history, "--json", "--limit", "1").stdout.splitlines()
    assert json.loads(line) == {
        "schema_version": 1,
        "event": "run",
        "run": 2,
        "environment": "production",
        "kind": "deploy",
        "tag": "v2",
        "release_id": "r2",
        "previous_id": "r1",
        "state": "accepted",
        "ended": True,
        "exit_code": 0,
        "lead": "Anna",
        "holder": "anna@web1 (pid 4711)",
        "started": "2024-06-01T12:00:00Z",
        "started_at": 1_717_243_200.0,
        "ended_at": 1_717_243_330.0,
        "took_s": 130.0,
        "sentence": "v2 is live and was accepted",
        "plan": "abc",
    }


def test_history_without_a_run_says_so(place: Place) -> None:
    done = run(place, history)
    assert (done.stdout, done.stderr, done.return_value) == ("", "no run yet in production\n", 0)


def test_the_four_figures_are_an_object_with_their_samples(place: Place) -> None:
    written(place)
    told = json.loads(run(place, history, "--dora", "--json", "--days", "36500").stdout)
    assert (told["event"], told["environment"], told["deployments"], told["stopped_before_users"]) == (
        "dora", "production", 0, 1,
    )  # fmt: skip
    assert told["lead_time"]["why_not"] == "nothing was deployed in this time"
    as_text = run(place, history, "--dora")
    assert "deployment frequency" in as_text.stdout
    assert max(map(len, as_text.stdout.splitlines())) <= 80
    assert as_text.stderr == "what they are drawn from: mobius history\n"
