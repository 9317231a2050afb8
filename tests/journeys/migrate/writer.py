"""A web process that keeps notes: it writes and reads the column that its release knows.

`behaviour.json` beside it: {"release": "v1", "column": "body", "table", "sick_once_live_s": 1.5, "sick_when_live"}:
so long after its first request by the front door; wherever it is not rehearsed.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOW = json.loads(Path("behaviour.json").read_text())
COLUMN, TABLE = HOW["column"], HOW.get("table", "notes")
LIVE = []  # since when


def database():
    return closing(sqlite3.connect(os.environ["DATABASE"], timeout=10, isolation_level=None))


class Notes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path.startswith("/health"):
            sick = "sick_when_live" in HOW and "MOBIUS_REHEARSAL" not in os.environ
            if "X-Forwarded-For" in self.headers and not LIVE:
                LIVE.append(time.monotonic())
            sick = sick or (LIVE and time.monotonic() - LIVE[0] > HOW.get("sick_once_live_s", float("inf")))
            self.answer(503 if sick else 200, {})
        elif self.path.startswith("/notes"):
            with database() as db:
                self.try_to(
                    lambda: {"last": db.execute(f"SELECT {COLUMN} FROM {TABLE} ORDER BY id DESC").fetchone()}
                )
        else:
            self.answer(200, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with database() as db:
            self.try_to(
                lambda: {"id": db.execute(f"INSERT INTO {TABLE} ({COLUMN}) VALUES (?)", (body,)).lastrowid}
            )

    def try_to(self, do):
        try:
            self.answer(200, do())
        except sqlite3.Error as problem:
            print(f"sqlite3.{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
            self.answer(500, {"problem": str(problem)})

    def answer(self, status, data):
        content = json.dumps({**data, "release": HOW["release"]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Notes)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)


main()
