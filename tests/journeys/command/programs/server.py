"""A server that somebody starts by hand: answers its version, and what `data/value` holds."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TAG = Path("VERSION").read_text().strip()
HOW = json.loads(Path("tags", f"{TAG}.json").read_text()) if Path("tags", f"{TAG}.json").exists() else {}
BORN = time.monotonic()


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sick = Path("sick").exists() or time.monotonic() - BORN > HOW.get("sick_after_s", 1e9)
        content = json.dumps({"release": TAG, "value": Path("data/value").read_text()}).encode()
        self.send_response(503 if sick else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer(("127.0.0.1", int(Path("port").read_text())), Pages).serve_forever()
