"""A shop over HTTP: `/q/NAME` runs the query of that name in `queries.json`, on PostgreSQL or SQLite, and says 500 when
the database refuses it."""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

QUERIES = json.loads(Path("queries.json").read_text())


def run(query):
    if "DATABASE_URL" in os.environ:
        import psycopg

        with psycopg.connect(os.environ["DATABASE_URL"]) as db:
            db.execute(query)
        return
    db = sqlite3.connect(os.environ["DATABASE"])
    try:
        with db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(query).fetchall()
    finally:
        db.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        code, name = 200, self.path.removeprefix("/q/")
        try:
            if self.path.startswith("/q/"):
                run(QUERIES[name])
        except Exception as problem:
            sys.stderr.write(
                f"{name}: {type(problem).__name__}: {problem}\n"
            )  # in one piece, of many threads
            code = 500
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
