"""Every run leaves a signed record, and a stranger verifies it with tools that know nothing of us."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from journeys.service import Service, wait_until

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


def evidence_of(service: Service, run: int) -> Path:
    file = service.root / "evidence" / f"run-{run}.dsse.json"
    return wait_until(lambda: file.exists() and file, what=f"{file.name} is written")


def test_each_way_a_run_can_end_leaves_evidence_and_the_log_holds_it(tmp_path: Path) -> None:
    with Service(tmp_path / "site", alone=False, window="60s") as service:
        service.add_release("v1")
        service.add_release("v2")
        service.add_release("v3")
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        service.mobius("accept", expect=0)
        assert json.loads(evidence_of(service, 1).read_bytes())["signatures"] == []  # there was no key yet
        unsigned = service.mobius("evidence", "verify", expect=4)
        assert "nobody signed this evidence" in unsigned.out

        made = service.mobius("evidence", "key", "init", "--json", expect=0).json
        private, public = Path(made["key"]), Path(made["public_key"])
        assert private.stat().st_mode & 0o777 == 0o600
        assert private.is_relative_to(service.root) and not private.is_relative_to(service.root / "releases")
        again = service.mobius("evidence", "key", "init", expect=2)
        assert "there is a key already" in again.err

        service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
        service.mobius("deploy", "--tag", "v3", "--detach", expect=0)  # run 2 is superseded
        superseded = evidence_of(service, 2)
        service.mobius("rollback", "--yes", expect=0)  # run 3 is, too
        third = evidence_of(service, 3)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        shutil.copy(public, elsewhere / "kept.pub")
        for file, state in ((superseded, "superseded"), (third, "superseded")):
            told = service.mobius("evidence", "show", str(file), "--json", expect=0).json
            assert told["predicate"]["state"] == state
            assert told["predicate"]["audit"]["finding"] == ""
            _public_tools_agree(file, elsewhere)
        one = service.mobius("evidence", "verify", str(third), "--json", expect=0).json
        assert one["ok"] and one["files"][0]["signed_by"] == made["keyid"]

        # A stranger needs the file and the public key, and nothing of the project.
        alone = subprocess.run(
            service.command("evidence", "verify", str(third), "--key", str(elsewhere / "kept.pub")),
            cwd=elsewhere,
            capture_output=True,
            text=True,
        )
        assert alone.returncode == 0, alone

        head = json.loads(base64.b64decode(json.loads(third.read_bytes())["payload"]))["predicate"]["audit"]
        service.mobius("audit", "verify", "--head", head["head"], expect=0)
        _forge(service, head["seq"])
        service.mobius("audit", "verify", expect=0)  # hashed anew, it looks whole
        found = service.mobius("audit", "verify", "--head", head["head"], expect=1)
        assert "written anew" in found.out
        signed = service.mobius("evidence", "verify", str(third), expect=3)
        assert "written anew" in signed.out


def test_a_key_that_cannot_sign_stops_nothing_and_is_told(tmp_path: Path) -> None:
    key = tmp_path / "outside.pem"
    more = f'\n[evidence]\nkey = "{key}"\n'
    with Service(tmp_path / "site", alone=False, window="300ms", interval="100ms", more=more) as service:
        service.add_release("v1")
        key.write_text("-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n")
        key.chmod(0o600)
        service.mobius("deploy", "--tag", "v1", expect=0)
        assert json.loads(evidence_of(service, 1).read_bytes())["signatures"] == []
        (told,) = wait_until(lambda: service.journal("SELECT message FROM events WHERE kind = 'evidence'"))
        assert "unsigned: the evidence could not be signed" in told[0]
        assert "is no key that can be read" in told[0]


def _public_tools_agree(file: Path, folder: Path) -> None:
    """As docs/how-to/evidence.md says it: printf, jq, base64 and openssl."""
    shutil.copy(file, folder / "run.dsse.json")
    script = """
set -eu
jq -r .payload run.dsse.json | base64 -d > payload
{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < payload)"; cat payload; } > signed
jq -r '.signatures[0].sig' run.dsse.json | base64 -d > sig
openssl pkeyutl -verify -pubin -inkey kept.pub -rawin -in signed -sigfile sig
printf x >> signed
! openssl pkeyutl -verify -pubin -inkey kept.pub -rawin -in signed -sigfile sig
"""
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "Signature Verified Successfully" in done.stdout


def _forge(service: Service, seq: int) -> None:
    """What somebody does who owns the host: changes an event, and hashes everything after it anew."""
    from mobius.adapters.journals import chain

    with closing(sqlite3.connect(service.root / "journal.db", timeout=20)) as sql:
        sql.execute("DROP TRIGGER events_stay_as_written")
        sql.execute("UPDATE events SET message = 'nothing happened' WHERE seq = ?", (seq,))
        columns, last = ", ".join(chain.Link._fields), ""
        for row in sql.execute(f"SELECT {columns} FROM events ORDER BY seq").fetchall():
            link = chain.Link(*row)._replace(previous_hash=last)
            last = chain.hash_of(link)
            sql.execute(
                "UPDATE events SET previous_hash = ?, hash = ? WHERE seq = ?",
                (link.previous_hash, last, link.seq),
            )
        sql.commit()
