"""A host that cannot be reached says why, in the words of ssh or of its shell, and what to type."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from mobius.adapters.fleet.line import HostLost, HostRefused, Line
from mobius.adapters.fleet.sending import receiver

CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key for web1.internal has changed and you have requested strict checking.
Host key verification failed."""
SAID = [
    (
        CHANGED,
        "Host key verification failed",
        "ssh-keygen -R web1.internal, and once: ssh deploy@web1.internal",
    ),
    (
        "deploy@web1.internal: Permission denied (publickey).",
        "Permission denied",
        "ssh-copy-id deploy@web1.internal",
    ),
    (
        "ssh: Could not resolve hostname web1.internal: Name or service not known",
        "Could not resolve hostname",
        "see the address of this host in mobius.toml",
    ),
    (
        "ssh: connect to host web1.internal port 22: Connection refused",
        "refused",
        "look: ssh deploy@web1.internal",
    ),
    (
        "bash: line 1: python3: command not found",
        "python3: command not found",
        "install Python 3.8 or newer there",
    ),
    ("sh: 1: /opt/python: No such file or directory", "No such file", "[fleet] python"),
]


def line(folder: Path, *argv: str) -> Line:
    return Line("web1", list(argv), str(folder / "host"), "deploy@web1.internal")


@pytest.mark.parametrize(("said", "message", "hint"), SAID)
def test_what_ssh_said_last_is_the_reason_and_decides_what_is_advised(
    tmp_path: Path, said: str, message: str, hint: str
) -> None:
    made = line(tmp_path, "sh", "-c", f"printf '%s\\n' {shlex.quote(said)} >&2; exit 255")
    with pytest.raises(HostLost) as lost:
        made.ask("hello", within_s=20.0)
    assert lost.value.message.startswith("web1 is not reached: ")
    assert message in lost.value.message
    assert hint in lost.value.hint
    assert lost.value.exit_code == 4


def test_without_an_ssh_client_it_is_said_which_program_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HostLost, match="no-such-ssh cannot be started: No such file") as lost:
        line(tmp_path, str(tmp_path / "no-such-ssh")).ask("hello")
    assert lost.value.hint == "install the ssh client"


def test_a_shell_that_greets_is_told_apart_from_a_host_that_is_down(tmp_path: Path) -> None:
    greeting = line(tmp_path, "sh", "-c", f"echo Welcome to web1; {receiver(sys.executable)}")
    with pytest.raises(HostLost, match="it answered b'Welcome to web1'") as lost:
        greeting.ask("hello", within_s=20.0)
    assert "nothing may be printed by `ssh deploy@web1.internal true`" in lost.value.hint


