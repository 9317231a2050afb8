"""A host that cannot be reached says why, in the words of ssh or of its shell, and what to type."""

from __future__ import annotations

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
