"""Answers, and writes a row for each request into its database."""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with sqlite3.connect(os.environ["DATABASE"]) as db:
            db.execute("INSERT INTO word VALUES ('written in a rehearsal')")
            words = [row[0] for row in db.execute("SELECT text FROM word")]
        body = json.dumps({"status": "OK", "words": words, "home": os.environ["HOME"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
