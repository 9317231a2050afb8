"""kill -9 of the deployer while it copies its backup to S3: the copy goes on, and so does the run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from journeys.service import Service, wait_until
from mobius.adapters.stores.s3 import S3Store
from s3_line import Line, line_to
from s3_server import ENVIRON, S3Server, s3_server

pytestmark = pytest.mark.journey

MIB = 1 << 20


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket()
        yield running


@pytest.fixture
def line(server: S3Server) -> Iterator[Line]:
    with line_to(server.port) as made:
        yield made


def test_a_deployer_killed_while_it_copies_goes_on_with_what_was_sent(
    new_service: Callable[..., Service], server: S3Server, line: Line
) -> None:
    settings = server.settings()
    store = f'\n[store]\nurl = "{settings.url}"\nendpoint = "{line.endpoint}"\nregion = "{settings.region}"\n'
    service = new_service(more=f"{store}required = true\n", environ=ENVIRON, alone=False)
    service.add_release("v1")
    service.add_release("v2")
    service.mobius("deploy", "--tag", "v1", expect=0)
    (service.root / "shared" / "data" / "noise.bin").write_bytes(os.urandom(72 * MIB))

    line.cut_after, line.dies_then = 40 * MIB, True  # or all could be sent before this process has its turn
    deploying = service.start("deploy", "--tag", "v2")
    assert line.passed.wait(90)
    run_id = wait_until(lambda: max(row[0] for row in service.journal("SELECT id FROM runs")))
    killed = wait_until(lambda: service.runner_pid(run_id))
    os.kill(killed, signal.SIGKILL)
    line.dead = False
    done = service.finish(deploying, timeout_s=180)
    assert done.code == 0, f"{done}\n{service.log()}"
    assert service.get("/")["release"] == "v2"

    said = service.journal(f"SELECT data FROM events WHERE run_id = {run_id} AND kind = 'backup copied'")
    assert len(said) == 1
    told = json.loads(said[0][0])
    assert told["kept_bytes"] > 0
    assert told["kept_bytes"] + told["sent_bytes"] == told["size_bytes"]
    stored = [each.name for each in S3Store(settings, ENVIRON).listed() if each.name.endswith(".zip")]
    assert len(stored) == 2
    assert b"<Upload>" not in server.ask("GET", "", {"uploads": ""})
    for secret in (ENVIRON["AWS_SECRET_ACCESS_KEY"], "Signature="):
        everything = done.out + done.err + (service.folder / "logs" / "deployment.log").read_text()
        assert secret not in everything + str(service.journal("SELECT message, data FROM events"))
