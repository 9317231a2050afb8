"""A small notes service on SQLite: GET /health, GET /notes, POST /notes. Release v2: notes have titles."""

import hashlib
import json
import os
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "v2"
DATABASE = os.environ.get("NOTES_DB", "notes.db")
WRITING = threading.Lock()  # writers that SQLite lets wait try again by chance, and one may never come to it


def database():
    connection = sqlite3.connect(DATABASE, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


class Notes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "OK", "version": VERSION})
        elif self.path.startswith("/slow"):
            time.sleep(0.3)
            self.answer(200, {"slow": True, "version": VERSION})
        elif self.path.startswith("/notes"):
            with database() as connection:
                (count,) = connection.execute("SELECT count(*) FROM notes").fetchone()
            self.answer(200, {"notes": count, "version": VERSION})
        else:
            self.answer(404, {"error": "no such page", "version": VERSION})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        digest = hashlib.sha256(body).hexdigest()
        with WRITING, database() as connection:
            connection.execute("INSERT INTO notes (body, title) VALUES (?, ?)", (digest, "note"))
        self.answer(200, {"sha256": digest, "version": VERSION})

    def answer(self, status, data):
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Release", VERSION)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def main():
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Notes)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"notes {VERSION} on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)


main()
