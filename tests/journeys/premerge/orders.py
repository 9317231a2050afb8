"""A web process with its rows in the PostgreSQL of ORDERS_URL, or the SQLite of DATABASE: `/orders` counts them."""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUERY = "SELECT count(*), coalesce(sum(amount), 0) FROM orders"


def rows():
    if "ORDERS_URL" in os.environ:
        import psycopg

        with psycopg.connect(os.environ["ORDERS_URL"]) as db:
            db.execute("INSERT INTO orders (amount) VALUES (1)")
            return db.execute(QUERY).fetchone()
    db = sqlite3.connect(os.environ["DATABASE"])
    try:
        with db:
            db.execute("INSERT INTO orders (amount) VALUES (1)")
            return db.execute(QUERY).fetchone()
    finally:
        db.close()


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        code, told = 200, {"status": "OK"}
        if self.path == "/orders":
            try:
                count, amount = rows()
                told = {"count": count, "amount": int(amount)}
            except Exception as problem:
                code, told = 500, {"problem": str(problem)}
        content = json.dumps(told).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages).serve_forever()
