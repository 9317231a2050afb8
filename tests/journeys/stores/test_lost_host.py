"""The host is gone with everything on it; a new one has `mobius.toml` and the keys, and brings the service back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.service import Service
from s3_server import ENVIRON, S3Server, s3_server

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket()
        yield running


def store_section(server: S3Server, **more: str) -> str:
    settings = server.settings()
    lines = {"url": settings.url, "endpoint": settings.endpoint, "region": settings.region}
    given = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    return f"\n[store]\n{given}" + "".join(f"{name} = {value}\n" for name, value in more.items())


def test_a_new_host_with_nothing_but_its_configuration_brings_the_service_back(
    new_service: Callable[..., Service], server: S3Server, tmp_path: Path
) -> None:
    old = new_service(more=store_section(server, required="true"), environ=ENVIRON, alone=False)
    old.add_release("v1")
    old.add_release("v2")
    old.mobius("deploy", "--tag", "v1", expect=0)
    old.post(b"kept")
    old.mobius("deploy", "--tag", "v2", expect=0)
    named = {
        each["name"]: each
        for each in map(json.loads, old.mobius("backup", "list", "--store", "--json").out.splitlines())
    }
    guarding = [name for name, each in named.items() if each["release_id"].startswith("v1")]
    assert len(guarding) == 1
    configuration = old.config.read_text("utf-8")
    old.close()
    shutil.rmtree(old.folder)

    new = new_service(environ=ENVIRON)
    new.config.write_text(configuration, encoding="utf-8")
    new.port, new.url = old.port, old.url
    listed = new.mobius("backup", "list", "--store", expect=0)
    assert guarding[0] in listed.out
    assert "only there" in listed.out
    new.mobius("backup", "verify", "--store", guarding[0], expect=0)
    back = new.mobius("rollback", "--backup", guarding[0], "--yes", expect=0)
    assert f"{guarding[0]} is not here, but in s3://copies/of/mobius/: it is fetched first" in back.err
    answer = new.get("/")
    assert (answer["release"], answer["posts"]) == ("v1", 1)
