"""A package registry on loopback, as npm asks one for advisories: it knows, knows nothing, or refuses."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


@contextmanager
def registry(kind: str) -> Iterator[str]:
    """Its address. `kind`: "knows"; "empty" answers that nothing is vulnerable; "refuses" (405); "garbage"; "cut"."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            asked = json.loads(body or b"{}")
            if kind == "refuses" or not self.path.endswith("/advisories/bulk"):
                return self._say(405, b"")
            if kind == "garbage":
                return self._say(200, b"<html>please log in</html>")
            found = (
                {"lodash": [ADVISORY]}
                if kind in ("knows", "cut") and "4.17.4" in asked.get("lodash", ())
                else {}
            )
            told = json.dumps(found).encode()
            return self._say(200, told[: len(told) // 2] if kind == "cut" else told)

        def do_GET(self) -> None:
            if self.path.strip("/") != "lodash":
                return self._say(404, b"{}")
            versions = {
                each: {"name": "lodash", "version": each, "dist": {"tarball": "http://127.0.0.1/x.tgz"}}
                for each in VERSIONS
            }
            told = {"name": "lodash", "dist-tags": {"latest": VERSIONS[-1]}, "versions": versions}
            return self._say(200, json.dumps(told).encode())

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def advisories(kind: str) -> Iterator[str]:
    """A service of advisories on loopback, as pip-audit asks OSV: it "knows", is "empty", or "refuses"."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            is_bad = asked.get("version") in ("2.10",) and asked["package"]["name"].lower() == "jinja2"
            vuln = {
                "id": "PYSEC-2019-217",
                "summary": "a sandbox that can be left",
                "details": "a sandbox that can be left",
                "aliases": ["CVE-2019-10906"],
                "affected": [
                    {
                        "package": {"name": "jinja2", "ecosystem": "PyPI"},
                        "ranges": [
                            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}
                        ],
                        "versions": ["2.10"],
                    }
                ],
            }
            told = {"vulns": [vuln]} if kind == "knows" and is_bad else {}
            body = json.dumps(told).encode()
            self.send_response(503 if kind == "refuses" else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
