"""Counts the notes of a PostgreSQL database, and tries to get from there to where it must not."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

found = {}


def tried(name, url, *queries):
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as db:
            for query in queries:
                db.execute(query)
        found[name] = "worked"
    except psycopg.Error as problem:
        found[name] = f"{type(problem).__name__}: {problem}"[:200]


own = os.environ["DATABASE_URL"]
tried("write a note", own, "INSERT INTO note VALUES ('of a rehearsal')")
tried("make a table", own, "CREATE TABLE of_a_rehearsal (text text)")
tried("take what PG* says", "", "SELECT count(*) FROM note")
tried("the live database", os.environ["LIVE_URL"], "DELETE FROM note")
tried("run a program", own, "COPY (SELECT 1) TO PROGRAM 'cat > /var/tmp/outside'")
tried("write a file", own, "COPY (SELECT 1) TO '/var/tmp/outside'")
tried("read a file", own, "SELECT pg_read_file('/etc/passwd')")
tried("become the superuser", own, "SET ROLE mobius_scratch")
tried("make a superuser", own, "CREATE ROLE more SUPERUSER")
tried("make an extension", own, "CREATE EXTENSION dblink")
tried("change the server", own, "ALTER SYSTEM SET archive_command = 'false'")
with psycopg.connect(own) as db:
    found["superuser"] = db.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[
        0
    ]
    found["user"] = db.execute("SELECT current_user").fetchone()[0]
found["env"] = dict(os.environ)
(Path(os.environ["DATABASE"]).parent / "findings.json").write_text(json.dumps(found))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with psycopg.connect(own) as db:
            count = db.execute("SELECT count(*) FROM note WHERE text = 'live'").fetchone()[0]
        body = json.dumps({"notes": count}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
