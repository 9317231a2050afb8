"""Every command block of the documentation is run by a test, or says why not; every block of settings is loaded."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mobius import config
from mobius.errors import MobiusError
from pages import reading

HERE = Path(__file__).parent
# Why a block is not run, and how many have that reason. A new one wants a better test first.
REASONS = {
    "needs a host of systemd, where make test-fleet does the same": 7,
    "installs programs": 2,
    "is what runs this test": 1,
    "needs age": 1,
    "has a journey of its own": 3,
}
# Where commands of a reader could hide: indented by four, as Markdown has it without a fence.
INDENTED = re.compile(
    r"^    (?:\$ |sudo |mobius |make |git |pip |npm |dask |apt|curl |docker )", re.MULTILINE
)
LEAST = 'service = "shop"\n[[process]]\nname = "web"\nstart = ["true"]\n'
WHERE = '[environments.production]\nurl = "https://shop.example.org"\nlisten = "127.0.0.1:5001"\n'
# What stands elsewhere in the mobius.toml of whoever writes a line that has this.
AROUND = {
    'database = "app"': '[[database]]\nname = "app"\nurl_env = "DATABASE_URL"\n',
    "OnCalendar=": 'target = "systemd"\n',
    "[escalation]": "".join(
        f'[[notify.channel]]\nname = "{name}"\nkind = "slack"\nurl_env = "HOOK"\n'
        for name in ("pager", "mail")
    ),
}


def shell_blocks() -> list[reading.Block]:
    every = [block for page in reading.pages() for block in reading.all_blocks(page)]
    return [block for block in every if block.language in reading.SHELL]


def followed_pages() -> set[str]:
    """The pages that a test of this folder follows from top to bottom."""
    found = set()
    for file in HERE.glob("test_*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "follow":
                named = call.args[0]
                assert isinstance(named, ast.Constant), f"{file.name}:{call.lineno} names its page in full"
                found.add(str(named.value))
    return found


def test_every_command_block_is_run_or_says_why_not() -> None:
    followed = followed_pages()
    assert [str(block) for block in shell_blocks() if not block.reason and block.page not in followed] == []


def test_few_blocks_are_not_run_and_for_few_reasons() -> None:
    reasons = Counter(block.reason for block in shell_blocks() if block.reason)
    assert dict(reasons) == REASONS
    assert sum(reasons.values()) * 5 < len(shell_blocks())


def test_every_followed_page_is_there() -> None:
    assert followed_pages() <= {reading.named(page) for page in reading.pages()}


@pytest.mark.parametrize("page", reading.pages(), ids=reading.named)
def test_every_block_says_its_language_and_no_command_stands_outside_of_one(page: Path) -> None:
    assert [str(block) for block in reading.all_blocks(page) if not block.language] == []
    text = page.read_text("utf-8")
    fences = re.findall(r"^ *```", text, re.MULTILINE)
    assert len(fences) == 2 * len(reading.all_blocks(page)), "a block does not end"
    outside = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert INDENTED.findall(outside) == []


@pytest.mark.parametrize("page", reading.pages(), ids=reading.named)
def test_every_block_of_data_can_be_read(page: Path) -> None:
    for block in reading.all_blocks(page):
        if block.language == "json":
            json.loads(block.code)
        if block.language == "yaml":
            list(yaml.safe_load_all(block.code))
        if block.language == "toml":
            tomllib.loads(block.code)


SETTINGS = [
    block
    for page in reading.pages()
    for block in reading.all_blocks(page)
    if block.language == "toml" and "project" not in tomllib.loads(block.code)
]


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_every_block_of_settings_is_one_that_mobius_takes(block: reading.Block, tmp_path: Path) -> None:
    file = tmp_path / "mobius.toml"
    file.write_text(whole(block.code), "utf-8")
    (tmp_path / "quality-gates.json").write_text("{}", "utf-8")
    try:
        settings = config.load(file, environ={}, flags={})
    except MobiusError as wrong:
        pytest.fail(f"{block}: {wrong}\n{wrong.hint}\n{file.read_text()}")
    assert settings.environments


def whole(code: str) -> str:
    """The block in the smallest mobius.toml that it can stand in."""
    given = tomllib.loads(code)
    if "service" in given:
        return code
    around = "".join(text for words, text in AROUND.items() if words in code)
    base = tomllib.loads(f"{LEAST}{WHERE}{around}")
    return "\n".join(_lines(_merged(base, given), ()))


def _merged(base: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(base)
    for name, value in given.items():
        if isinstance(value, Mapping) and isinstance(made.get(name), dict):
            made[name] = _merged(made[name], value)
        elif name == "process":  # a block that adds one to those that are there
            made[name] = [
                *(one for one in base[name] if one["name"] not in {new["name"] for new in value}),
                *value,
            ]
        else:
            made[name] = value
    return made


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The table as TOML."""
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = [f"{json.dumps(name)} = {_value(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, dict):
            inner = (*path, name)
            lines += [f"[{'.'.join(json.dumps(part) for part in inner)}]", *_lines(value, inner)]
    return lines


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(_value(inner) for inner in value)}]"
    if isinstance(value, bool | str):
        return json.dumps(value)
    return str(value)  # numbers, and dates as TOML writes them
