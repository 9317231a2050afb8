"""Migration files are ordered by number, cut where a statement ends, and refused with advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.migrations.layouts import detect
from mobius.adapters.migrations.source import Change, Target
from mobius.adapters.migrations.sql_files import statements, version_key
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import GateFailed

SOME = "CREATE TABLE t (a);"


def write(directory: Path, name: str, content: str | bytes = SOME) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cut(sql: str) -> list[tuple[int, str]]:
    return [(each.line, each.sql) for each in statements(sql, Path("001_x.sql"))]


def read(directory: Path) -> tuple[Change, ...]:
    return SqlSource().pending(directory, Target("sqlite", path=directory.parent / "none.db"))


def refusal(directory: Path) -> str:
    with pytest.raises(GateFailed) as caught:
        read(directory)
    assert caught.value.hint
    return caught.value.message.replace(str(directory), "DIR")


def test_files_are_ordered_by_number_and_not_by_letter(tmp_path: Path) -> None:
    for name in ("10_ten.sql", "9_nine.sql", "001-one.sql", "1.2_one_two.sql", "1.3_one_three.sql",
                 "20240601120000_dated.sql", "README.md", ".hidden.sql"):  # fmt: skip
        write(tmp_path / "m", name)
    found = read(tmp_path / "m")
    assert [each.version for each in found] == ["001", "1.2", "1.3", "9", "10", "20240601120000"]
    assert found[0].name == "001-one"


def test_versions_are_compared_as_numbers() -> None:
    assert (
        version_key("9")
        < version_key("10")
        < version_key("010.1")
        < version_key("10.2")
        < version_key("10_10")
    )


def test_a_down_file_belongs_to_its_migration(tmp_path: Path) -> None:
    write(tmp_path / "m", "001_a.sql")
    down = write(tmp_path / "m", "001_a.down.sql", "DROP TABLE t;")
    (found,) = read(tmp_path / "m")
    assert found.down_path == down


def test_the_digest_does_not_depend_on_line_ends_or_a_byte_order_mark(tmp_path: Path) -> None:
    write(tmp_path / "unix", "001_a.sql", "CREATE TABLE t (\na);\n")
    write(tmp_path / "windows", "001_a.sql", b"\xef\xbb\xbfCREATE TABLE t (\r\na);\r\n")
    (one,), (other,) = read(tmp_path / "unix"), read(tmp_path / "windows")
    assert one.sha256 == other.sha256


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("add_notes.sql", SOME, "migration DIR/add_notes.sql has no number"),
        ("001_a.sql", "", "migration DIR/001_a.sql holds no statement"),
        ("001_a.sql", " -- only\n/* words */ ;;\n", "migration DIR/001_a.sql holds no statement"),
        ("001_a.sql", SOME.encode("utf-16"), "migration DIR/001_a.sql is binary or UTF-16, not UTF-8 text"),
        ("001_a.sql", b"SQLite format 3\x00", "migration DIR/001_a.sql is binary or UTF-16, not UTF-8 text"),
        ("001_a.sql", b"SELECT 1;\nSELECT '\xe9';", "migration DIR/001_a.sql is not UTF-8 (line 2)"),
        ("001_a.sql", b" " * (16 << 20) + b"x", "migration DIR/001_a.sql is larger than 16 MiB"),
        ("001_a.sql", "SELECT 1;\nSELECT 'a;", "migration DIR/001_a.sql has an unclosed string (line 2)"),
        ("001_a.sql", "SELECT 1; /* a;", "migration DIR/001_a.sql has an unclosed comment (line 1)"),
        ("001_a.sql", 'SELECT "a;', "migration DIR/001_a.sql has an unclosed name (line 1)"),
        ("001_a.sql", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1;", "migration DIR/001_a.sql has a trigger "
         "without END; (line 1)"),
        ("001_a.sql", "\nbegin;\nSELECT 1;", "migration DIR/001_a.sql uses BEGIN (line 2)"),
        ("001_a.sql", "SELECT 1; /* so */ Commit;", "migration DIR/001_a.sql uses COMMIT (line 1)"),
        ("001_a.sql", "SELECT 1;\nEND TRANSACTION", "migration DIR/001_a.sql uses END (line 2)"),
        ("001_a.sql", "ROLLBACK;", "migration DIR/001_a.sql uses ROLLBACK (line 1)"),
        ("001_a.sql", "SAVEPOINT a;", "migration DIR/001_a.sql uses SAVEPOINT (line 1)"),
        ("001_a.sql", "ATTACH '/etc/other.db' AS o;", "migration DIR/001_a.sql uses ATTACH (line 1)"),
        ("001_a.sql", "VACUUM;", "migration DIR/001_a.sql uses VACUUM (line 1)"),
        ("001_a.sql", ".mode csv\nSELECT 1;", "migration DIR/001_a.sql uses .mode (line 1)"),
        ("001_a.down.sql", SOME, "DIR/001_a.down.sql takes back a migration that is not there"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    write(tmp_path / "m", name, content)
    assert refusal(tmp_path / "m") == message


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "m") == (
        "the migrations folder m is not in the release, and the database has none either"
    )
    with pytest.raises(GateFailed, match="does not exist"):
        detect(tmp_path / "m")


@pytest.mark.parametrize("other", ["001_b.sql", "1_b.sql", "01-b.sql"])
def test_two_files_with_one_number_are_refused(tmp_path: Path, other: str) -> None:
    write(tmp_path / "m", "001_a.sql")
    write(tmp_path / "m", other)
    assert "have the same number" in refusal(tmp_path / "m")


def test_semicolons_in_strings_names_and_comments_end_nothing() -> None:
    assert cut("SELECT ';', \";\", `;`, [;], 'it''s; so'; -- a; b\n/* c; */ SELECT 2") == [
        (1, "SELECT ';', \";\", `;`, [;], 'it''s; so';"),
        (2, "SELECT 2"),
    ]


def test_a_trigger_is_one_statement() -> None:
    trigger = (
        "CREATE TRIGGER touch AFTER UPDATE ON t BEGIN\n"
        "  UPDATE t SET n = CASE WHEN n > 1 THEN 1 ELSE 2 END;\n"
        "  SELECT 'end; of';\n"
        "END;"
    )
    assert cut(f"CREATE TABLE t (n);\n\n{trigger}\nSELECT 1;") == [
        (1, "CREATE TABLE t (n);"),
        (3, trigger),
        (7, "SELECT 1;"),
    ]


def test_a_word_inside_a_statement_is_not_a_command() -> None:
    assert (
        len(cut("CREATE TABLE begin_at (commit_id, 'end');\nINSERT INTO begin_at VALUES (1, 'ROLLBACK;');"))
        == 2
    )
