"""Revisions of Alembic, read as text: their order, their branches, their way down; and nothing of them runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from mobius.adapters.migrations.alembic import AlembicSource, sql_of_each
from mobius.adapters.migrations.alembic_files import project_in, read_revisions
from mobius.adapters.migrations.source import Target
from mobius.errors import GateFailed

SOURCE = AlembicSource()


def project(folder: Path, **texts: str) -> Path:
    """A project whose `versions/` has these files."""
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic" / "env.py").write_text("")
    for name, text in texts.items():
        (versions / f"{name}.py").write_text(dedent(text))
    return folder


def revision(
    id: str, below: str = "None", up: str = "op.execute('select 1')", down: str | None = "pass"
) -> str:
    """The text of one file."""
    text = f"from alembic import op\nrevision = {id!r}\ndown_revision = {below}\n\ndef upgrade():\n    {up}\n"
    return text if down is None else f"{text}\ndef downgrade():\n    {down}\n"


def at(folder: Path, *ids: str) -> Target:
    """A database that Alembic left at these revisions."""
    path = folder / "app.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        db.executemany("INSERT INTO alembic_version VALUES (?)", [(id,) for id in ids])
    return Target("sqlite", path=path)


def names(found: tuple[object, ...]) -> list[str]:
    return [each.name for each in found]  # type: ignore[attr-defined]


def test_what_is_pending_is_what_stands_on_the_revision_of_the_database(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        z_first=revision("aaa1"),
        a_second=revision("bbb2", "'aaa1'"),
        m_third=revision("ccc3", "'bbb2'"),
    )
    assert names(SOURCE.pending(root, Target("sqlite", path=tmp_path / "none.db"))) == [
        "z_first", "a_second", "m_third",
    ]  # fmt: skip
    target = at(tmp_path, "bbb2")
    assert [each.version for each in SOURCE.pending(root, target)] == ["ccc3"]
    assert names(SOURCE.applied(target, root)) == ["z_first", "a_second"]
    assert names(SOURCE.applied(target)) == ["bbb2"]


def test_nothing_of_a_revision_runs_when_it_is_only_looked_at(tmp_path: Path) -> None:
    hostile = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit('it ran')\n" + revision("aaa1")
    root = project(tmp_path, hostile=hostile)
    (root / "alembic" / "env.py").write_text(hostile)
    assert names(SOURCE.pending(root, Target("sqlite", path=tmp_path / "none.db"))) == ["hostile"]
    assert not (tmp_path / "ran").exists()


def test_branches_that_a_merge_joins_are_applied_before_it(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        base=revision("aaa1"),
        left=revision("bbb2", "'aaa1'"),
        right=revision("ccc3", "('aaa1',)"),
        merge=revision("ddd4", "('ccc3', 'bbb2')", "pass"),
    )
    found = names(SOURCE.pending(root, at(tmp_path, "bbb2")))
    assert found == ["right", "merge"]
    assert read_revisions(project_in(root))["ddd4"].has_down, "a merge has nothing to undo"


def test_two_newest_revisions_are_refused_with_the_way_to_merge_them(tmp_path: Path) -> None:
    root = project(tmp_path, a=revision("aaa1"), b=revision("bbb2", "'aaa1'"), c=revision("ccc3", "'aaa1'"))
    with pytest.raises(GateFailed) as told:
        SOURCE.pending(root, at(tmp_path, "aaa1"))
    assert told.value.message == "there are 2 newest revisions: bbb2 (b.py), ccc3 (c.py)"
    assert told.value.hint == "merge them: alembic merge heads, then plan again"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("revision = 'aaa1'\ndef upgrade(:\n", "is not Python that can be read: "),
        ("revision = 'aaa1'\0", "is not Python that can be read: "),
        ("revision = make_id()\n", "cannot be read without running it: it is computed, not written out"),
        ("down_revision = None\n", "has no revision id"),
        ("revision = 'aaa1'\ndown_revision = 'gone'\n", "stands on revision gone, which is not there"),
        ("revision = 'aaa1'\ndown_revision = 'aaa1'\n", "need each other"),
        ("revision = 'aaa1'\n" + "x = " + "(" * 500 + ")" * 500, "is not Python that can be read: "),
        ("revision = " + "-" * 100_000 + "1", "read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    root = project(tmp_path, wrong=text)
    with pytest.raises(GateFailed) as told:
        SOURCE.pending(root, Target("sqlite", path=tmp_path / "none.db"))
    assert words in told.value.message and told.value.hint, told.value.message


def test_a_database_at_a_revision_that_the_release_lacks_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, a=revision("aaa1"))
    with pytest.raises(GateFailed, match="the database is at revision zzz9, which the release does not have"):
        SOURCE.pending(root, at(tmp_path, "zzz9"))


@pytest.mark.parametrize(
    ("down", "has_down"),
    [
        ("op.drop_table('note')", True),
        ("pass", False),
        ("'''Nothing to do.'''", False),
        ("...", False),
        ("raise NotImplementedError", False),
        ("raise NotImplementedError('restore the backup')", False),
        (None, False),
    ],
)
def test_a_way_down_is_one_that_does_something(tmp_path: Path, down: str | None, has_down: bool) -> None:
    root = project(tmp_path, a=revision("aaa1", down=down))
    (change,) = SOURCE.pending(root, Target("sqlite", path=tmp_path / "none.db"))
    assert change.has_down is has_down
    assert SOURCE.can_go_down(root, ["aaa1"]) is SOURCE.can_go_down(root, ["a"]) is has_down


def test_a_revision_says_that_it_leaves_its_transaction_or_needs_the_database(tmp_path: Path) -> None:
    alone = "with op.get_context().autocommit_block():\n        op.execute('CREATE INDEX CONCURRENTLY i')"
    root = project(
        tmp_path,
        a=revision("aaa1"),
        b=revision("bbb2", "'aaa1'", alone),
        c=revision("ccc3", "'bbb2'", "Session(bind=op.get_bind()).execute('SELECT 1')"),
    )
    found = read_revisions(project_in(root)).values()
    assert [each.transactional for each in found] == [True, False, True]
    assert [each.opaque for each in found] == [False, False, True]


def test_only_the_newest_can_be_taken_back(tmp_path: Path) -> None:
    down = "op.drop_table('note')"
    root = project(tmp_path, a=revision("aaa1", down=down), b=revision("bbb2", "'aaa1'", down=down))
    assert SOURCE.can_go_down(root, ["b"]) and SOURCE.can_go_down(root, ["a", "b"])
    assert not SOURCE.can_go_down(root, ["a"]) and not SOURCE.can_go_down(root, ["never"])


def test_the_folder_of_env_py_is_found_with_its_configuration_above(tmp_path: Path) -> None:
    root = project(tmp_path, a=revision("aaa1"))
    found = project_in(root / "alembic")
    assert (found.cwd, found.versions) == (tmp_path, (tmp_path / "alembic" / "versions",))


def test_several_folders_of_revisions_are_read(tmp_path: Path) -> None:
    root = project(tmp_path, a=revision("aaa1"))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.py").write_text(revision("bbb2", "'aaa1'"))
    ini = root / "alembic.ini"
    ini.write_text(ini.read_text() + "version_locations = %(here)s/alembic/versions %(here)s/more\n")
    assert list(read_revisions(project_in(root))) == ["aaa1", "bbb2"]
    ini.write_text(ini.read_text().replace("/more", "/gone"))
    with pytest.raises(GateFailed, match="which is no folder"):
        project_in(root)


def test_a_folder_without_alembic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="there is no Alembic project in"):
        SOURCE.pending(tmp_path, Target("sqlite", path=tmp_path / "none.db"))


def test_the_sql_that_alembic_says_is_told_by_revision() -> None:
    said = dedent("""\
        BEGIN;

        CREATE TABLE alembic_version (
            version_num VARCHAR(32) NOT NULL
        );

        -- Running upgrade  -> aaa1

        CREATE TABLE note (text TEXT);

        INSERT INTO alembic_version (version_num) VALUES ('aaa1') RETURNING alembic_version.version_num;

        -- Running upgrade aaa1 -> bbb2

        UPDATE note SET text = '';

        UPDATE alembic_version SET version_num='bbb2' WHERE alembic_version.version_num = 'aaa1';

        COMMIT;
        """)
    assert sql_of_each(said) == {
        "aaa1": "CREATE TABLE note (text TEXT);\n",
        "bbb2": "UPDATE note SET text = '';\n",
    }
