"""`mobius migrate lint`: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def lint(*words: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "mobius", "migrate", "lint", *map(str, words)]
    return subprocess.run(argv, input=given, capture_output=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("V10__index.sql", "CREATE INDEX CONCURRENTLY a ON t (b);"),
        ("V2__rename.sql", "SET lock_timeout = '1s';\nALTER TABLE users RENAME COLUMN nick TO handle;\n"),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_one_line_a_file_says_the_impact_and_each_hazard(folder: Path) -> None:
    done = lint("--json", folder)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 3
    assert first == {
        "schema_version": 1,
        "file": str(folder / "V2__rename.sql"),
        "impact": "HIGH",
        "findings": [
            {
                "hazard": "rename-column",
                "severity": "HIGH",
                "line": 2,
                "statement": "ALTER TABLE users RENAME COLUMN nick TO handle",
                "message": "renames users.nick to handle: the release that is live asks for nick and fails",
                "advice": "add handle to users, write both, copy the rows in batches, read handle;"
                " drop nick a release later",
            }
        ],
    }
    assert (second["file"], second["impact"], second["findings"]) == (
        str(folder / "V10__index.sql"),
        "LOW",
        [],
    )


def test_the_impact_that_fails_is_for_the_user_to_say(folder: Path) -> None:
    file = folder / "V10__index.sql"
    assert lint(file).returncode == 0
    assert lint(file).stdout.decode() == f"{file}: nothing found in 1 statement\n"
    assert lint("--assume-in-transaction", file).returncode == 3
    assert lint("--fail-on", "never", folder).returncode == 0


def test_a_file_that_cannot_be_judged_ends_with_4_and_what_is_missing_with_2(tmp_path: Path) -> None:
    latin = tmp_path / "latin.sql"
    latin.write_bytes("SELECT 1;\n-- caf\u00e9\n".encode("latin-1"))
    done = lint(latin)
    assert done.returncode == 4
    assert "line 2 is not UTF-8: read as Latin-1" in done.stdout.decode()
    assert lint("-", given=b"SELECT 1;\0\0").returncode == 4
    gone = lint(tmp_path / "gone.sql")
    assert gone.returncode == 2
    assert gone.stderr.decode().splitlines() == [
        f"error: there is no file or folder {tmp_path / 'gone.sql'}",
        "  name the files of the migration",
    ]
    (tmp_path / "empty").mkdir()
    assert lint(tmp_path / "empty").returncode == 2


def test_another_encoding_that_says_so_is_read(tmp_path: Path) -> None:
    wide = tmp_path / "wide.sql"
    wide.write_bytes("DROP TABLE caf\u00e9;".encode("utf-16"))
    assert json.loads(lint("--json", wide).stdout)["findings"][0]["hazard"] == "drop-table"


def test_a_code_review_reads_it_as_sarif(folder: Path) -> None:
    out = folder / "out.sarif"
    lint("--sarif", out, folder)
    run = json.loads(out.read_text())["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["rename-column"]
    result = run["results"][0]
    assert (result["level"], result["locations"][0]["physicalLocation"]["region"]) == (
        "error",
        {"startLine": 2},
    )
