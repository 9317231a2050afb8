"""Each claim of the threat model names the test that tries it, and those tests are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "threat-model.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
CLAIMS = [
    line for line in PAGE.splitlines() if line.count("|") == 4 and not line.startswith(("|---", "| They "))
]


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    assert test in _tests_in(file)


def test_every_claim_names_a_test() -> None:
    assert len(CLAIMS) > 35
    assert [claim for claim in CLAIMS if "`tests/" not in claim] == []


def test_every_kind_of_attacker_is_told_what_is_not_held() -> None:
    attackers = re.findall(
        r"^## (?!What is worth|Who is trusted|Found)(.+?)\n(.*?)(?=^## )", PAGE, re.M | re.S
    )
    assert len(attackers) == 7
    assert [name for name, told in attackers if "**Not held**" not in told] == []


@cache
def _tests_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
