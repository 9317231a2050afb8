"""The web process of the journeys: one row for each POST, answers signed with the release.

`behaviour.json` beside it says how this release is: {"release": "v1", "exit_after_s", "health_status",
"errors_after_s", "fails_every", "sick_after_s", "sick_once_live_s" (since its first request by the front door),
"slow_s", "listens_after_s"}.
"""

import itertools
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOW = json.loads(Path("behaviour.json").read_text())
RELEASE = HOW["release"]
BORN = time.monotonic()
LIVE = []  # since when
NUMBERS = itertools.count(1)
OPENING = threading.Lock()  # of two that make it a WAL database at once, SQLite refuses one without waiting


def database():
    connection = sqlite3.connect(os.environ["DATABASE"], timeout=10, isolation_level=None)
    with OPENING:
        connection.execute("PRAGMA journal_mode = WAL")
    return connection


def since(name):
    """Whether it is as old as the behaviour of this name says."""
    return name in HOW and time.monotonic() - BORN > HOW[name]


def is_sick(headers):
    if "X-Forwarded-For" in headers and not LIVE:
        LIVE.append(time.monotonic())
    is_live_for_long = LIVE and time.monotonic() - LIVE[0] > HOW.get("sick_once_live_s", float("inf"))
    return since("sick_after_s") or is_live_for_long


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path.startswith("/health"):
            self.answer(503 if is_sick(self.headers) else HOW.get("health_status", 200), {"release": RELEASE})
        elif self.path.startswith("/slow"):
            time.sleep(HOW.get("slow_s", 0.3))
            self.answer(200, {"slow": True})
        else:
            connection = database()
            (count,) = connection.execute("SELECT count(*) FROM posts").fetchone()
            connection.close()
            self.page({"posts": count})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = database()
        connection.execute("INSERT INTO posts (body, release) VALUES (?, ?)", (body, RELEASE))
        connection.close()
        self.page({"stored": len(body)})

    def page(self, data):
        fails = "fails_every" in HOW and next(NUMBERS) % HOW["fails_every"] == 0
        self.answer(500 if fails or since("errors_after_s") else 200, data)

    def answer(self, status, data):
        content = json.dumps({**data, "release": RELEASE, "pid": os.getpid()}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Release", RELEASE)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def main():
    if "exit_after_s" in HOW:
        threading.Timer(HOW["exit_after_s"], os._exit, (HOW.get("exit_code", 1),)).start()
    time.sleep(HOW.get("listens_after_s", 0))
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Pages)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{RELEASE} listens on {server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.05)


main()
