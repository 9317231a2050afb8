"""A web process on PostgreSQL; in a rehearsal it tries to empty the live database, and says whether it could."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

REHEARSED = "MOBIUS_REHEARSAL" in os.environ
REACHED = "no"
if REHEARSED:
    try:
        with psycopg.connect(Path("live-url.txt").read_text(), connect_timeout=5) as live:
            live.execute("DELETE FROM post")
        REACHED = "yes"
    except psycopg.Error:
        pass


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        with psycopg.connect(os.environ["DATABASE_URL"]) as db:
            if REHEARSED:
                db.execute("INSERT INTO post VALUES ('of a rehearsal')")
            (count,) = db.execute("SELECT count(*) FROM post").fetchone()
        answer = {"posts": count, "rehearsed": REHEARSED, "reached": REACHED}
        body = json.dumps(answer).encode()
        self.send_response(200 if REACHED == "no" else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages).serve_forever()
