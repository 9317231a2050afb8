"""Making, listing, signing, verifying and keeping backups with the commands, on a service that runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.service import Service
from mobius.archive.publish import sidecar_of, signature_of

pytestmark = pytest.mark.journey

SIGNED = """
[environments.production.backup]
sign_key = "keys/ours"
allowed_signers = "keys/signers"
require_signature = true
reuse_within = "1h"
"""


def new_key(folder: Path, name: str) -> str:
    """Makes a key there; returns its public half."""
    folder.mkdir(exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return (folder / f"{name}.pub").read_text()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "a service", window="300ms", alone=False, more=SIGNED) as made:
        (made.folder / "keys").mkdir()
        (made.folder / "keys" / "signers").write_text(f"ops {new_key(made.folder / 'keys', 'ours')}")
        made.add_release("v1")
        made.mobius("deploy", "--tag", "v1", "--quiet", expect=0)
        made.mobius("accept")
        yield made


def create(service: Service, *words: str) -> Path:
    told = service.mobius("backup", "create", "--json", *words, expect=0).out
    return Path(json.loads(told.splitlines()[-1])["path"])


def test_a_backup_is_signed_listed_and_verified_and_whoever_signs_otherwise_is_refused(
    service: Service,
) -> None:
    made = create(service)
    listed = service.mobius("backup", "list", expect=0).out.splitlines()
    assert listed[0] == f"{'NAME':<29} {'AGE':>7} {'SIZE':>7} {'RELEASE':<14} PROVEN"
    assert max(len(line) for line in listed) <= 80
    assert listed[1].startswith(made.name)
    assert listed[1].endswith(" verified, signed")
    assert listed[2].startswith("  kept: the newest that was verified; the newest of v1-")
    verified = service.mobius("backup", "verify", str(made), expect=0)
    assert verified.out == f"{made}: every hash holds, signed by ops\n"
    new_key(service.folder / "keys", "theirs")
    content = sidecar_of(made).read_bytes()
    argv = ["ssh-keygen", "-Y", "sign", "-n", "backup@mobius", "-f", str(service.folder / "keys" / "theirs")]
    theirs = subprocess.run(argv, input=content, capture_output=True, check=True).stdout
    for signature, why in (
        (theirs, "it is signed by somebody who is not in"),
        (b"", "is damaged"),
        (None, "it is not signed"),
    ):
        signature_of(made).unlink()
        if signature is not None:
            signature_of(made).write_bytes(signature)
        for words in (
            ("backup", "verify", str(made)),
            ("rehearse", str(made)),
            ("rollback", "--backup", str(made), "--yes"),
            ("rollback", "--backup", str(made), "--emergency"),
        ):
            refused = service.mobius(*words)
            assert refused.code == 11, refused
            assert why in refused.out + refused.err, refused
        if signature is None:
            signature_of(made).touch()
    assert service.get()["release"] == "v1"
    assert "SIGNATURE REFUSED" in service.mobius("backup", "list").out
    for ending in ("", ".sha256"):
        shutil.copy(f"{made}{ending}", service.folder / "backups" / f"probe_20990101_000000.zip{ending}")
    (service.folder / "backups" / "torn.zip").write_bytes(made.read_bytes()[:500])
    listed_again = service.mobius("backup", "list", expect=11).out
    assert (
        "probe_20990101_000000.zip DAMAGED: its checksum is missing, or that of another file\n"
        in listed_again
    )
    assert "torn.zip DAMAGED: it cannot be read\n" in listed_again


def test_a_second_deployment_takes_the_signed_backup_up_again_and_says_so(service: Service) -> None:
    made = create(service)
    service.add_release("v2")
    service.mobius("deploy", "--tag", "v2", "--quiet", expect=0)
    (told,) = service.journal("SELECT message FROM events WHERE kind = 'backup' ORDER BY seq DESC LIMIT 1")
    assert told[0].startswith(f"{made.name} serves again, ")
    assert told[0].endswith(" old, verified anew")


def test_retention_says_of_each_why_also_without_the_journal(service: Service) -> None:
    names = [create(service).name for _ in range(4)]
    with_journal = service.mobius("backup", "prune", "--dry-run", expect=0).out
    assert all(f"{name}: kept: " in with_journal for name in names)
    service.mobius("host", "stop", "--yes", expect=0)
    for file in service.root.glob("journal.db*"):
        file.unlink()
    config = service.config.read_text().replace(SIGNED, SIGNED + "retention_days = 1\nretention_count = 2\n")
    service.config.write_text(config)
    without = service.mobius("backup", "prune", "--dry-run", "--json", expect=0).json
    assert without["removed"] == []
    newest = without["backups"][0]
    assert newest["name"] == names[-1]
    assert newest["reasons"][:2] == ["the newest that was verified", newest["reasons"][1]]
    assert newest["reasons"][1].endswith(", which is live")


def test_backup_dir_puts_it_elsewhere_whole_with_its_signature(service: Service, tmp_path: Path) -> None:
    there = tmp_path / "another disk"
    service.mobius("backup", "create", "--backup-dir", str(there), expect=0)
    (made,) = (
        there.glob("dhash_????????_??????.zip") if list(there.glob("dhash*")) else there.glob("*_*_*.zip")
    )
    done = subprocess.run(["sha256sum", "-c", f"{made.name}.sha256"], cwd=there, capture_output=True)
    assert done.returncode == 0
    assert signature_of(made).exists()
    service.mobius("backup", "verify", str(made), expect=0)


def test_the_archive_alone_brings_code_configuration_and_data_back_to_an_empty_host(
    service: Service, tmp_path: Path
) -> None:
    for _ in range(3):
        service.post()
    made = create(service)
    kept = tmp_path / "kept"
    kept.mkdir()
    for path in (made, sidecar_of(made), signature_of(made), service.config):
        shutil.copy(path, kept)
    service.mobius("host", "stop", "--yes", expect=0)
    shutil.rmtree(service.root)
    shutil.rmtree(service.folder / "backups")
    shutil.rmtree(service.folder / "releases")
    (service.folder / "backups").mkdir()
    for path in kept.iterdir():
        if path.name != "mobius.toml":
            shutil.copy(path, service.folder / "backups")
    done = service.mobius("rollback", "--backup", f"backups/{made.name}", "--yes", "--quiet")
    assert done.code == 0, (done, service.log(), service.journal("SELECT message FROM events"))
    assert service.get()["release"] == "v1"
    assert service.rows("SELECT count(*) FROM posts") == [(3,)]
