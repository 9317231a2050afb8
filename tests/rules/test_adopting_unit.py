"""Units as people have them: read as systemd reads them, with their drop-ins, and nothing guessed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mobius.errors import UsageError
from mobius.rules.adopting_port import moved
from mobius.rules.adopting_unit import expanded, resolved, service_lines, shown, unit_name, unit_of, words_of

APP = """\
[Unit]
Description=The app
After=network.target

[Service]
# runs as itself
Type=simple
User=app
WorkingDirectory=/srv/app
Environment=PORT=3000 "GREETING=good day" NODE_ENV=production
EnvironmentFile=-/etc/default/app
ExecStart=/usr/bin/node --max-old-space-size=512 \\
    # the main file
    server.js
Restart=always
LimitNOFILE=65536
NoNewPrivileges=true

[Install]
WantedBy=multi-user.target
"""
SHOWN = {
    "User": ("app",),
    "WorkingDirectory": ("/srv/app",),
    "Type": ("simple",),
    "MainPID": ("41",),
    "UnitFileState": ("enabled",),
}


def test_a_unit_is_read_with_its_drop_ins() -> None:
    files = {
        "/etc/systemd/system/app.service": APP,
        "/etc/systemd/system/app.service.d/limits.conf": "[Service]\nLimitNOFILE=1024\nEnvironment=PORT=3001\n",
        "/etc/systemd/system/app.service.d/start.conf": "[Service]\nExecStart=\nExecStart=-/usr/bin/node app.js\n",
    }
    unit = unit_of("app.service", SHOWN, files)
    assert unit.argv == ("/usr/bin/node", "app.js")
    assert unit.environment == {"PORT": "3001", "GREETING": "good day", "NODE_ENV": "production"}
    assert unit.environment_files == (("/etc/default/app", True),)
    assert unit.directives.count(("LimitNOFILE", "65536")) == 1
    assert unit.directives[-3:] == (
        ("LimitNOFILE", "1024"),
        ("Environment", "PORT=3001"),
        ("ExecStart", "-/usr/bin/node app.js"),
    )
    assert (unit.user, unit.main_pid, unit.enabled, unit.conditions) == ("app", 41, "enabled", ())


def test_a_continued_line_is_one_line_and_its_comments_are_none() -> None:
    unit = unit_of("app.service", SHOWN, {"/app.service": APP})
    assert unit.argv == ("/usr/bin/node", "--max-old-space-size=512", "server.js")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ('"a b" c', ("a b", "c")),
        ("'a \"b' c", ('a "b', "c")),
        ("a\\x20b", ("a b",)),
        ("a\\sb \\n", ("a b", "\n")),
        ('""', ("",)),
        ("", ()),
        ('x="y z"', ('x="y', 'z"')),
    ],
)
def test_values_are_split_as_systemd_splits_them(value: str, words: tuple[str, ...]) -> None:
    assert words_of(value) == words


def test_a_quote_without_an_end_is_said() -> None:
    with pytest.raises(UsageError, match="has no end"):
        words_of('"a b')


def test_an_empty_value_takes_back_what_was_said_before() -> None:
    assert service_lines(["[Service]\nA=1\nA=2\nB=3\n", "[Service]\nA=\nA=4\n"]) == (("B", "3"), ("A", "4"))
    assert service_lines(["[Unit]\nA=1\n[Service]\n[Install]\nA=2\n"]) == ()


@pytest.mark.parametrize(
    ("given", "name"),
    [("app", "app.service"), ("app.service", "app.service"), ("a@b-c", "a@b-c.service")],
)
def test_a_unit_is_named_in_short_too(given: str, name: str) -> None:
    assert unit_name(given) == name


@pytest.mark.parametrize(
    "given",
    [
        "--now",
        "-a.service",
        "a b",
        "a;reboot",
        "$(reboot)",
        "../x.service",
        "a\nb",
        "",
        "app.timer",
        "é.service",
        "a/b",
    ],
)
def test_what_cannot_be_a_service_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        unit_name(given)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/run/%p-%i", ("/run/app-a\\x2db", "")),
        ("%I", ("a-b", "")),
        ("100%%", ("100%", "")),
        ("%n %N", ("app@a\\x2db.service app@a\\x2db", "")),
        ("%H", ("%H", "%H")),
        ("%", ("%", "%")),
    ],
)
def test_specifiers_are_put_in_where_they_are_known(word: str, expected: tuple[str, str]) -> None:
    assert resolved(word, "app@a\\x2db.service") == expected


def test_properties_may_come_more_than_once() -> None:
    text = "User=app\nExecStart={ path=/a ; argv[]=/a b ; }\nExecStart={ path=/c ; argv[]=/c ; }\nnonsense\n"
    assert shown(text)["ExecStart"] == ("{ path=/a ; argv[]=/a b ; }", "{ path=/c ; argv[]=/c ; }")
    assert shown(text)["User"] == ("app",)


@pytest.mark.parametrize(
    ("lines", "because"),
    [
        ("", "it has 0 ExecStart lines: a process of a release is one command"),
        ("ExecStart=/a\nExecStart=/b", "it has 2 ExecStart lines: a process of a release is one command"),
        ("ExecStart=+/a", 'ExecStart begins with "+": start the program as itself, with its own rights'),
        ("ExecStart=/a %H", "ExecStart has %H, which only systemd knows: write it out"),
        (
            "ExecStart=/a ; /b",
            "ExecStart has several commands in one line: a process of a release is one command",
        ),
        ("ExecStart=/a x", "systemd would start '/a b', but its files say '/a x'"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_said(lines: str, because: str) -> None:
    told = SHOWN | {"ExecStart": ("{ path=/a ; argv[]=/a b ; ignore_errors=no ; }",)}
    unit = unit_of("app.service", told, {"/app.service": f"[Service]\n{lines}\n"})
    assert unit.conditions == (because,)


def test_files_that_systemd_has_not_read_yet_are_said() -> None:
    unit = unit_of("app.service", SHOWN | {"NeedDaemonReload": ("yes",)}, {"/app.service": APP})
    assert unit.conditions == (
        "its files changed since systemd read them: systemctl daemon-reload, and restart it",
    )


def test_variables_are_put_in_as_systemd_does() -> None:
    assert expanded("${A}-$B-$$C-$D", {"A": "1", "B": "2"}) == "1-2-$C-"


# -- the port ---------------------------------------------------------------------------------------------------


def test_a_service_that_reads_port_needs_nothing() -> None:
    found = moved(("node", "s.js"), 3000, unit_env={"PORT": "3000", "OTHER": "3000"}, file_env={})
    assert found is not None and (found.start, found.where) == (("node", "s.js"), "PORT in Environment=")


def test_a_port_in_an_environment_file_is_found() -> None:
    found = moved(
        ("node", "s.js"), 3000, unit_env={}, file_env={"/etc/default/app": {"A": "1", "PORT": "3000"}}
    )
    assert found is not None and found.where == "PORT in /etc/default/app"


def seen_by_program(start: tuple[str, ...], folder: Path) -> list[str]:
    """What the program gets to see of its command line."""
    program = folder / "program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    argv = [str(program) if word == "node" else word for word in start]
    env = {"PORT": "4001", "PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("argv", "where", "seen"),
    [
        (("node", "--port", "3000", "x"), "the argument '3000'", ["--port", "4001", "x"]),
        (
            ("node", "-b", "127.0.0.1:3000", "app:app"),
            "the argument '127.0.0.1:3000'",
            ["-b", "127.0.0.1:4001", "app:app"],
        ),
        (("node", "--port=3000"), "the argument '--port=3000'", ["--port=4001"]),
        (("node", "-p3000"), "the argument '-p3000'", ["-p4001"]),
        (("node", "http://0.0.0.0:3000/"), "the argument 'http://0.0.0.0:3000/'", ["http://0.0.0.0:4001/"]),
        (("node", "--port", "${WEB}"), "the argument '3000'", ["--port", "4001"]),
        (
            ("node", "$(reboot)", "a b", "`id`", "3000", '"; exit'),
            "the argument '3000'",
            ["$(reboot)", "a b", "`id`", "4001", '"; exit'],
        ),
    ],
)
def test_a_port_in_an_argument_is_replaced_and_no_word_is_read_as_shell(
    argv: tuple[str, ...], where: str, seen: list[str], tmp_path: Path
) -> None:
    found = moved(argv, 3000, unit_env={"WEB": "3000"}, file_env={})
    assert found is not None and found.where == where
    assert seen_by_program(found.start, tmp_path) == seen


def test_a_port_in_a_variable_of_another_name_is_handed_on() -> None:
    found = moved(("node", "a b"), 3000, unit_env={"APP_PORT": "3000"}, file_env={})
    assert found is not None and found.where == "APP_PORT in Environment="
    assert found.start == ("/bin/sh", "-c", 'APP_PORT="$PORT" exec "$@"', "sh", "node", "a b")
    said = moved(("node",), 3000, unit_env={}, file_env={}, variable="WEB")
    assert said is not None and said.start[2] == 'WEB="$PORT" exec "$@"'


def test_a_port_that_is_set_nowhere_is_not_guessed() -> None:
    assert moved(("node", "13000", "30001", "3000x"), 3000, unit_env={"A": "30000"}, file_env={}) is None


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_variables_of_the_command_line_keep_their_meaning() -> None:
    found = moved(
        ("node", "$MORE", "${ONE}"), 3000, unit_env={"MORE": "a b", "ONE": "c d", "PORT": "3000"}, file_env={}
    )
    assert found is not None and found.start == ("node", "a", "b", "c d")
