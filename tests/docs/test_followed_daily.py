"""The pages of the day's work, followed on the sample service: deploying, looking, going back, rehearsing."""

from __future__ import annotations

import re

import pytest

from journeys.service import Service
from pages.followed import follow
from pages.shop import backup_of, logo, set_

pytestmark = [pytest.mark.journey, pytest.mark.slow]

DETACHED = "mobius deploy -e production --tag v2.1.0 --detach"


def test_rolling_back(shop: Service) -> None:
    logo(shop)
    backup = backup_of(shop)
    told = follow(
        "docs/how-to/roll-back.md",
        shop.folder,
        as_={
            "shop_20261120_222311.zip": backup,
            "emergency_20261120_224500.zip": "$EMERGENCY",
            "v1.5.0": "v2.0.0",
        },
        before={
            "mobius status": "mobius deploy -e production --tag v2.0.0",
            "mobius backup list": f"mobius deploy -e production --tag v2.1.0; cd {shop.folder}; ls backups",
            "mobius backup restore": 'echo "EMERGENCY=$(cd backups; ls -t emergency_*.zip | head -1)" >scene.env',
            "mobius rollback -e production --backup backups/shop_20261120_222311.zip --also": (
                'sed -i \'s/^paths = \\["shared.data"\\]/&\\nshared_with = ["billing"]/\' mobius.toml'
                " && mobius config check"
            ),
        },
        yes=tuple(f"mobius rollback -e production {way}" for way in ("--reason", "--backup", "--to")),
    )
    assert "v1.2.0" in told.after("mobius rollback")


def test_watching(shop: Service) -> None:
    told = follow(
        "docs/how-to/watch.md",
        shop.folder,
        as_={"--duration 3600": "--duration 2"},
        before={
            "mobius monitor -e production\n": DETACHED,
            "mobius monitor disarm": f"{DETACHED.replace('v2.1.0', 'v1.2.0')}",
        },
    )
    assert "no sound in previews" in told.after("mobius monitor report-issue")


def test_reading_a_report_and_the_audit_log(shop: Service) -> None:
    page = shop.folder / "run-3.html"
    told = follow(
        "docs/how-to/read-a-report.md", shop.folder, as_={"/tmp/run-3.html": str(page), "--run 3": "--run 2"}
    )
    assert "v2.0.0" in told.after("mobius report")
    assert "<html" in page.read_text()
    told = follow("docs/reference/events.md", shop.folder, as_={"--run 3": "--run 2"})
    assert "run queued: deploy v2.0.0" in told.after("mobius audit log")


def test_restarting_and_freezing(shop: Service) -> None:
    told = follow(
        "docs/how-to/restart-and-freeze.md",
        shop.folder,
        as_={"2026-12-24T08:00": '$(date -d "+1 day" +%Y-%m-%dT08:00)', "v2.1.1": "v2.1.0"},
        before={"mobius deploy": 'mobius freeze -e production --reason "the sale"'},
        codes={"mobius freeze -e production\n": (0, 3)},
    )
    assert "nobody is here" in told.after("mobius freeze -e production\n")


def test_rehearsing(shop: Service) -> None:
    told = follow(
        "docs/how-to/rehearse.md",
        shop.folder,
        as_={"dhash_20260601_021000.zip": backup_of(shop)},
        codes={"mobius rehearse -e production backups": (0, 4)},
    )
    assert re.search(r"restored in .* and checked", told.after("mobius rehearse"))


def test_rehearsing_migrations(shop: Service) -> None:
    shop.add_release("v2.2.0", migrations=3)
    told = follow(
        "docs/how-to/rehearse-migrations.md",
        shop.folder,
        as_={"v2.1.0": "v2.2.0"},
        codes={"mobius migrate rehearse": (0, 4)},
    )
    assert "002_step" in told.after("mobius migrate plan")
    assert "The way back is" in told.after("mobius migrate rehearse")


def test_a_runbook_for_tonight(shop: Service) -> None:
    follow(
        "docs/how-to/runbooks.md",
        shop.folder,
        before={"mobius runbook deploy --check": f"cd {shop.folder}; mobius init --yes"},
    )
    assert "--plan" in (shop.folder / "runbooks" / "tonight.md").read_text()


def test_smoke_tests(shop: Service) -> None:
    follow("docs/how-to/write-smoke-tests.md", shop.folder)
    assert "<testsuite" in (shop.folder / "build" / "smoke.xml").read_text()


def test_what_a_release_changes_in_configuration(shop: Service) -> None:
    follow("docs/how-to/weigh-configuration.md", shop.folder)


def test_whether_a_release_is_ready(shop: Service) -> None:
    told = follow(
        "docs/how-to/know-that-it-is-ready.md",
        shop.folder,
        environ={"DEPLOY_LEAD": "@ann"},
        codes={"mobius ready -e": (3, 4)},
    )
    assert "premerge" in told.after("mobius ready -e")


def test_the_supervisor(shop: Service) -> None:
    follow("docs/reference/front-door.md", shop.folder)
    assert shop.get("/")["release"] == "v2.0.0"


def test_the_record(shop: Service) -> None:
    told = follow(
        "docs/how-to/evidence.md",
        shop.folder,
        as_={
            "run-12.dsse.json": "$RUN",
            "evidence.pub": "$KEY",
            "id_ed25519.pub": "openssh.pub",
            "12:340:9f2c41aa03bd77e19f2c41aa": "$HEAD",
        },
        before={
            "mobius evidence list": "mobius deploy -e production --tag v2.1.0",
            "jq -r .payload": (
                f"R={shop.root}; ls -R $R/evidence $R/keys;"
                'echo "RUN=$(ls $R/evidence/*.dsse.json | tail -1) KEY=$R/keys/evidence.pub" >scene.env'
            ),
            'echo "release': (
                "ssh-keygen -q -t ed25519 -N '' -f openssh; mv openssh ../openssh;"
                " printf '\\n[evidence]\\nkey = \"../openssh\"\\n' >>mobius.toml;"
                " cp openssh.pub ../openssh.pub; mobius deploy -e production --tag v2.0.0;"
                f" RUN=$(ls {shop.root}/evidence/*.dsse.json | tail -1);"
                " jq -r .payload $RUN | base64 -d >payload; jq -r '.signatures[0].sig' $RUN | base64 -d >sig;"
                " { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c <payload); cat payload; } >signed"
            ),
            "mobius audit verify": 'echo "HEAD=$(mobius audit head -e production | tail -1)" >>scene.env',
        },
        codes={"mobius evidence verify -e": (0, 4)},
    )
    assert "Signature Verified Successfully" in told.after("openssl")


def test_exporting(shop: Service) -> None:
    told = follow("docs/how-to/export.md", shop.folder)
    assert "OK" in told.after("cd exports")


def test_deploying_to_some_users_first(shop: Service) -> None:
    set_(
        shop, "[monitor]", '[canary]\nstage_min = "2s"\nstage_max = "20s"\n\n[monitor]\nblip_tolerance = "1s"'
    )
    told = follow("docs/how-to/canary.md", shop.folder, codes={"mobius deploy": (0, 4)})
    assert "1 %" in told.after("mobius plan")
