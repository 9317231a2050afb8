"""A secret in every place it could stand; afterwards it is in nothing that leaves the host or that people read."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from journeys.service import Service

pytestmark = pytest.mark.journey

CANARIES = {
    "toml": "canary/of+the=toml 1a",
    "argv": "canary-of-argv-2b2b",
    "file": "canary'of\"the&file-3c",
    "environ": "canary-of-environ-4d4d",
    "webhook": "Canary5eWebhookSignature5e",
    "credential": "canary-of-the-remote-6f",
    "header": "canary-of-the-header-7g",
}
MORE = """
[[smoke]]
name = "with a header"
get = "/"
headers = { Authorization = "Bearer canary-of-the-header-7g" }

[[gate]]
name = "says too much"
run = ["sh", "-c", "echo using $TEAMS_HOOK and $DB_PASSWORD; test -n x", "--api-token", "canary-of-argv-2b2b"]

[[process]]
name = "talker"
kind = "worker"
start = ["sh", "-c", "echo $A_TOKEN $FROM_FILE; exec sleep 600", "talker", "--api-token", "canary-of-argv-2b2b"]
env = { A_TOKEN = "canary/of+the=toml 1a" }
env_file = "secrets.env"
"""


def spellings(secret: str) -> Iterator[bytes]:
    """As it is, and in the encodings in which a search by eye would miss it."""
    raw = secret.encode()
    yield from (raw, quote(secret).encode(), quote(secret, safe="").encode(), raw.hex().encode())
    yield from (json.dumps(secret)[1:-1].encode(), html.escape(secret).encode())
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        yield whole[4 : len(whole) - 2]
        yield whole[4 : len(whole) - 2].translate(bytes.maketrans(b"+/", b"-_"))


def assert_nowhere(content: bytes, where: str) -> None:
    for name, secret in CANARIES.items():
        for spelling in spellings(secret):
            assert spelling not in content, f"the canary of {name} is in {where}: {spelling!r}"


def every_text(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents, and what is inside envelopes."""
    yield archive.name, archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        for entry in opened.infolist():
            content = opened.read(entry)
            yield f"{archive.name}!{entry.filename}", entry.filename.encode() + content
            if entry.filename.endswith(".dsse.json"):
                yield f"{entry.filename}!payload", base64.b64decode(json.loads(content)["payload"])


def test_a_secret_in_every_source_is_in_no_export_report_page_or_message(tmp_path: Path) -> None:
    hook = f"https://acme.webhook.office.com/webhookb2/1@2/IncomingWebhook/{CANARIES['webhook']}/3?sig={CANARIES['webhook']}"
    environ = {"DB_PASSWORD": CANARIES["environ"], "TEAMS_HOOK": hook}
    with Service(
        tmp_path / "site", alone=False, window="60s", interval="100ms", more=MORE, environ=environ
    ) as service:
        folder = service.folder
        (folder / "secrets.env").write_text("FROM_FILE=" + CANARIES["file"] + "\n")
        (folder / ".env").write_text(f"ANY_NAME={CANARIES['file']}\n")
        remote = f"https://deployer:{CANARIES['credential']}@git.example.org/site.git"
        for words in (["init", "-q"], ["remote", "add", "origin", remote]):
            subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
        service.add_release("v1")
        service.add_release("v2")
        service.mobius("evidence", "key", "init", expect=0)
        coded = base64.b64encode(f"ann:{CANARIES['environ']}".encode()).decode()
        said = f"it said {CANARIES['environ']} and Basic {coded} to {quote(CANARIES['environ'])}"
        service.mobius("freeze", "--for", "1h", "--reason", said, expect=0)
        service.mobius("freeze", "--lift", expect=0)
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        service.mobius("accept", expect=0)
        service.mobius("monitor", "report-issue", f"I saw {hook}", expect=0)
        deployed = service.mobius("deploy", "--tag", "v2", "--detach", "--json", expect=0)
        service.mobius("accept", expect=0)
        service.mobius("report", expect=0)
        # What people and their tools leave lying about.
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / f"call {CANARIES['argv']}.md").write_text(
            f"curl -H 'Authorization: Bearer {CANARIES['header']}' {hook}\n"
        )
        artefacts = folder / "premerge_artifacts"
        artefacts.mkdir(exist_ok=True)
        (artefacts / "trace.json").write_text(
            json.dumps({"h": coded, "deep": json.dumps({"p": CANARIES["toml"]})})
        )
        (artefacts / "dump.bin").write_bytes(b"\0\1" + CANARIES["environ"].encode("utf-16"))
        (folder / "logs" / "deployment.log").open("a").write(f"curl {remote} {hook}\n")

        exported = service.mobius("export", "-e", "production", "--json", expect=0)
        archive = Path(exported.json["file"])
        assert archive.stat().st_mode & 0o777 == 0o600
        check = subprocess.run(
            ["sha256sum", "-c", f"{archive.name}.sha256"], cwd=archive.parent, capture_output=True
        )
        assert check.returncode == 0, check
        for where, content in every_text(archive):
            assert_nowhere(content, where)
        names = {name.partition("!")[2].partition("/")[0] for name, _ in every_text(archive)}
        assert {
            "configuration",
            "journal",
            "reports",
            "evidence",
            "artefacts",
            "facts",
            "MANIFEST.json",
            "SHA256SUMS",
        } <= names
        assert any(one["name"].endswith("dump.bin") for one in exported.json["left_out"])
        assert exported.json["redacted"]["a known value"] >= 3

        outputs = [
            deployed,
            exported,
            service.mobius("report", "--json", expect=0),
            service.mobius("status", "--json", expect=0),
        ]
        outputs += [
            service.mobius("audit", "log", "--json", expect=0),
            service.mobius("config", "show", "--origin", "--json", expect=0),
        ]
        outputs += [
            service.mobius("export", "--dry-run", expect=0),
            service.mobius("evidence", "show", "--json", expect=0),
        ]
        outputs.append(service.mobius("plan", "--tag", "v1", "--json"))
        outputs.append(service.mobius("plan", "--tag", "v1"))
        for number, output in enumerate(outputs):
            assert_nowhere((output.out + output.err).encode(), f"output {number}")
        written = [
            *service.root.glob("reports/*"),
            *service.root.glob("evidence/*"),
        ]
        for file in [*written, *folder.glob("monitor_logs/**/*"), *folder.glob("exports/*")]:
            if file.is_file() and file.suffix != ".zip":
                assert_nowhere(file.read_bytes(), str(file))
        # The plan in the row of a run keeps its commands as they must be run: mode 0600. Nothing else of it has one.
        for table in ("events", "steps", "samples", "releases", "backups", "outbox"):
            assert_nowhere(repr(service.journal(f"SELECT * FROM {table}")).encode(), table)
        events = service.mobius("audit", "verify", "--against", str(archive), expect=0)
        assert "holds all" in events.out
