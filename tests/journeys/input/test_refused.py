"""What is wrong is said in words that help, with the right exit code, and what is live does not notice."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from journeys.input.project import Project
from journeys.service import Done

A_TAG_IS = "a tag is letters, digits and . _ + / @ -, and begins with a letter or digit"


def refused(done: Done, code: int, *lines: str) -> None:
    """Exactly these lines on stderr, and nothing else anywhere."""
    assert done.err == "".join(f"{line}\n" for line in lines), done
    assert (done.code, done.out) == (code, ""), done


def not_deployed(done: Done, code: int, check: str, advice: str) -> None:
    """Refused by one check of the plan."""
    said = "error: v2 was not deployed: 1 check(s) not passed, nothing was changed"
    refused(done, code, said, f"  {check}", f"  {advice}")


def test_without_a_configuration_it_says_where_it_looked(untouched: Project) -> None:
    empty = untouched.folder.parent

    done = untouched.finish(untouched.start("deploy", "--tag", "v2", cwd=empty))

    refused(
        done,
        2,
        f"error: no mobius.toml here or above {empty}",
        "  name the file with --config, or see what belongs in it: mobius config schema",
    )


def test_a_configuration_that_is_not_toml_names_the_line(untouched: Project) -> None:
    untouched.configure('service = "shop"\n[release\n')

    done = untouched.deploy("v2")

    refused(
        done,
        2,
        "error: mobius.toml is not valid TOML: Expected ']' at the end of a table declaration (at line 2, column 9)",
        f"  correct that line of {untouched.config}, then try: mobius config check",
    )


def test_an_unknown_environment_names_the_known_ones(untouched: Project) -> None:
    done = untouched.mobius("deploy", "-e", "prod", "--tag", "v2")

    refused(done, 2, 'error: no environment "prod" in mobius.toml', "  known environments: production")


def test_wrong_types_are_all_named_at_once(untouched: Project) -> None:
    untouched.configure(
        window="soon",
        interval="-1",
        release='build = "make"\nkeep = "many"',
        environment='auto_rollback = "maybe"',
    )

    done = untouched.deploy("v2")

    duration = 'expected a duration: seconds, or text such as "60m", "1h30m" or "500ms", longer than 0'
    refused(
        done,
        2,
        "error: mobius.toml has 5 mistakes",
        '  release.build (line 6): found "make", expected a list of commands, such as [["make", "all"]]',
        '  release.keep (line 7): found "many", expected a whole number from 2 to 1000',
        f'  monitor.interval (line 31): found "-1", {duration}',
        f'  environments.production.window (line 39): found "soon", {duration}',
        '  environments.production.auto_rollback (line 40): found "maybe", expected true or false',
        "  correct it, then try: mobius config check",
    )


def test_a_threshold_in_the_environment_that_is_no_number_is_a_mistake(untouched: Project) -> None:
    done = untouched.deploy("v2", environ={"MOBIUS_MAX_ERROR_RATE": "many", "MONITOR_DURATION": "-5"})

    assert done.code == 2 and done.out == ""
    said = done.err.splitlines()
    assert said[0] == "error: the configuration has 2 mistakes"
    assert any(line.startswith('  MOBIUS_MAX_ERROR_RATE: found "many", expected') for line in said)
    assert any(line.startswith('  MONITOR_DURATION: found "-5", expected a duration') for line in said)
    assert said[-1] == "  correct it, then try: mobius config check"


def test_two_environments_that_share_a_port_name_each_other(untouched: Project) -> None:
    untouched.configure(environments=f'[environments.staging]\nurl = "http://127.0.0.1:{untouched.port}"')

    done = untouched.mobius("deploy", "-e", "staging", "--tag", "v2")

    refused(
        done,
        2,
        "error: mobius.toml has 1 mistake",
        f"  environments.staging.url (line 41): 127.0.0.1:{untouched.port} is where environment "
        '"production" listens too',
        "  correct it, then try: mobius config check",
    )


def test_an_unknown_tag_names_the_ones_there_are(untouched: Project) -> None:
    done = untouched.deploy("v9")

    refused(
        done,
        2,
        f'error: no release "v9": {untouched.folder}/releases/v9 does not exist',
        "  there are: v1, v2",
    )


def test_no_tag_at_all_asks_for_one(untouched: Project) -> None:
    refused(untouched.mobius("deploy"), 2, "error: which release?", "  add --tag, or set RELEASE_TAG")


@pytest.mark.parametrize(
    "tag",
    ["--upload-pack=/bin/sh", "../x", "$(id)", "v2\nx", " ", "v2\x00"],
)
def test_a_hostile_tag_is_never_more_than_a_wrong_word(untouched: Project, tag: str) -> None:
    if "\x00" in tag:  # no program can be given such a word; the library can
        from mobius.errors import UsageError

        with pytest.raises(UsageError, match="cannot be a tag"):
            untouched.app().deploy("production", tag=tag)
        return

    done = untouched.mobius("deploy", "-e", "production", f"--tag={tag}")

    refused(done, 2, f"error: {tag!r} cannot be a tag", f"  {A_TAG_IS}")


def test_a_plan_that_no_longer_holds_is_not_executed(untouched: Project) -> None:
    planned = untouched.mobius("plan", "--tag", "v2", "--json", expect=0).json["hash"]
    (untouched.folder / "releases" / "v2" / "more.txt").write_text("a later change")
    now = untouched.mobius("plan", "--tag", "v2", "--json", expect=0).json["hash"]

    done = untouched.deploy("v2", "--plan", planned)

    refused(
        done,
        2,
        f"error: the plan {planned} does not hold any more: it would be {now} now",
        "  look at it: mobius plan -e production --tag v2",
    )
    (untouched.folder / "releases" / "v2" / "more.txt").unlink()
    assert untouched.mobius("plan", "--tag", "v2", "--json", expect=0).json["hash"] == planned


def test_what_is_live_already_is_not_deployed_again(untouched: Project) -> None:
    done = untouched.deploy("v1")

    live = (untouched.root / "current").readlink().name
    assert done.code == 3 and f"  release: {live} is live already\n" in done.err


def test_a_start_command_that_is_not_there_is_named(untouched: Project) -> None:
    untouched.configure(start='"node-that-is-not-there", "src/index.js"')

    done = untouched.deploy("v2")

    not_deployed(
        done,
        3,
        "start command of web: node-that-is-not-there is not there",
        "install node-that-is-not-there, or correct [[process]] start in mobius.toml",
    )


def test_a_start_command_that_the_build_did_not_make_is_found_before_anything_is_touched(
    untouched: Project,
) -> None:
    untouched.configure(start='"bin/serve"')

    done = untouched.deploy("v2")

    assert done.code == 3
    assert done.out.splitlines()[-3:] == [
        f"run {untouched.newest_run().id} is refused: the start command of web is missing: bin/serve",
        "nothing was changed; mend what is named, then:",
        "  mobius plan -e production --tag v2",
    ]
    assert not list((untouched.root / "releases").glob("v2-*"))


def test_a_port_that_a_foreign_process_holds_is_refused_with_its_name(
    untouched: Project, tmp_path: Path
) -> None:
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as foreign:
        assert foreign.stdout is not None and foreign.stdin is not None
        port = int(foreign.stdout.readline())
        untouched.configure(environment=f'listen = "127.0.0.1:{port}"')

        done = untouched.deploy("v2")

        foreign.stdin.close()
    assert done.code == 3 and done.out == ""
    [said] = [line for line in done.err.splitlines() if line.startswith("  port: ")]
    assert said.startswith(f"  port: 127.0.0.1:{port} is taken by ")
    assert f"(pid {foreign.pid}, in {tmp_path})" in said
    assert done.err.endswith("  stop it, or give production another `listen` in mobius.toml\n")


def test_a_port_that_another_service_of_ours_holds_names_that_service(
    untouched: Project, tmp_path: Path
) -> None:
    with Project(tmp_path / "films") as other:
        other.port = untouched.port
        other.configure()
        other.config.write_text(other.config.read_text().replace('"shop"', '"films"'))
        other.release("v2")

        done = other.deploy("v2")

    place = untouched.root.resolve()
    assert done.code == 3 and done.out == ""
    assert f"  port: 127.0.0.1:{untouched.port} is taken by " in done.err
    assert f", in {place})\n" in done.err, "the folder of the other service says whose it is"


def test_a_backup_folder_that_is_a_file_is_refused(untouched: Project) -> None:
    (untouched.folder / "kept").write_text("a file")
    untouched.configure(backup='folder = "kept/here"')

    done = untouched.deploy("v2")

    not_deployed(
        done,
        3,
        f"backup: {untouched.folder}/kept cannot be written",
        "make it a folder that you may write to, or set backup.folder in mobius.toml",
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_backup_folder_that_may_not_be_written_is_refused(untouched: Project) -> None:
    folder = untouched.folder / "sealed"
    folder.mkdir(mode=0o555)
    untouched.configure(backup='folder = "sealed"')

    done = untouched.deploy("v2")

    advice = "make it a folder that you may write to, or set backup.folder in mobius.toml"
    not_deployed(done, 3, f"backup: {folder} cannot be written", advice)


def test_data_that_is_to_be_backed_up_and_is_not_there_is_refused(untouched: Project) -> None:
    untouched.configure(backup="").config.write_text(
        untouched.config.read_text().replace(
            'paths = ["shared/data"]', 'paths = ["shared/data", "shared/films"]'
        )
    )

    done = untouched.deploy("v2")

    not_deployed(
        done,
        3,
        f"backup: the backup path shared/films does not exist: {untouched.root}/shared/films",
        "create it, or take it out of backup.paths in mobius.toml",
    )


def test_a_build_that_fails_shows_the_end_of_its_output_and_leaves_nothing(untouched: Project) -> None:
    script = "for n in $(seq 40); do echo compiling $n; done; echo 'fatal: no such header' >&2; exit 2"
    untouched.configure(release=f'build = [["sh", "-c", "{script}"]]')

    done = untouched.deploy("v2")

    assert done.code == 3
    [failed] = [line for line in done.out.splitlines() if " step failed: " in line]
    assert "compiling 40 fatal: no such header" in failed and "compiling 5 " not in failed
    assert done.out.splitlines()[-3:] == [
        f"run {untouched.newest_run().id} is refused: the build of v2 failed: sh -c {script}: exit code 2",
        "nothing was changed; mend what is named, then:",
        "  mobius plan -e production --tag v2",
    ]
    assert not list((untouched.root / "releases").glob("v2-*")), "half a release is no release"


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("echo SSIM 0.97; exit 1", 3, "the gate video said no: exit code 1"),
        ("echo no ffprobe here; exit 4", 4, "the gate video could not be asked: exit code 4"),
        ("kill -9 $$", 4, "the gate video could not be asked: ended by SIGKILL"),
    ],
)
def test_a_gate_refuses_and_one_that_cannot_be_asked_is_no_yes(
    untouched: Project, script: str, code: int, said: str
) -> None:
    untouched.configure(top=f'[[gate]]\nname = "video"\nrun = ["sh", "-c", "{script}"]')

    done = untouched.deploy("v2")

    assert done.code == code, done
    assert done.out.splitlines()[-3:] == [
        f"run {untouched.newest_run().id} is refused: {said}",
        "nothing was changed; mend what is named, then:",
        "  mobius plan -e production --tag v2",
    ]


def test_a_rollback_to_a_damaged_backup_touches_nothing(untouched: Project) -> None:
    [backup] = list((untouched.folder / "backups").glob("initial_*.zip"))
    whole = backup.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0xFF
    backup.write_bytes(damaged)

    done = untouched.mobius("rollback", "--backup", str(backup), "--yes")

    backup.write_bytes(whole)
    assert done.code == 11 and done.out == "", done
    first, *_, last = done.err.splitlines()
    assert first.startswith("error: ") and backup.name in first
    assert last == "  try: mobius backup list --verified"


@pytest.mark.parametrize("name", ["no-such.zip", "notes.zip"])
def test_a_rollback_to_what_is_no_backup_touches_nothing(untouched: Project, name: str) -> None:
    (untouched.folder / "notes.zip").write_text("these are my notes")

    done = untouched.mobius("rollback", "--backup", name, "--yes")

    assert done.code == 11 and done.out == "", done
    assert name in done.err.splitlines()[0] and done.err.splitlines()[-1].startswith("  ")


def test_a_rollback_asks_before_it_restores_data_and_without_a_terminal_says_so(untouched: Project) -> None:
    archive = untouched.mobius("backup", "create", expect=0).out.split()[0]

    done = untouched.mobius("rollback", "--backup", archive)

    assert done.code == 2, done
    assert done.err.splitlines()[-2].endswith("There is no terminal to ask."), done
    assert done.err.splitlines()[-1] == "  add --yes"


def test_there_must_be_something_to_go_back_to(untouched: Project) -> None:
    refused(
        untouched.mobius("rollback"),
        2,
        "error: there is no previous release to go back to",
        "  name a backup: mobius rollback --backup FILE",
    )


def test_an_address_in_use_without_a_deployment_leaves_no_trace(tmp_path: Path) -> None:
    with Project(tmp_path / "shop") as project, socket.create_server(("127.0.0.1", 0)) as foreign:
        project.port = foreign.getsockname()[1]
        project.configure().release("v1")

        done = project.deploy("v1")

        assert done.code == 3
        assert sorted(entry.name for entry in project.root.iterdir()) == ["shared"]
