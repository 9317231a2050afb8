"""The sudo rules: whole commands on our own units, taken by visudo, and nothing that could be more."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess

import pytest

from mobius.errors import UsageError
from mobius.model.settings import ProcessSettings
from mobius.report.sudoers import sudo_rules
from report.test_units import API, MAIL, PLACE, TIDY

PROGRAM = "/usr/bin/systemctl"


def rules(user: str = "deploy", *adopted: str) -> list[str]:
    return sudo_rules(user, PLACE, [API, MAIL, TIDY], adopted, program=PROGRAM).splitlines()


def commands(*adopted: str) -> list[str]:
    return [line.partition("NOPASSWD: ")[2] for line in rules("deploy", *adopted) if "NOPASSWD" in line]


def test_every_unit_of_a_deployment_may_be_started_and_stopped() -> None:
    there = set(commands())
    for unit in (
        "mobius-dhash.service", "mobius-dhash.socket", "mobius-dhash-api@blue.service",
        "mobius-dhash-api@green.service", "mobius-dhash-tidy@green.timer", "mobius-dhash-run@[0-9][0-9].service",
    ):  # fmt: skip
        assert {f"{PROGRAM} {verb} {unit}" for verb in ("start", "stop", "reset-failed")} <= there, unit
    assert all(line.startswith(("deploy ALL=(root) NOPASSWD: ", "# ")) for line in rules())


def test_no_rule_matches_a_second_unit_or_another_verb() -> None:
    """sudo matches the arguments joined by spaces, so that a star would take in more of them."""
    for asked in (
        "start mobius-dhash-run@1.service sshd.service",
        "start mobius-dhash-run@1 --root=/x.service",
        "edit mobius-dhash.service",
        "start mobius-dhash-api@red.service",
        "start mobius-dhash-run@a.service",
        "start ssh.service",
    ):
        assert not any(fnmatch.fnmatchcase(f"{PROGRAM} {asked}", rule) for rule in commands()), asked
    assert any(
        fnmatch.fnmatchcase(f"{PROGRAM} start mobius-dhash-run@1234.service", rule) for rule in commands()
    )


def test_an_adopted_unit_may_be_started_and_stopped_by_its_own_name() -> None:
    assert f"{PROGRAM} stop app-my\\\\x2dhost.service" in commands("app-my\\x2dhost.service")


@pytest.mark.parametrize(
    "user", ["ALL", "deploy,root", "%sudo", "a b", "deploy ALL=(ALL) ALL", "#0", "a\nb", ""]
)
def test_a_name_that_sudo_reads_otherwise_gets_no_rule(user: str) -> None:
    with pytest.raises(UsageError, match="is no user's name for sudo"):
        rules(user)


@pytest.mark.parametrize("unit", ["a*.service", "a b.service", "a,b", "a\nroot ALL=(ALL) ALL", "[a]", "!a"])
def test_an_adopted_unit_with_a_pattern_for_a_name_gets_no_rule(unit: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in a sudo rule"):
        rules("deploy", unit)


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed here")
def test_visudo_takes_the_rules() -> None:
    text = sudo_rules(
        "deploy", PLACE, [API, ProcessSettings("a-b_c", ("x",))], ["a\\x2db:c.service"], program=PROGRAM
    )
    done = subprocess.run(["visudo", "-c", "-f", "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
