"""A GitHub on loopback: one repository with branches, rules, pull requests and comments, and faults to switch on.

What it answers is held against GitHub's published schema by `tests/adapters/forge/test_server.py`. A journey takes the
fixture `github`, changes what it holds, and points mobius at it with `github.env`.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from github_answers import check_run, commit, protection, pull_request, review, user
from github_routes import answer

HEAD, MERGE, BASE = "a" * 40, "b" * 40, "c" * 40
TOKEN = "ghp_canary0123456789canary0123456789"  # nobody's: a canary that must show up nowhere
Json = Any


@dataclass
class Fault:
    """What happens to requests whose "METHOD path" matches, `times` times (0: always)."""

    matching: str
    status: int = 0  # 0: the answer is as usual, up to what is said below
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    cut: bool = False  # half of the answer, then the end
    times: int = 0
    together: threading.Barrier | None = None  # answered only when so many have asked


class GitHubServer:
    """The state, which tests change as they like, and what was asked."""

    def __init__(self) -> None:
        self.repository = "acme/dhash"
        self.branches = {"main": BASE}
        self.classic: dict[str, Json] = {}
        self.rulesets: dict[int, Json] = {}  # id: {name, bypass_actors?, rules: [...], branches: [...]}
        self.files: dict[str, str] = {}
        self.pulls: dict[int, Json] = {}
        self.reviews: dict[int, list[Json]] = {}
        self.commits: dict[str, Json] = {HEAD: commit(HEAD, "ann"), BASE: commit(BASE, "ann")}
        self.pulls_of: dict[str, list[int]] = {}
        self.runs: dict[str, list[Json]] = {}
        self.statuses: dict[str, list[Json]] = {}
        self.permissions: dict[str, str] = {}
        self.teams: dict[str, list[str]] = {"ops": ["olga"]}
        self.comments: dict[int, list[Json]] = {}
        self.me: Json = user("github-actions[bot]", kind="Bot")
        self.me_is_known = False  # as with the token of a workflow, which may not ask who it is
        self.page_size = 100
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.lock = threading.RLock()
        self._ids = 1000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """What `github.api_url` is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that point mobius here."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": self.repository, "GITHUB_TOKEN": TOKEN}

    def fail(self, matching: str, status: int = 0, body: bytes | None = None, **more: Any) -> Fault:
        """Switches a fault on; the first one that matches is taken."""
        fault = Fault(matching, status, body, **more)
        self.faults.append(fault)
        return fault

    def next_id(self) -> int:
        """Of a comment, in the order in which they are made."""
        with self.lock:
            self._ids += 1
            return self._ids

    # -- what tests put in -----------------------------------------------------------------------------------------

    def open_pull(
        self, number: int = 1, *, author: str = "ann", head: str = HEAD, merged: bool = False
    ) -> Json:
        """A pull request, with its commit."""
        self.pulls[number] = pull_request(number, author, head, MERGE if merged else None)
        self.commits.setdefault(head, commit(head, author))
        self.pulls_of.setdefault(head, []).append(number)
        if merged:
            self.commits[MERGE] = commit(MERGE, "web-flow")
            self.pulls_of.setdefault(MERGE, []).append(number)
        return self.pulls[number]

    def approve(self, number: int, login: str, *, state: str = "APPROVED", at: str = "", **more: Any) -> Json:
        """A review; by default of the present head, by somebody who may write."""
        made = self.reviews.setdefault(number, [])
        sha = more.pop("commit_id", self.pulls[number]["head"]["sha"])
        made.append(review(self.next_id(), number, login, state, sha, at or _iso(len(made)), **more))
        self.permissions.setdefault(login, "write")
        return made[-1]

    def run(self, sha: str, name: str, conclusion: str | None = "success") -> None:
        """A check that ran at a commit; None: it is still running."""
        self.runs.setdefault(sha, []).append(check_run(self.next_id(), sha, name, conclusion))

    def protect(self, **more: Any) -> Json:
        """A classic protection of main that demands everything; `more` replaces parts of it (None takes one away)."""
        self.classic["main"] = protection(**more)
        return self.classic["main"]

    # -- running -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Answers from now on, in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()


def _iso(minute: int) -> str:
    return f"2026-11-20T10:{minute % 60:02d}:00Z"


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            given = json.loads(self.rfile.read(length)) if length else None
            server.asked.append((self.command, self.path))
            server.tokens.add(self.headers.get("Authorization", ""))
            asked = f"{self.command} {parts.path}"
            fault = next((each for each in server.faults if re.search(each.matching, asked)), None)
            if fault is not None and fault.times:
                fault.times -= 1
                if not fault.times:
                    server.faults.remove(fault)
            if fault is not None and (fault.status or fault.body is not None):
                time.sleep(fault.hang_s)
                self._send(fault.status or 200, fault.body or b"{}", fault.headers)
                return
            status, body = answer(server, self.command, parts.path, given)
            body, headers = self._paged(status, body, parts.path, query)
            if fault is not None:
                time.sleep(fault.hang_s)
                if fault.together is not None:
                    fault.together.wait(10)
            self._send(
                status, body, {**headers, **(fault.headers if fault else {})}, cut=bool(fault and fault.cut)
            )

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

        def _paged(
            self, status: int, body: Json, path: str, query: dict[str, str]
        ) -> tuple[Json, dict[str, str]]:
            if not isinstance(body, list) or status != 200:
                return body, {}
            size = min(int(query.get("per_page", 30)), server.page_size)
            page = int(query.get("page", 1))
            after = f'<{server.url}{path}?per_page={size}&page={page + 1}>; rel="next", <{server.url}/x>; rel="last"'
            return body[(page - 1) * size : page * size], {"Link": after} if body[page * size :] else {}

        def _send(
            self, status: int, body: Json, headers: dict[str, str] | None = None, *, cut: bool = False
        ) -> None:
            text = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
            raw = text if isinstance(text, bytes) else text.encode()
            with suppress(
                BrokenPipeError, ConnectionResetError
            ):  # a client that has gone is no fault of ours
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json; charset=utf-8",
                    **(headers or {}),
                }.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw[: len(raw) // 2] if cut else raw)
            self.close_connection = cut

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    """A GitHub with a repository acme/dhash and its branch main, unprotected."""
    server = GitHubServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
