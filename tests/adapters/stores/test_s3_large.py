"""Buckets that hold much, and buckets that let nothing go."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mobius.adapters.stores.agreed import Deadline
from mobius.adapters.stores.s3 import S3Store
from mobius.errors import MobiusError
from s3_server import ENVIRON, S3Server, s3_server

MIB = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.mark.slow
def test_more_than_a_thousand_objects_are_listed_page_by_page_in_order(server: S3Server) -> None:
    server.make_bucket("many")
    names = [f"dhash/production/{number:05}.zip" for number in range(1_100)]
    send = server.requests("many").send

    def put(name: str) -> None:
        send("PUT", f"of/mobius/{name}", {}, deadline=Deadline(60), doing="a test", body=b"1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, names))
    store = S3Store(server.settings("many"), ENVIRON)
    assert [each.name for each in store.listed("dhash/production/")] == names
    assert [each.name for each in store.listed("dhash/production/0104")] == names[1040:1050]


@pytest.mark.parametrize("size", [100, 20 * MIB])
def test_in_a_bucket_that_locks_its_objects_copies_are_made_and_checked(
    server: S3Server, tmp_path: Path, size: int
) -> None:
    bucket = f"locked-{size}"
    server.make_bucket(bucket, **{"x-amz-bucket-object-lock-enabled": "true"})
    rule = (
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
        "<Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
    )
    server.ask("PUT", "", {"object-lock": ""}, bucket=bucket, body=rule.encode())
    store = S3Store(server.settings(bucket), ENVIRON)
    path = tmp_path / "a.zip"
    path.write_bytes(os.urandom(size))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    store.create("a.zip", path, sha256=sha256, progress=lambda _: None)
    assert store.create("a.zip", path, sha256=sha256, progress=lambda _: None).was_there
    store.replace("a.zip.record.json", b"1")
    store.replace("a.zip.record.json", b"2")
    try:
        store.remove("a.zip")
    except MobiusError as problem:
        assert "could not be removed" in problem.message
    versions = server.ask("GET", "", {"versions": ""}, bucket=bucket)
    assert versions.count(b"<Version>") == 3  # nothing that was there is gone
