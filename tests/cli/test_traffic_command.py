"""`mobius traffic`: what is printed can be included, and is found again by the check. With real proxies."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.traffic.proxies import why_not
from mobius.adapters.traffic.proxy_reach import Visitor, what_bars, what_will_bar
from mobius.cli.traffic import command
from mobius.errors import UsageError
from mobius.model.settings import EnvironmentSettings, TrafficSettings

CONFIG = """
service = "dhash"
[[process]]
name = "api"
start = ["node", "app.js"]
[environments.production]
url = "http://127.0.0.1:5001"
[traffic]
kind = "{kind}"
config = "{kind}.conf"
access_log = "access.log"
"""
WHOLE = {
    "nginx": """pid {folder}/nginx.pid; events {{}}
http {{ include *http.conf; server {{ listen unix:{folder}/x.sock; include mobius-dhash-server.conf; }} }}""",
    "caddy": "http://127.0.0.1:5001 {{\n\timport mobius-dhash.caddy\n}}\n",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="mobius-tr-")).resolve()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def run(folder: Path, kind: str, *args: str) -> Result:
    file = folder / "mobius.toml"
    file.write_text(CONFIG.format(kind=kind))
    return CliRunner().invoke(command, args, obj={"config": file, "environ": {}}, standalone_mode=False)


def outcomes(result: Result) -> list[str]:
    return [json.loads(line)["outcome"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_what_is_printed_is_included_and_found_again(folder: Path, kind: str) -> None:
    if reason := why_not(kind):
        pytest.skip(reason)
    (folder / f"{kind}.conf").write_text(WHOLE[kind].format(folder=folder))
    pieces = json.loads(run(folder, kind, "snippet", "--static", "/assets=public", "--json").stdout)["pieces"]
    for piece in pieces:
        (folder / piece["name"]).write_text(piece["text"])
    checked = run(folder, kind, "check", "--json")
    assert checked.return_value == 0, checked.stdout
    assert set(outcomes(checked)) == {"PASS"}
    for piece in pieces:
        text = piece["text"].replace("live/web.sock", "live/other.sock")
        (folder / piece["name"]).write_text(text)
    checked = run(folder, kind, "check")
    assert checked.return_value == 3
    assert checked.stdout.splitlines()[2:4] == [
        f"FAIL  configuration of {kind}: {folder}/{kind}.conf does not dial "
        f"{folder}/.mobius/production/live/web.sock",
        "      include what is printed by: mobius traffic snippet -e production",
    ]
    (folder / f"{kind}.conf").write_text("}")
    checked = run(folder, kind, "check", "--json")
    assert checked.return_value == 3
    assert outcomes(checked)[:2] == ["PASS", "FAIL"]


def test_one_piece_can_be_written_to_its_file(folder: Path) -> None:
    whole = run(folder, "nginx", "snippet").stdout
    piece = run(folder, "nginx", "snippet", "--part", "mobius-dhash-http.conf").stdout
    assert piece.startswith("# mobius moves the traffic of production by one rename of ")
    assert piece.endswith("}';\n") and piece in whole
    refused = run(folder, "nginx", "snippet", "--part", "other")
    assert isinstance(refused.exception, UsageError)
    assert refused.exception.message == "there is no piece other"


def test_with_our_own_front_door_there_is_nothing_to_include(folder: Path) -> None:
    refused = run(folder, "door", "snippet").exception
    assert isinstance(refused, UsageError)
    assert refused.message == (
        "our own front door has the traffic of production: there is no proxy to be told anything"
    )


def test_haproxy_is_told_in_its_own_words(folder: Path) -> None:
    printed = run(folder, "haproxy", "snippet")
    assert printed.return_value == 0 and "backend dhash" in printed.stdout
    refused = run(folder, "haproxy", "snippet", "--static", "/a=b").exception
    assert isinstance(refused, UsageError) and refused.message == "HAProxy serves no files"


def test_what_bars_the_proxy_is_the_first_thing_on_its_way(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "web.sock").touch(mode=0o600)
    folder.chmod(0o755)
    us, gid = os.getuid(), (home / "web.sock").stat().st_gid
    stranger, friend = Visitor("www", 4242, frozenset({4242})), Visitor("www", 4242, frozenset({4242, gid}))
    link = folder / "live"
    link.symlink_to(home)
    assert what_bars(stranger, link / "web.sock") == f"{home} does not let www pass"
    home.chmod(0o710)
    assert what_bars(stranger, link / "web.sock") == f"{home} does not let www pass"
    assert what_bars(friend, link / "web.sock") == f"{home}/web.sock does not let www connect"
    (home / "web.sock").chmod(0o660)
    assert what_bars(friend, link / "web.sock") == ""
    assert what_bars(Visitor("us", us, frozenset()), home / "web.sock") == ""
    assert "No such file" in what_bars(friend, link / "gone.sock")


def test_before_the_first_deployment_the_folders_that_are_there_and_the_group_to_come_tell(
    folder: Path,
) -> None:
    root = folder / "project" / ".mobius" / "production"
    settings = EnvironmentSettings("production", "http://x", root, traffic=TrafficSettings(kind="nginx"))
    stranger, friend = (
        Visitor("www", 4242, frozenset({4242})),
        Visitor("www", 4242, frozenset({4242, os.getgid()})),
    )
    assert what_will_bar(friend, settings) == f"{folder} does not let www pass"
    folder.chmod(0o755)
    mine = grp.getgrgid(os.getgid()).gr_name
    assert what_will_bar(friend, settings) == ""
    assert (
        what_will_bar(stranger, settings) == f"{root}/run will be for the group {mine}, which www is not in"
    )
    for group in ("daemon", "no-such-group"):
        told = what_will_bar(friend, replace(settings, traffic=TrafficSettings(kind="nginx", group=group)))
        assert (
            told
            == {
                "daemon": f"{root}/run will be for the group daemon, which www is not in",
                "no-such-group": "there is no group no-such-group",
            }[group]
        )
    assert not root.exists()


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs root, to run nginx as another user")
def test_nginx_as_a_user_of_its_own_gets_in_by_its_group_and_is_told_why_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from adapters.contracts.live_socket_ground import live_socket_ground, serve
    from mobius.adapters.traffic import proxy_checks
    from mobius.adapters.traffic.proxy_checks import reaches_the_door
    from mobius.adapters.traffic.proxy_reach import let_proxy_in
    from mobius.model.verdict import Outcome

    www_data = pwd.getpwnam("www-data")
    group, seen = www_data.pw_gid, proxy_checks.visitors
    # Other tests run an nginx of root's at the same time, which may go everywhere.
    monkeypatch.setattr(
        proxy_checks, "visitors", lambda kind: tuple(one for one in seen(kind) if one.uid == www_data.pw_uid)
    )
    with live_socket_ground("nginx", direct=True, user="www-data") as (ground, proxy):
        ground.site.root.chmod(0o755)
        proxy.folder.chmod(0o755)
        serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        assert ground.get()[0] == 502, "the sockets belong to root's group"
        outcome, said, _ = reaches_the_door(ground.settings)
        assert (outcome, said) == (Outcome.FAIL, f"{ground.site.root}/run does not let www-data pass")
        opened = replace(ground.settings, traffic=replace(ground.settings.traffic, group="www-data"))
        let_proxy_in(opened)
        for slot in ("blue", "green"):
            ground.target.stop(slot)
        serve(ground, ("blue", "r1"), ("green", "r2"))
        for slot, release in (("blue", "r1"), ("green", "r2")):
            ground.traffic.switch({slot: 100})
            assert ground.get() == (200, release)
        assert (ground.site.root / "run" / "green" / "api.sock").stat().st_gid == group
        assert reaches_the_door(opened)[0] is Outcome.PASS
        mine = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os; os.setgid({group}); os.setuid(33); os.listdir('{ground.site.root}/run')",
            ],
            capture_output=True,
            text=True,
        )
        assert "PermissionError" in mine.stderr, "who may pass may not look around"
