"""A real S3 server for tests: moto's, in a process of its own on a free port of loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from free_ports import free_port
from mobius.adapters.stores.agreed import Deadline
from mobius.adapters.stores.s3_place import s3_place
from mobius.adapters.stores.s3_requests import S3Requests
from mobius.model.settings import StoreSettings

REGION = "eu-central-1"
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "tell-nobody-of-this-secret"}


@dataclass(frozen=True)
class S3Server:
    """`endpoint` answers; `pid` is the server's."""

    endpoint: str
    port: int
    pid: int

    def settings(self, bucket: str = "copies", prefix: str = "of/mobius", **changes: object) -> StoreSettings:
        """The settings of a store in this bucket."""
        given: dict[str, object] = {
            "url": f"s3://{bucket}/{prefix}",
            "endpoint": self.endpoint,
            "region": REGION,
            "timeout_s": 60.0,
        }
        return StoreSettings(**given | changes)  # type: ignore[arg-type]

    def requests(self, bucket: str = "copies", environ: Mapping[str, str] = ENVIRON) -> S3Requests:
        """To ask it by hand."""
        place = s3_place(self.settings(bucket), environ)
        assert place.keys is not None
        return S3Requests(place, place.keys)

    def make_bucket(self, bucket: str = "copies", **headers: str) -> None:
        """A new one."""
        where = f"<LocationConstraint>{REGION}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>".encode()
        self.ask("PUT", "", {}, bucket=bucket, body=body, headers=headers)

    def ask(
        self, method: str, key: str, query: Mapping[str, str], bucket: str = "copies", **more: object
    ) -> bytes:
        """One request by hand; what it answers."""
        send = self.requests(bucket).send
        answer = send(method, key, query, deadline=Deadline(30), doing="a test", **more)  # type: ignore[arg-type]
        return answer.body


@contextmanager
def s3_server(**environ: str) -> Iterator[S3Server]:
    """Runs inside the `with`; ended with it, whatever happens."""
    port = free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(argv, env={**os.environ, **environ}, **quiet)  # type: ignore[call-overload]
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _await(endpoint, process)
        yield S3Server(endpoint, port, process.pid)
    finally:
        process.kill()
        process.wait()


def _await(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "moto's server ended by itself"
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=30):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("moto's server did not answer within a minute")
