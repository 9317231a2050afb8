"""An upload to S3 that is cut, killed, or met by another one: what is there is used again, and the end is right."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.adapters.stores import s3_requests
from mobius.adapters.stores.agreed import CopyDiffers
from mobius.adapters.stores.s3 import S3Store
from mobius.errors import MobiusError
from mobius.model.stored import Created
from s3_line import Line, line_to
from s3_server import ENVIRON, S3Server, s3_server

MIB = 1 << 20
SIZE = 80 * MIB  # five parts

PROGRAM = """
import json, re, sys
from pathlib import Path
from mobius.adapters.stores.s3 import S3Store
from mobius.model.settings import StoreSettings
given = json.loads(sys.argv[1])
store = S3Store(StoreSettings(**given["settings"]), given["environ"])
made = store.create(given["name"], Path(given["path"]), sha256=given["sha256"], progress=lambda done: None)
rss = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"sent": made.sent_bytes, "kept": made.kept_bytes, "checked": made.checked, "rss": rss}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket()
        yield running


@pytest.fixture
def line(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(s3_requests, "ATTEMPTS", 3)  # so that a line that stays dead is known sooner
    with line_to(server.port) as made:
        yield made


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("archive") / "a.zip"
    content = random.Random(7).randbytes(SIZE)
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def over(line: Line, server: S3Server) -> S3Store:
    return S3Store(server.settings(endpoint=line.endpoint), ENVIRON)


def create(store: S3Store, name: str, archive: tuple[Path, str]) -> Created:
    return store.create(name, archive[0], sha256=archive[1], progress=lambda _: None)


def sha256_of(server: S3Server, name: str) -> str:
    digest = hashlib.sha256()
    for piece in S3Store(server.settings(), ENVIRON).read(name):
        digest.update(piece)
    return digest.hexdigest()


def begun(server: S3Server) -> bytes:
    return server.ask("GET", "", {"uploads": ""})


def test_a_cut_that_is_mended_is_not_even_noticed(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    line.cut_after = 40 * MIB
    made = create(over(line, server), "noticed.zip", archive)
    assert line.passed.is_set()
    assert (made.sent_bytes, made.kept_bytes, made.remark) == (SIZE, 0, "")
    assert made.checked == "the store's own SHA-256 of all 5 parts"
    assert sha256_of(server, "noticed.zip") == archive[1]


def test_after_a_cut_in_the_middle_the_next_attempt_sends_only_what_is_missing(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    line.cut_after, line.dies_then = 60 * MIB, True
    with pytest.raises(MobiusError) as cut:
        create(over(line, server), "middle.zip", archive)
    assert cut.value.message == (
        f"sending of/mobius/middle.zip failed: {line.endpoint} cannot be reached: the connection was cut"
    )
    assert re.match(r"do it again: (16|32|48)\.0 MiB are there and kept; check the network", cut.value.hint)
    assert S3Store(server.settings(), ENVIRON).look("middle.zip") is None
    assert b"middle.zip" in begun(server)

    line.dead, before = False, line.sent_bytes
    made = create(over(line, server), "middle.zip", archive)
    assert made.kept_bytes >= 16 * MIB
    assert made.kept_bytes + made.sent_bytes == SIZE
    assert line.sent_bytes - before < SIZE - made.kept_bytes + MIB
    assert sha256_of(server, "middle.zip") == archive[1]
    assert b"middle.zip" not in begun(server)


def test_kill_9_in_the_middle_leaves_no_archive_and_the_next_attempt_goes_on(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    settings = server.settings(endpoint=line.endpoint)
    given = {
        "settings": {"url": settings.url, "endpoint": settings.endpoint, "region": settings.region},
        "environ": ENVIRON,
        "name": "killed.zip",
        "path": str(archive[0]),
        "sha256": archive[1],
    }
    line.cut_after = 50 * MIB
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(given)], stderr=subprocess.DEVNULL)
    try:
        assert line.passed.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert S3Store(server.settings(), ENVIRON).look("killed.zip") is None
    made = create(over(line, server), "killed.zip", archive)
    assert made.kept_bytes > 0
    assert made.kept_bytes + made.sent_bytes == SIZE
    assert sha256_of(server, "killed.zip") == archive[1]


def test_parts_of_other_content_are_sent_again_and_it_is_said(
    server: S3Server, line: Line, archive: tuple[Path, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(os.urandom(20 * MIB))
    upload = server.ask("POST", "of/mobius/other.zip", {"uploads": ""}).decode()
    upload_id = upload.split("<UploadId>")[1].split("<")[0]
    asked = {"partNumber": "1", "uploadId": upload_id}
    server.ask("PUT", "of/mobius/other.zip", asked, body=other.read_bytes()[: 16 * MIB])
    made = create(over(line, server), "other.zip", archive)
    assert (made.sent_bytes, made.kept_bytes) == (SIZE, 0)
    assert made.remark == "the parts of the attempt before are of other content: all were sent again"
    assert sha256_of(server, "other.zip") == archive[1]


def test_what_is_there_already_is_not_read_back_where_the_store_tells_its_checksum(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    create(over(line, server), "twice.zip", archive)
    heard = list[int]()
    line.down = lambda data: (heard.append(len(data)), data)[1]  # type: ignore[func-returns-value]
    made = create(over(line, server), "twice.zip", archive)
    assert (made.was_there, made.sent_bytes, made.checked) == (True, 0, "the store's own SHA-256")
    assert sum(heard) < MIB


def test_a_store_that_tells_no_checksum_is_read_back(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    line.down = lambda data: data.replace(b"x-amz-checksum", b"x-amz-nochecks")
    made = create(over(line, server), "silent.zip", archive)
    assert made.checked == "read back"


def test_a_cut_while_reading_is_mended_unheard(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    create(over(line, server), "read.zip", archive)
    passed = [0]

    def cut_once(data: bytes) -> bytes:
        before, passed[0] = passed[0], passed[0] + len(data)
        if before < 20 * MIB <= passed[0]:
            line.cut()
        return data

    line.down = cut_once
    digest = hashlib.sha256()
    for piece in over(line, server).read("read.zip"):
        assert len(piece) <= 8 * MIB
        digest.update(piece)
    assert digest.hexdigest() == archive[1]
    assert passed[0] > 20 * MIB


def test_content_that_changes_on_the_line_is_found_and_taken_away(
    server: S3Server, line: Line, archive: tuple[Path, str]
) -> None:
    sample = archive[0].read_bytes()[30 * MIB : 30 * MIB + 32]
    assert len(sample) == 32

    def damage(data: bytes) -> bytes:
        return data.replace(sample[:16], bytes(16))

    line.up = damage
    with pytest.raises(CopyDiffers) as found:
        create(over(line, server), "damaged.zip", archive)
    assert str(found.value).splitlines()[:2] == [
        "the copy s3://copies/of/mobius/damaged.zip differs from what was sent; it was removed",
        f"  sent     {archive[1]}",
    ]
    assert S3Store(server.settings(), ENVIRON).look("damaged.zip") is None


@pytest.mark.slow
def test_500_mb_go_over_in_less_than_128_mb_of_memory(server: S3Server, tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for number in range(500):
            file.write(random.Random(number).randbytes(MIB))
    settings = server.settings()
    given = {
        "settings": {"url": settings.url, "endpoint": settings.endpoint, "region": settings.region},
        "environ": ENVIRON,
        "name": "large.zip",
        "path": str(path),
        "sha256": hashlib.file_digest(path.open("rb"), "sha256").hexdigest(),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(given)], stdout=subprocess.PIPE, check=True
    )
    told = json.loads(done.stdout)
    assert told["sent"] == 500 * MIB
    assert told["rss"] < 128 * MIB, told
