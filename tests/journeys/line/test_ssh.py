"""By a real sshd: a deployment with the line cut in every phase goes on, is found again, and ends with its own code."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from journeys.line.far import MOBIUS, assert_watched_to_the_end, journal_seqs, runs, seqs
from journeys.line.sshd import Sshd
from journeys.service import Service

pytestmark = pytest.mark.journey


def deploy_and_cut(
    sshd: Sshd,
    service: Service,
    tag: str,
    where: Callable[[Any], bool],
    *,
    how: Callable[[], None] | None = None,
) -> tuple[int, list[dict[str, Any]], str]:
    """Follows a deployment, and cuts the line at the first event that is the one."""
    looking = sshd.start(service, "deploy", "--tag", tag, "--json")
    said, is_cut = [], False
    for line in looking.stdout:
        said.append(json.loads(line))
        if not is_cut and where(said[-1]):
            is_cut = True
            (how or (lambda: sshd.wire.cut(for_s=0.7)))()
    assert is_cut, [one.get("data", {}).get("phase") for one in said]
    return looking.wait(60), said, looking.stderr.read()


def assert_seen_whole(service: Service, run: int, said: list[dict[str, Any]]) -> None:
    assert [one["seq"] for one in said if "seq" in one] == journal_seqs(service, run)


def test_a_deployment_whose_line_is_cut_in_the_switch_is_shown_to_its_end(
    sshd: Sshd, new_service: Callable[..., Service]
) -> None:
    service = new_service(alone=False, window="3s", interval="500ms")
    service.add_release("v1")
    code, said, err = deploy_and_cut(sshd, service, "v1", lambda one: one["event"] == "switched")
    assert_seen_whole(service, 1, said)
    assert_watched_to_the_end(service, 1, code)
    assert said[-1]["exit_code"] == code
    assert err.splitlines() == [
        "the line to far was cut; run 1 in production goes on there."
        " Trying again for 600 s; Ctrl-C ends the looking only",
        "the line to far is back",
    ]
    assert service.get("/")["release"] == "v1"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(15))
def test_the_line_is_cut_in_every_step(sshd: Sshd, new_service: Callable[..., Service], number: int) -> None:
    service = new_service(window="3s", interval="500ms")
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    service.add_release("v2", migrations=2)
    begun: list[str] = []

    def is_it(one: dict[str, Any]) -> bool:
        begun.extend([one["message"]] if one["event"] == "step begun" else [])
        return len(begun) > number

    code, said, err = deploy_and_cut(sshd, service, "v2", is_it)
    assert_seen_whole(service, 2, said)
    assert_watched_to_the_end(service, 2, code, of=2)
    assert err.count("was cut") == err.count("is back") == 1
    assert service.get("/")["release"] == "v2"


@pytest.mark.slow
@pytest.mark.parametrize("event", ["run queued", "window opened", "rollback begun", "rolled back", "verdict"])
def test_a_bad_release_is_taken_back_whatever_becomes_of_the_line(
    sshd: Sshd, new_service: Callable[..., Service], event: str
) -> None:
    service = new_service(window="20s", alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    service.mobius("accept", expect=0)
    service.add_release("v2", sick_after_s=3.0)
    code, said, err = deploy_and_cut(sshd, service, "v2", lambda one: one["event"] == event)
    assert code == 12, (err, said[-1])
    assert runs(service)[1] == (2, "deploy", "rolled back")
    assert_seen_whole(service, 2, said)
    assert service.get("/")["release"] == "v1"


@pytest.mark.slow
def test_a_line_that_falls_silent_is_given_up_and_made_again(
    sshd: Sshd, new_service: Callable[..., Service]
) -> None:
    service = new_service(alone=False, window="25s")
    service.add_release("v1")
    code, said, err = deploy_and_cut(
        sshd, service, "v1", lambda one: one["event"] == "window opened", how=sshd.wire.fall_silent
    )
    assert err.count("was cut") == err.count("is back") == 1
    assert_watched_to_the_end(service, 1, code)
    assert_seen_whole(service, 1, said)


def test_a_host_whose_key_is_not_known_is_not_trusted(
    sshd: Sshd, new_service: Callable[..., Service]
) -> None:
    service = new_service(alone=False)
    (sshd.folder / "known_hosts").write_text("")
    done = sshd.on(service, "status")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-3:] == [
        "Host key verification failed.",
        "error: far is not known, so it is not trusted",
        "  compare its fingerprint with the one you were given, once, by hand: ssh far",
    ]


def test_a_host_with_another_key_than_before_is_not_trusted(
    sshd: Sshd, new_service: Callable[..., Service]
) -> None:
    service = new_service(alone=False)
    sshd.trust(sshd.folder / "key.pub")
    done = sshd.on(service, "status")
    assert (done.code, done.out) == (1, "")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.err
    assert done.err.splitlines()[-2:] == [
        "error: the key of far is not the one that is known",
        "  ask whoever runs it for its fingerprint; only when it is right: ssh-keygen -R far, then ssh far",
    ]


def test_commands_that_look_say_what_they_say_there(sshd: Sshd, new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    for words in (
        ["config", "show"],
        ["history"],
        ["nonsense"],
        ["plan", "--tag", "none"],
        ["status", "-e", "x"],
    ):
        there, here = sshd.on(service, *words), service.mobius(*words)
        assert (there.code, there.out, there.err) == (here.code, here.out, here.err), words


@pytest.mark.slow
def test_a_shared_connection_is_used_and_its_death_survived(
    sshd: Sshd, new_service: Callable[..., Service]
) -> None:
    service = new_service(alone=False, window="25s")
    service.add_release("v1")
    control = sshd.folder / "c"
    with (sshd.folder / "ssh_config").open("a") as config:
        config.write(f"  ControlMaster auto\n  ControlPath {control}\n  ControlPersist 60\n")
    try:
        sshd.on(service, "history")
        sshd.on(service, "history")
        assert sshd.wire.made == 1
        code, said, err = deploy_and_cut(
            sshd, service, "v1", lambda one: one["event"] == "window opened", how=sshd.wire.fall_silent
        )
        assert err.count("was cut") == err.count("is back") == 1
        assert_watched_to_the_end(service, 1, code)
        assert_seen_whole(service, 1, said)
    finally:
        ssh = shutil.which("ssh") or "ssh"
        subprocess.run(
            [ssh, "-F", str(sshd.folder / "ssh_config"), "-O", "exit", "far"],
            capture_output=True,
            check=False,
        )


@pytest.mark.slow
def test_a_way_back_over_the_line_is_one_switch(sshd: Sshd, new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    for tag in ("v1", "v2"):
        service.add_release(tag)
        service.mobius("deploy", "--tag", tag, "--detach", expect=0)
    done = sshd.on(service, "rollback", "--json")
    assert done.code == 0, done
    assert seqs(done.out) == journal_seqs(service, 3)[: len(seqs(done.out))]
    assert service.get("/")["release"] == "v1"


@pytest.mark.slow
def test_a_key_may_be_good_for_this_alone(sshd: Sshd, new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    key = (sshd.folder / "key.pub").read_text()
    (sshd.folder / "authorized_keys").write_text(f'command="{MOBIUS} relay",restrict {key}')
    done = sshd.on(service, "history")
    assert (done.code, done.err) == (0, "no run yet in production\n"), done