def test_a_python_that_is_too_old_says_so_and_is_sent_nothing(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    code = "import sys\nsys.version_info = (3, 7, 3)\nexec(sys.argv[sys.argv.index('-c') + 1])\n"
    old.write_text(f"#!{sys.executable}\n{code}")
    old.chmod(0o755)
    with pytest.raises(HostRefused, match=r"web1: Python 3\.7 on this host is too old") as refused:
        line(tmp_path, "sh", "-c", receiver(str(old))).ask("hello", within_s=20.0)
    assert "3.8 or newer is needed: [fleet] python" in refused.value.hint
    assert not (tmp_path / "host").exists()


def test_a_folder_that_cannot_be_made_there_names_it(tmp_path: Path) -> None:
    (tmp_path / "host").write_text("a file")
    with pytest.raises(HostRefused, match=r"web1: .*host") as refused:
        line(tmp_path, "sh", "-c", receiver(sys.executable)).ask("hello", within_s=20.0)
    assert "must be able to write there" in refused.value.hint


BANNER = "echo 'Authorized use only.' >&2; "


def test_a_banner_of_sshd_is_not_the_reason_why_a_host_gives_no_answer(tmp_path: Path) -> None:
    with pytest.raises(HostLost) as lost:
        line(tmp_path, "sh", "-c", f"{BANNER}exec sleep 30").ask("hello", within_s=0.5)
    assert lost.value.message == "web1 is not reached: no answer in time"
    with pytest.raises(HostLost, match="it answered b'Welcome to web1'"):
        line(tmp_path, "sh", "-c", f"{BANNER}echo Welcome to web1; exec sleep 30").ask("hello", within_s=20.0)


def test_what_a_host_says_cannot_draw_on_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(HostLost) as lost:
        line(tmp_path, "sh", "-c", r"printf '\033[2Jgone\007\n' >&2; exit 1").ask("hello", within_s=20.0)
    assert lost.value.message.isprintable()
    said = json.dumps(
        {"ok": False, "code": "disk", "message": "\x1b[31mfull\n" + "x" * 5000, "hint": "a\x07b"}
    )
    with pytest.raises(HostRefused) as refused:
        line(tmp_path, "sh", "-c", f"printf '%s\\n' {shlex.quote(said)}; exec sleep 30").ask(
            "hello", within_s=20.0
        )
    assert (refused.value.message + refused.value.hint).isprintable()
    assert len(refused.value.message) < 1100


@pytest.mark.parametrize("said", ["[" * 100_000, "[1]", "null", "{", "\\377\\376"])
def test_what_is_no_answer_is_told_as_it_is(tmp_path: Path, said: str) -> None:
    (tmp_path / "said").write_text(said + "\n")
    with pytest.raises(HostLost, match="web1 is not reached: it answered b") as lost:
        line(tmp_path, "sh", "-c", f"cat {tmp_path}/said; exec sleep 30").ask("hello", within_s=20.0)
    assert "nothing may be printed by `ssh deploy@web1.internal true`" in lost.value.hint


def test_an_answer_without_an_end_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(HostLost, match="web1 is not reached: it answers without an end"):
        line(tmp_path, "sh", "-c", "tr '\\0' x < /dev/zero").ask("hello", within_s=60.0)


STATE = {"epoch": 3, "slots": {}, "live": ""}
HELLO = {"ok": True, "state": STATE, "releases": [], "free_bytes": 1, "python": "3.11"}
PROCESS = {"kind": "web", "release": "v1", "state": "running", "pid": 7, "restarts": 0, "port": 80}


@pytest.mark.parametrize(
    ("verb", "answer", "why"),
    [
        ("hello", {"ok": True}, "state is missing"),
        ("hello", {**HELLO, "free_bytes": "much"}, "free_bytes is something else"),
        ("hello", {**HELLO, "state": {**STATE, "epoch": "new"}}, "state epoch is something else"),
        ("hello", {**HELLO, "state": {**STATE, "slots": {"blue": "v1"}}}, "slot blue is not named values"),
        ("hello", {**HELLO, "state": {**STATE, "slots": {"blue": {}}}}, "slot blue release is missing"),
        ("processes", {"ok": True, "processes": []}, "processes is something else"),
        ("processes", {"ok": True, "processes": {"blue/web": {}}}, "process blue/web kind is missing"),
        ("tail", {"ok": True}, "text is missing"),
    ],
)
def test_an_answer_that_lacks_what_everybody_relies_on_names_the_host_and_what_is_missing(
    tmp_path: Path, verb: str, answer: dict[str, object], why: str
) -> None:
    (tmp_path / "said").write_text('{"ok": true, "has": true}\n' + json.dumps(answer) + "\n")
    with pytest.raises(HostRefused) as refused:
        line(tmp_path, "sh", "-c", f"cat {tmp_path}/said; exec sleep 30").ask(verb, within_s=20.0)
    assert refused.value.message == f"web1: its answer to {verb} is none of an agent of mobius: {why}"
    assert refused.value.hint == "see what answers there: ssh deploy@web1.internal; then: mobius status"


def test_an_answer_that_has_it_is_taken(tmp_path: Path) -> None:
    told = json.dumps({"ok": True, "processes": {"blue/web": PROCESS}})
    (tmp_path / "said").write_text('{"ok": true, "has": true}\n' + json.dumps(HELLO) + "\n" + told + "\n")
    made = line(tmp_path, "sh", "-c", f"cat {tmp_path}/said; exec sleep 30")
    assert made.ask("hello", within_s=20.0)["state"] == STATE
    assert made.ask("processes", within_s=20.0)["processes"]["blue/web"] == PROCESS
    made.close()


def test_a_disk_that_is_full_before_anything_of_ours_is_there_says_so(tmp_path: Path) -> None:
    code = (
        "import os, sys\nreal = os.fsync\n"
        "def full(_):\n    raise OSError(28, 'No space left on device')\n"
        "os.fsync = full\nexec(sys.argv[sys.argv.index('-c') + 1])\n"
    )
    small = tmp_path / "python3"
    small.write_text(f"#!{sys.executable}\n{code}")
    small.chmod(0o755)
    with pytest.raises(HostRefused, match=r"web1: .*/host/agent: No space left on device") as refused:
        line(tmp_path, "sh", "-c", receiver(str(small))).ask("hello", within_s=20.0)
    assert refused.value.hint == f"free space there: df -h {tmp_path}/host"
