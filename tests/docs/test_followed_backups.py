"""The pages about backups, followed: made, signed, verified, damaged, copied away, of SQLite and of PostgreSQL."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.postgres.test_rollback import Shop
from journeys.service import Service
from pages.followed import follow
from pages.shop import backup_of, bring, logo
from postgres_server import Database
from s3_server import ENVIRON, s3_server

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def damage(archive: Path) -> None:
    """Some bytes of its database, as a bad disk does."""
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as whole:
        found = next(entry for entry in whole.infolist() if entry.filename.endswith("app.db"))
    at = found.header_offset + 200
    content[at : at + 16] = bytes(255 - byte for byte in content[at : at + 16])
    archive.write_bytes(content)


def test_making_signing_and_keeping_them(shop: Service, tmp_path: Path) -> None:
    keys = tmp_path / "etc"
    keys.mkdir()
    signing = f'[backup]\\nsign_key = "{keys}/backups"\\nallowed_signers = "{keys}/signers"'
    told = follow(
        "docs/how-to/backups.md",
        shop.folder,
        as_={
            "shop_20261121_181755.zip": "$BACKUP",
            "FILE.zip": "$BACKUP",
            "/mnt/usb": str(tmp_path / "usb"),
            "/etc/mobius": str(keys),
        },
        before={
            "mobius backup verify": 'echo "BACKUP=$(cd backups; ls -t probe_*_*.zip | head -1)" >scene.env',
            "cd backups": (
                f"sed -i 's|^\\[backup\\]$|{signing}|' mobius.toml; mobius backup create -e production;"
                ' echo "BACKUP=$(cd backups; ls -t probe_*_*.zip | head -1)" >scene.env'
            ),
        },
    )
    assert "No errors detected" in told.after("unzip")
    assert 'Good "backup@mobius" signature' in told.after("ssh-keygen -Y")
    assert [*(tmp_path / "usb").glob("probe_*.zip")]


def test_restoring_one_file_and_saving_what_is_whole(shop: Service) -> None:
    logo(shop)
    shop.mobius("backup", "create", expect=0)
    backup = backup_of(shop)
    damaged = f"damaged_{backup}"
    shutil.copy(shop.folder / "backups" / backup, shop.folder / damaged)
    damage(shop.folder / damaged)
    checksum = (shop.folder / "backups" / f"{backup}.sha256").read_text()
    (shop.folder / f"{damaged}.sha256").write_text(checksum.replace(backup, damaged))
    told = follow(
        "docs/how-to/restore-one-file.md",
        shop.folder,
        as_={
            "verify backups/shop_20261121_181755.zip": f"verify {damaged}",
            "shop_20261121_181755.zip": backup,
        },
        codes={"mobius backup verify": 11},
    )
    assert "whole    data/shared/data" in told.after("mobius backup verify")
    assert len([*shop.folder.rglob("logo.png")]) == 2


def test_copies_elsewhere_bring_a_lost_host_back(shop: Service, tmp_path: Path) -> None:
    with s3_server(**ENVIRON) as server:
        server.make_bucket("acme-backups")
        store = f'[store]\nurl = "s3://acme-backups/mobius"\nendpoint = "{server.endpoint}"\n'
        shop.config.write_text(shop.config.read_text() + store + 'region = "eu-central-1"\n')
        told = follow(
            "docs/how-to/off-site-copies.md",
            shop.folder,
            environ=ENVIRON,
            as_={"dhash_20261121_181755.zip": backup_of(shop), "/tmp/look": str(tmp_path / "look")},
            before={
                "mobius rollback": "mobius host stop --yes; rm -r backups .mobius",
            },
            yes=("mobius rollback",),
        )
    assert "only there" not in told.after("mobius backup list")
    assert shop.get("/")["release"] == "v1.2.0"  # the newest backup is from before v2.0.0
    assert (tmp_path / "look" / "data" / "shared" / "data" / "app.db").exists()


@pytest.fixture
def sales(tmp_path: Path, new_database: Callable[..., Database]) -> Shop:
    return Shop(tmp_path / "sales", new_database("orders"), alone=False)


def test_the_database_that_a_rollback_kept_is_dropped(sales: Shop) -> None:
    try:
        bring(sales, "v1", "v2")
        where = sales.orders.server.folder
        connection = {"PGHOST": str(where), "PGUSER": "mobius", "PGDATABASE": "postgres"}
        told = follow(
            "docs/how-to/back-up-postgresql.md",
            sales.folder,
            environ={**connection, "ORDERS_URL": sales.orders.url},
            as_={"'DROP DATABASE orders_before_run_17_1795345843'": '"DROP DATABASE $KEPT"'},
            before={
                "psql": (
                    f"mobius rollback --yes --backup backups/{backup_of(sales)};"
                    " echo KEPT=$(psql -tAc 'SELECT datname FROM pg_database' | grep _before_) >scene.env"
                )
            },
            codes={"mobius doctor": (0, 3, 4)},
        )
        assert "DROP DATABASE" in told.after("psql")
        assert sales.beside("before") == []
    finally:
        sales.close()


def test_an_environment_that_machines_share(tmp_path: Path, new_database: Callable[..., Database]) -> None:
    journal = new_database("mobius")
    service = Service(tmp_path / "shared", alone=False, environ={"MOBIUS_JOURNAL_URL": journal.url})
    try:
        service.config.write_text(
            service.config.read_text() + '\n[journal]\nkind = "postgres"\nurl_env = "MOBIUS_JOURNAL_URL"\n'
        )
        bring(service, "v1")
        told = follow(
            "docs/how-to/share-an-environment.md",
            service.folder,
            as_={"postgresql://mobius@db.internal/mobius": f"'{journal.url}'"},
        )
        assert "v1" in told.after("mobius status")
    finally:
        service.close()
        shutil.rmtree(service.folder, ignore_errors=True)
