"""The scripts for Windows, by their text: they say what those for a shell say, and can be laid out on any disk."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from mobius.config.portable import why_not_portable
from mobius.model.project import Wanted
from mobius.report.shims import shims

LONGEST_PATH = 120  # of 260 on a Windows without long paths; the rest is the folder's
FILES = {wanted.path: wanted for wanted in shims("dhash", "production", "staging")}
PAIRS = [
    (path, path.removesuffix(".sh") + ".cmd")
    for path in FILES
    if path.endswith(".sh") and path != "scripts/mobius.sh"
]


def lines(wanted: Wanted) -> list[str]:
    assert wanted.text.endswith("\r\n")
    assert "\n" not in wanted.text.replace("\r\n", ""), "cmd reads a script with bare line feeds wrongly"
    return wanted.text.split("\r\n")[:-1]


@pytest.mark.parametrize(("sh", "cmd"), PAIRS)
def test_both_scripts_hand_the_same_words_to_mobius(sh: str, cmd: str) -> None:
    said = re.search(r'mobius\.sh" (.*) "\$@"', FILES[sh].text)
    last = lines(FILES[cmd])[-1]
    told = re.fullmatch(r'@"%~dp0((?:\.\.\\)?)mobius\.cmd" (.*) %\*', last)
    assert said and told, last
    assert said[1].replace('"${RELEASE_TAG:-HEAD}"', '"%RELEASE_TAG%"') == told[2]
    assert told[1] == ("..\\" if cmd.count("/") == 2 else "")


@pytest.mark.parametrize("cmd", [cmd for _, cmd in PAIRS])
def test_a_script_says_nothing_itself_and_leaves_no_variable_behind(cmd: str) -> None:
    every = lines(FILES[cmd])
    assert all(line.startswith("@") for line in every)
    if any("set RELEASE_TAG" in line for line in every):
        assert every[0] == "@setlocal"
        assert every[1] == "@if not defined RELEASE_TAG set RELEASE_TAG=HEAD"


def test_the_launcher_ends_with_the_code_of_mobius_and_quotes_every_path() -> None:
    every = lines(FILES["scripts/mobius.cmd"])
    assert every[0] == "@echo off"
    assert every[2] == "setlocal"  # never with delayed expansion: a "!" in a word would go
    assert every[-2:] == ['"%MOBIUS%" --config "%root%\\mobius.toml" %*', "exit /b %ERRORLEVEL%"]


def test_every_file_of_a_project_can_be_laid_out_on_every_disk() -> None:
    paths = list(FILES)
    assert len({path.casefold() for path in paths}) == len(paths)
    for path in paths:
        assert path.isascii() and len(path) <= LONGEST_PATH
        for part in PurePosixPath(path).parts:
            assert not why_not_portable(part)
            assert not re.search(r'[<>:"|?*\\]|[. ]$', part)
        assert FILES[path].text.isascii(), "cmd reads its scripts in the console's own encoding"


@pytest.mark.parametrize("name", ["con", "NUL", "Aux", "com1", "lpt9", "prn", "nul.txt", "CON.tar.gz"])
def test_a_device_is_no_name_of_a_file(name: str) -> None:
    assert why_not_portable(name) == f'"{name}" is a device on Windows, expected another name'


@pytest.mark.parametrize("name", ["production", "console", "com10", "null", "nul-1", "auxiliary", "com"])
def test_what_only_begins_like_one_is_a_name(name: str) -> None:
    assert why_not_portable(name) == ""
