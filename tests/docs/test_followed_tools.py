"""The pages of single tools, followed: migrations as text, films, scans, pull requests, messages, other programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from adapters.media.films import film
from cli.test_media_golden import old
from free_ports import free_port
from github_server import GitHubServer
from init.samples import git_in
from journeys.by_hand import by_hand
from journeys.line.far import MOBIUS
from journeys.line.sshd import Sshd
from journeys.premerge.project import Project
from journeys.service import Service, wait_until
from mobius.adapters.scratch.cut_off import why_not_here
from pages.followed import follow
from pages.shop import backup_of, bring, set_
from receivers import receiving

pytestmark = [pytest.mark.journey, pytest.mark.slow]

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}
ORDERS = """CREATE INDEX orders_user ON orders (user_id);
ALTER TABLE users DROP COLUMN nick;
"""
FILMS = """
[quality_gates.video]
resolution_exact = "320x180"

[quality_gates.audio]
lufs_target = -29.8

[media]
latest = "out/*.mp4"
"""


def test_judging_migrations(shop: Service) -> None:
    (shop.folder / "migrations").mkdir()
    (shop.folder / "migrations" / "V12__orders.sql").write_text(ORDERS)
    (shop.folder / "V12__orders.sql").write_text(ORDERS)
    told = follow("docs/how-to/judge-migrations.md", shop.folder, codes={"mobius migrate lint": 3})
    assert "index-build-blocks-writes" in told.after("mobius migrate lint V12")
    assert json.loads((shop.folder / "out.sarif").read_text())["runs"]


def plate(_: int, picture: np.ndarray) -> None:
    picture[100:130, 200:290] = (20, 160, 60)


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    """A project with films, no service."""
    folder = tmp_path / "studio"
    (folder / "out").mkdir(parents=True)
    text = 'service = "studio"\n[[process]]\nname = "web"\nstart = ["true"]\n'
    url = f"http://127.0.0.1:{free_port()}"
    (folder / "mobius.toml").write_text(f'{text}{FILMS}[environments.production]\nurl = "{url}"\n')
    git_in(folder, "init", "-q")
    git_in(folder, "config", "user.name", "Ada Example")
    git_in(folder, "config", "user.email", "ada@example.org")
    for name in ("sushi", "preview", "azul"):
        film(folder / "out" / f"{name}.mp4", seconds=4, options=SHARP)
        os.utime(folder / "out" / f"{name}.mp4", (1_790_000_000, 1_790_000_000))
    return folder


QUIET = {"CI": ""}
FRAMES = {"--frames 5,10,20": "--frames 1,2"}
RECORD = 'mobius media golden record --game "Sushi Go" --in out/sushi.mp4 --frames 1,2'


def test_holding_a_film_against_its_golden(studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(studio)
    shutil.copy("out/sushi.mp4", "a.mp4")
    film(studio / "changed.mp4", seconds=4, options=SHARP, draw=plate)
    old(studio / "old" / "golden" / "sushi-go")
    told = follow(
        "docs/how-to/golden-references.md",
        studio,
        environ=QUIET,
        as_=FRAMES,
        before={
            "mobius media golden approve": (
                "cp changed.mp4 out/sushi.mp4; touch -d yesterday out/sushi.mp4;"
                ' mobius media golden check --game "Sushi Go" --in out/sushi.mp4 || true'
            ),
            "mobius media golden import": "rm -r tests/golden/sushi-go",
        },
    )
    assert "agreed with design" in told.after("mobius media golden history")


def test_judging_films(studio: Path) -> None:
    told = follow(
        "docs/how-to/media.md",
        studio,
        environ=QUIET,
        as_={"check.html": str(studio / "check.html")},
        before={"mobius media check": RECORD},
    )
    assert "LUFS" in told.after("mobius media loudness")
    assert [*(studio / "logs" / "quality").glob("*_quality.xml")]


def test_many_films_here_and_on_a_cluster(studio: Path) -> None:
    film(studio / "extra.mov", seconds=4, options=SHARP)
    (studio / "films.json").write_text('{"sushi-go": "out/sushi.mp4"}')
    port, here = free_port(), "--host 127.0.0.1 --no-dashboard"
    told = follow(
        "docs/how-to/media-suites.md",
        studio,
        environ=QUIET,
        as_={
            "dask scheduler": f"dask scheduler {here} --port {port} >dask.log 2>&1 &",
            "dask worker tcp://10.0.0.5:8786": f"dask worker tcp://127.0.0.1:{port} {here} >worker.log 2>&1 &",
            "tcp://10.0.0.5:8786": f"tcp://127.0.0.1:{port}",
        },
        before={
            "mobius media check out ": RECORD,
            "mobius media check out --cluster": (
                "for again in $(seq 300); do grep -q 'Register worker' dask.log && exit; sleep .2; done; exit 1"
            ),
        },
    )
    assert "sushi.mp4" in told.after("mobius media check out --cluster")


def test_scanning(shop: Service) -> None:
    sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "theirs"}}, "results": []}]}
    (shop.folder / "theirs.sarif").write_text(json.dumps(sarif))
    shop.config.write_text(
        f'{shop.config.read_text()}\n[scan]\nsources = ["sarif"]\nsarif = ["theirs.sarif"]\n'
    )
    follow("docs/how-to/scan.md", shop.folder, codes={"mobius scan": (0, 4)})
    assert json.loads((shop.folder / "sbom.cdx.json").read_text())["bomFormat"] == "CycloneDX"


@pytest.fixture
def change(tmp_path: Path, github: GitHubServer) -> Project:
    if shutil.which("node") is None:
        pytest.skip("node is not on this machine")
    github.protect()
    github.files["CODEOWNERS"] = "* @acme/ops\n"
    made = Project(tmp_path, github.env)
    how = "plain" if why_not_here() else "isolated"
    made.edit("mobius.toml", "[premerge]\n", f'[premerge]\nsmoke = "{how}"\n')
    made.commit("Say how it is started")
    return made


def test_validating_a_change_and_protecting_the_branch(change: Project, github: GitHubServer) -> None:
    follow(
        "docs/how-to/premerge.md",
        change.folder,
        environ=change.env,
        codes={"mobius premerge --skip": (0, 4)},
    )
    assert change.report()["mergeable"] in (True, False)
    github.open_pull(7)
    github.protect(required_pull_request_reviews=None)
    told = follow(
        "docs/how-to/github.md",
        change.folder,
        environ=change.env,
        as_={
            ".mobius/github/protection_main_20261122_045120_000000.json": "$(ls .mobius/github/*.json | head -1)"
        },
        yes=("mobius github protection apply  ", "mobius github protection apply --undo"),
        codes={"mobius github protection check": 3},
    )
    assert "cure: mobius github protection apply" in told.after("mobius github protection check")
    assert github.comments[7]


def test_telling_people(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.answer = lambda _: (200, {}, b"ok")
        channel = '[[notify.channel]]\nname = "ops"\nkind = "slack"\nurl_env = "OPS_HOOK"\n'
        hook = {"OPS_HOOK": f"{receiver.url}/slack"}
        service = Service(tmp_path / "shop", alone=False, environ=hook)
        try:
            set_(service, "[environments.production]", f"{channel}\n[environments.production]")
            bring(service, "v1")
            service.add_release("v2", health_status=500)
            told = follow(
                "docs/how-to/notifications.md",
                service.folder,
                environ=hook,
                as_={"ack 17": "ack $ALERT"},
                before={
                    "mobius notify ack": (
                        "mobius rollback --yes --to v0 || true; mobius notify status --json;"
                        " echo ALERT=1 >scene.env"
                    )
                },
                codes={"mobius notify ack": (0, 2)},
            )
        finally:
            service.close()
    assert "ok" in told.after("mobius notify test").lower()
    assert len(receiver.got) >= 5


def test_another_machine_asks_for_the_verdict(tmp_path: Path) -> None:
    web = free_port()
    serve = f'\n[environments.production.serve]\nlisten = "127.0.0.1:{web}"\n'
    service = Service(tmp_path / "shop", alone=False, more=serve)
    try:
        bring(service, "v2.1.0")
        service.start("serve", "-e", "production")
        told = follow(
            "docs/how-to/argo-and-flagger.md",
            service.folder,
            environ={"TOKEN": "none-is-needed-here"},
            as_={"https://mobius.example.com": f"http://127.0.0.1:{web}"},
            before={
                "curl": f"for i in $(seq 100); do curl -sf http://127.0.0.1:{web}/healthz && exit; sleep .2; done"
            },
        )
    finally:
        service.close()
    assert '"outcome": "PASS"' in told.after("curl") or '"outcome":"PASS"' in told.after("curl")


def test_reading_numbers_of_ones_own(shop: Service) -> None:
    (shop.folder / "queue.json").write_text('{"waiting": 3}')
    words = json.dumps([sys.executable, "-c", "print(3)"])
    shop.config.write_text(
        f'{shop.config.read_text()}\n[[signal]]\nname = "queue"\nkind = "command"\nrun = {words}\n'
    )
    told = follow("docs/how-to/signals.md", shop.folder, codes={"mobius doctor": (0, 3, 4)})
    assert "queue" in told.after("mobius doctor")


def test_watching_what_others_deploy(new_service: Callable[..., Service]) -> None:
    with by_hand(new_service, target="observe", without=("deploy", "rollback")) as service:
        told = follow(
            "docs/how-to/observe.md",
            service.folder,
            as_={"--duration 3600": "--duration 2", "shop_20261121_101500.zip": "$BACKUP"},
            before={
                "mobius status": 'echo "BACKUP=$(cd backups; ls -t shop_*_*.zip | head -1)" >scene.env',
            },
            yes=("mobius rollback -e production\n", "mobius rollback -e production --backup"),
        )
        assert "accepted by the window" in told.after("mobius monitor")
        assert backup_of(service, "emergency_*.zip")


def test_keeping_a_deployment_of_ones_own(new_service: Callable[..., Service]) -> None:
    from journeys.by_hand import add_tag

    with by_hand(new_service, target="command") as service:
        add_tag(service, "v2.1.0")
        follow("docs/how-to/your-own-deployment.md", service.folder)
        assert service.get()["release"] == "v2.1.0"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Sshd]:
    made = Sshd(tmp_path / "sshd")
    try:
        yield made
    finally:
        made.close()


def test_working_from_a_laptop(line: Sshd, new_service: Callable[..., Service]) -> None:
    service = new_service(window="3s", interval="500ms")
    bring(service, "v1.1.0")
    release = service.add_release("v1.2.0")
    (release / "scripts").mkdir()
    (release / "scripts" / "reindex.js").write_text("console.log('indexed')\n")
    on_path = {"PATH": f"{line.folder / 'bin'}:{os.environ['PATH']}", "MOBIUS_REMOTE": str(MOBIUS)}
    told = follow(
        "docs/how-to/from-a-laptop.md",
        service.folder,
        environ=on_path,
        as_={
            "deploy@shop.example.org:/srv/shop": f"far:{service.folder}",
            "--process mailer": "--process worker",
        },
        before={"mobius exec": "mobius deploy -e production --tag v1.2.0"},
        yes=("mobius --on deploy@shop.example.org:/srv/shop rollback",),
    )
    assert "v1.1.0" in told.after("mobius --on")
    assert "indexed" in told.after("mobius exec")
    wait_until(lambda: service.status()["live"]["tag"] == "v1.2.0")
