"""Every case of `cases/`: a migration as people write them, what must be found in it, by line, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from mobius.model.linting import FileReport
from mobius.rules.migrations import lint

CASES = sorted(Path(__file__).with_name("cases").glob("*.sql"))
SQL = ("ALTER ", "CREATE ", "DROP ", "REINDEX ", "REFRESH ", "VACUUM ")


def judged(text: str) -> tuple[FileReport, dict[str, str]]:
    """The report of a case, and what its head says."""
    says = dict(re.findall(r"^-- (expect|pg-version|in-transaction|dialect): (.*)$", text, re.MULTILINE))
    report = lint(
        text,
        dialect="sqlite" if says.get("dialect") == "sqlite" else "postgresql",
        pg_version=int(says.get("pg-version", 15)),
        assume_in_transaction=says.get("in-transaction") == "yes",
    )
    return report, says


def test_each_migration_is_judged_as_its_first_line_says() -> None:
    wrong = {}
    for path in CASES:
        report, says = judged(path.read_text())
        found = [f"{each.hazard}@{each.line}" for each in report.findings]
        found += [f"accepted:{each.found.hazard}@{each.found.line}" for each in report.accepted]
        expected = [] if says["expect"] == "nothing" else says["expect"].split()
        if sorted(found) != sorted(expected):
            wrong[path.stem] = {"found": sorted(found), "expected": sorted(expected)}
    assert wrong == {}
    assert len(CASES) > 700


def test_every_hazard_says_what_happens_and_what_to_do() -> None:
    for path in CASES:
        for found in judged(path.read_text())[0].findings:
            assert found.message, path
            assert found.advice, (path, found.hazard)


def test_advice_that_is_sql_is_whole_and_has_no_hazard_of_its_own() -> None:
    copied = 0
    for path in CASES:
        report, says = judged(path.read_text())
        for found in (each for each in report.findings if each.advice.startswith(SQL)):
            copied += 1
            statements = found.advice.split(" -- ")[0].replace('"…"', "computed")  # by EXECUTE format(…)
            assert "…" not in statements, (path, found.advice)
            again = lint(
                f"SET lock_timeout = '2s'; {found.advice}", pg_version=int(says.get("pg-version", 15))
            )
            assert again.findings == (), (path.stem, found.advice, again.findings)
            assert again.statements > 1, (path, found.advice)
    assert copied > 180


def test_advice_names_the_tables_as_the_author_wrote_them() -> None:
    text = 'CREATE INDEX ON shop."Order Lines" (lower(sku)) WHERE NOT gone;'
    assert lint(text).findings[0].advice == (
        'CREATE INDEX CONCURRENTLY "Order Lines_lower_idx" ON shop."Order Lines" (lower(sku)) WHERE NOT gone;'
        " -- in a file of its own, outside of a transaction"
    )
