"""Migrations of Django, read as text: whose they are, their order, their way down; and nothing of them runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from mobius.adapters.migrations.django import DjangoSource
from mobius.adapters.migrations.source import Target
from mobius.errors import GateFailed

SOURCE = DjangoSource()


def project(folder: Path, files: dict[str, str], settings: str = "") -> Path:
    """A project with these migrations, `shop/0001_initial`; and settings, where some are given."""
    (folder / "manage.py").write_text("raise SystemExit('it ran')\n")
    if settings:
        (folder / "site").mkdir()
        (folder / "site" / "settings.py").write_text(dedent(settings))
    for name, text in files.items():
        app, _, stem = name.rpartition("/")
        place = folder / app / "migrations"
        place.mkdir(parents=True, exist_ok=True)
        for package in (folder / app, place):
            (package / "__init__.py").touch()
        (place / f"{stem}.py").write_text(dedent(text))
    return folder


def migration(*needs: tuple[str, str], operations: str = "[]", more: str = "") -> str:
    """The text of one file."""
    return (
        f"from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = {list(needs)!r}\n    operations = {operations}\n    {more}\n"
    )


def at(folder: Path, *names: str) -> Target:
    """A database in which Django wrote these down."""
    path = folder / "app.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)"
        )
        rows = [(*name.split("."), "2026-01-01") for name in names]
        db.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)", rows)
    return Target("sqlite", path=path)


def pending(root: Path, target: Target) -> list[str]:
    return [change.name for change in SOURCE.pending(root, target)]


def test_what_is_pending_comes_in_the_order_of_what_needs_what(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "shop/0001_initial": migration(("users", "0001_initial")),
            "shop/0002_price": migration(("shop", "0001_initial"), ("users", "__latest__")),
            "users/0001_initial": migration(("auth", "0012_alter_user_first_name_max_length")),
            "users/0002_name": migration(("users", "__first__")),
        },
    )
    assert pending(root, at(tmp_path, "auth.0001_initial", "users.0001_initial")) == [
        "shop.0001_initial", "users.0002_name", "shop.0002_price",
    ]  # fmt: skip


def test_what_other_apps_applied_is_not_told(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"shop/0001_initial": migration(), "shop/0002_price": migration(("shop", "0001_initial"))}
    )
    target = at(tmp_path, "auth.0001_initial", "shop.0001_initial", "shop.0009_of_another_branch")
    assert [each.name for each in SOURCE.applied(target, root)] == [
        "shop.0001_initial",
        "shop.0009_of_another_branch",
    ]
    assert SOURCE.applied(target)[0].name == "auth.0001_initial"


def test_nothing_of_a_migration_runs_when_it_is_only_looked_at(tmp_path: Path) -> None:
    hostile = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit('it ran')\n"
    root = project(tmp_path, {"shop/0001_initial": hostile + migration()}, settings=hostile)
    assert pending(root, Target("sqlite", path=tmp_path / "none.db")) == ["shop.0001_initial"]
    assert not (tmp_path / "ran").exists()


def test_an_app_has_the_label_that_its_config_gives_it(tmp_path: Path) -> None:
    root = project(tmp_path, {"shop/0001_initial": migration()})
    (root / "shop" / "apps.py").write_text(
        "from django.apps import AppConfig\nclass Shop(AppConfig):\n    name = 'shop'\n    label = 'store'\n"
    )
    assert pending(root, at(tmp_path)) == ["store.0001_initial"]


def test_apps_that_the_settings_do_not_install_are_passed_over(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "apps/shop/0001_initial": migration(),
            "apps/draft/0001_initial": migration(),
            "blog/0001_initial": migration(),
        },
        settings="""
            LOCAL_APPS = ["apps.shop"]
            INSTALLED_APPS = ["django.contrib.auth", *LOCAL_APPS]
            INSTALLED_APPS += ["blog.apps.BlogConfig"]
            """,
    )
    assert pending(root, at(tmp_path)) == ["blog.0001_initial", "shop.0001_initial"]


@pytest.mark.parametrize(
    "settings",
    [
        'INSTALLED_APPS = ["blog"]\nif DEBUG:\n    INSTALLED_APPS.append("apps.shop")\n',
        'INSTALLED_APPS = ["blog"]\nif DEBUG:\n    INSTALLED_APPS = [*INSTALLED_APPS, "apps.shop"]\n',
        'INSTALLED_APPS = ["blog"] + PLUGINS\n',
        'INSTALLED_APPS = ["blog", f"{PREFIX}.shop"]\n',
        'INSTALLED_APPS = ["blog", *env.list("MORE")]\n',
        "this is no Python\n",
    ],
)
def test_where_it_is_not_known_what_is_installed_no_app_is_left_out(tmp_path: Path, settings: str) -> None:
    root = project(
        tmp_path, {"apps/shop/0001_initial": migration(), "blog/0001_initial": migration()}, settings
    )
    assert pending(root, at(tmp_path)) == ["blog.0001_initial", "shop.0001_initial"]


def test_installed_packages_and_tests_are_no_apps_of_the_release(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "shop/0001_initial": migration(),
            "env/lib/python3.11/other/0001_initial": migration(),
            "node_modules/x/0001_initial": migration(),
            "shop/tests/app/0001_initial": migration(),
        },
    )
    (root / "env" / "pyvenv.cfg").touch()
    assert pending(root, at(tmp_path)) == ["shop.0001_initial"]


@pytest.mark.parametrize(
    ("operations", "has_down", "opaque"),
    [
        ("[migrations.AddField('a', 'b', models.TextField())]", True, False),
        ("[migrations.RunPython(forward)]", False, True),
        ("[migrations.RunPython(forward, None)]", False, True),
        ("[migrations.RunPython(forward, backward)]", True, True),
        ("[migrations.RunPython(forward, reverse_code=migrations.RunPython.noop)]", True, True),
        ("[migrations.RunSQL('SELECT 1')]", False, False),
        ("[migrations.RunSQL('SELECT 1', 'SELECT 2')]", True, False),
        ("[migrations.SeparateDatabaseAndState([migrations.RunSQL('SELECT 1')], [])]", False, False),
    ],
)
def test_a_way_down_needs_the_reverse_of_each_operation(
    tmp_path: Path, operations: str, has_down: bool, opaque: bool
) -> None:
    root = project(tmp_path, {"shop/0001_initial": migration(operations=operations)})
    (change,) = SOURCE.pending(root, at(tmp_path))
    assert (change.has_down, change.opaque, change.transactional) == (has_down, opaque, True)
    assert SOURCE.can_go_down(root, ["shop.0001_initial"]) is has_down


def test_a_migration_says_that_it_is_not_atomic(tmp_path: Path) -> None:
    root = project(tmp_path, {"shop/0001_initial": migration(more="atomic = False")})
    assert not SOURCE.pending(root, at(tmp_path))[0].transactional


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ((), ["shop.0001_squashed", "shop.0003_more"]),
        (("shop.0001_initial",), ["shop.0002_price", "shop.0003_more"]),
        (("shop.0001_initial", "shop.0002_price"), ["shop.0003_more"]),
        (("shop.0001_squashed",), ["shop.0003_more"]),
    ],
)
def test_a_squashed_migration_stands_for_what_it_replaces(
    tmp_path: Path, applied: tuple[str, ...], expected: list[str]
) -> None:
    replaces = "replaces = [('shop', '0001_initial'), ('shop', '0002_price')]"
    root = project(
        tmp_path,
        {
            "shop/0001_initial": migration(),
            "shop/0002_price": migration(("shop", "0001_initial")),
            "shop/0001_squashed": migration(more=replaces),
            "shop/0003_more": migration(("shop", "0002_price")),
        },
    )
    assert pending(root, at(tmp_path, *applied)) == expected


def test_a_squashed_migration_stands_alone_once_the_old_files_are_gone(tmp_path: Path) -> None:
    replaces = "replaces = [('shop', '0001_initial'), ('shop', '0002_price')]"
    root = project(
        tmp_path,
        {"shop/0001_squashed": migration(more=replaces), "shop/0003_more": migration(("shop", "0002_price"))},
    )
    assert pending(root, at(tmp_path, "shop.0001_initial", "shop.0002_price")) == ["shop.0003_more"]


def test_two_newest_migrations_of_an_app_are_refused(tmp_path: Path) -> None:
    first = ("shop", "0001_initial")
    root = project(
        tmp_path,
        {"shop/0001_initial": migration(), "shop/0002_a": migration(first), "shop/0002_b": migration(first)},
    )
    with pytest.raises(GateFailed) as told:
        pending(root, at(tmp_path))
    assert told.value.message == "the app shop has 2 newest migrations: 0002_a, 0002_b"
    assert told.value.hint == "merge them: python manage.py makemigrations --merge, then plan again"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class Migration(:\n", "is not Python that can be read: "),
        ("x = 1\n", "has no class Migration"),
        (
            migration(("shop", "0009_gone")),
            "migration shop.0001_initial needs shop.0009_gone, which is not there",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    root = project(tmp_path, {"shop/0001_initial": text})
    with pytest.raises(GateFailed) as told:
        pending(root, at(tmp_path))
    assert words in told.value.message and told.value.hint


def test_a_folder_without_manage_py_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="there is no Django project in"):
        pending(tmp_path, Target("sqlite", path=tmp_path / "none.db"))


def test_an_app_that_only_the_settings_of_production_install_is_migrated(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"shop/0001_initial": migration()}, settings="INSTALLED_APPS = ['django.contrib.auth']"
    )
    (root / "site" / "production.py").write_text(
        "from site.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'shop']\n"
    )
    (root / "site" / "python2.py").write_text("print 'of another age'\n")
    assert pending(root, at(tmp_path)) == ["shop.0001_initial"]
