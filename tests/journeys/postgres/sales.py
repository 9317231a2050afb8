"""A web process with its rows in PostgreSQL: a sale for each POST, named by its body; answers say the release."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

RELEASE = json.loads(Path("behaviour.json").read_text())["release"]


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/health"):
            return self.answer({})
        with psycopg.connect(os.environ["ORDERS_URL"]) as db:
            (count,) = db.execute("SELECT count(*) FROM sale").fetchone()
        return self.answer({"posts": count})

    def do_POST(self):
        item = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with psycopg.connect(os.environ["ORDERS_URL"]) as db:
            db.execute("INSERT INTO sale (item) VALUES (%s)", [item])
            db.execute("INSERT INTO line VALUES (%s)", [item])
        self.answer({"stored": item})

    def answer(self, data):
        content = json.dumps({**data, "release": RELEASE, "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
