"""Every case of `cases/`: a migration as people write them, what must be found in it, by line, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mobius.rules.migrations import lint

CASES = sorted(Path(__file__).with_name("cases").glob("*.sql"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_migration_is_judged_as_its_first_line_says(path: Path) -> None:
    text = path.read_text()
    says = dict(re.findall(r"^-- (expect|pg-version|in-transaction|dialect): (.*)$", text, re.MULTILINE))
    report = lint(
        text,
        dialect=says.get("dialect", "postgresql"),
        pg_version=int(says.get("pg-version", 15)),
        assume_in_transaction=says.get("in-transaction") == "yes",
    )
    found = [f"{each.hazard}@{each.line}" for each in report.findings]
    found += [f"accepted:{each.found.hazard}@{each.found.line}" for each in report.accepted]
    expected = [] if says["expect"] == "nothing" else says["expect"].split()
    assert sorted(found) == sorted(expected)


def test_every_hazard_says_what_happens_and_what_to_do() -> None:
    for path in CASES:
        for found in lint(path.read_text()).findings:
            assert found.message, path
            assert found.advice, (path, found.hazard)
