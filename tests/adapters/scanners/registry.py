"""What scanners ask for advisories, on loopback: a package registry for npm, and a service for pip-audit. Each knows,
knows nothing, or refuses."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADVISORY = {
    "id": 1094499,
    "url": "https://example.org/advisories/GHSA-jf85-cpcp-j695",
    "title": "Prototype Pollution in lodash",
    "severity": "critical",
    "vulnerable_versions": "<4.17.12",
    "cwe": ["CWE-1321"],
    "cvss": {"score": 9.1, "vectorString": None},
}
VERSIONS = ("4.17.4", "4.17.21")
VULNERABILITY = {
    "id": "PYSEC-2019-217",
    "summary": "a sandbox that can be left",
    "details": "a sandbox that can be left",
    "aliases": ["CVE-2019-10906"],
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
            "versions": ["2.10"],
        }
    ],
}


class Answers(BaseHTTPRequestHandler):
    """One request. `kind`: how the server answers."""

    kind = ""

    def asked(self) -> Mapping[str, Any]:
        """The JSON that was sent."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        told: Mapping[str, Any] = json.loads(body or b"{}")
        return told

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Registry(Answers):
    """As npm asks one."""

    def do_POST(self) -> None:
        asked = self.asked()
        if self.kind == "refuses" or not self.path.endswith("/advisories/bulk"):
            return self.say(405, b"")
        if self.kind == "garbage":
            return self.say(200, b"<html>please log in</html>")
        is_bad = self.kind in ("knows", "cut") and "4.17.4" in asked.get("lodash", ())
        told = json.dumps({"lodash": [ADVISORY]} if is_bad else {}).encode()
        return self.say(200, told[: len(told) // 2] if self.kind == "cut" else told)

    def do_GET(self) -> None:
        if self.path.strip("/") != "lodash":
            return self.say(404, b"{}")
        versions = {
            each: {"name": "lodash", "version": each, "dist": {"tarball": "http://127.0.0.1/x.tgz"}}
            for each in VERSIONS
        }
        told = {"name": "lodash", "dist-tags": {"latest": VERSIONS[-1]}, "versions": versions}
        return self.say(200, json.dumps(told).encode())


class Advisories(Answers):
    """As pip-audit asks OSV."""

    def do_POST(self) -> None:
        asked = self.asked()
        is_bad = asked.get("version") == "2.10" and asked["package"]["name"].lower() == "jinja2"
        told = {"vulns": [VULNERABILITY]} if self.kind == "knows" and is_bad else {}
        self.say(503 if self.kind == "refuses" else 200, json.dumps(told).encode())


@contextmanager
def registry(kind: str) -> Iterator[str]:
    """Its address. `kind`: "knows"; "empty" answers that nothing is vulnerable; "refuses" (405); "garbage"; "cut"."""
    with _serving(Registry, kind) as address:
        yield f"{address}/"


@contextmanager
def advisories(kind: str) -> Iterator[str]:
    """The address of the service: it "knows", is "empty", or "refuses"."""
    with _serving(Advisories, kind) as address:
        yield address


@contextmanager
def _serving(answers: type[Answers], kind: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (answers,), {"kind": kind}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
