"""A release's web process on a host of the fleet: says who it is, takes its time when asked, ails when told."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

HERE = Path(__file__).parent
RELEASE = (HERE / "release.txt").read_text().strip()
AILS = (HERE / "ails.txt").read_text().split() if (HERE / "ails.txt").exists() else []
HOST = os.environ["MOBIUS_HOST"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        code = 200
        if self.path == "/slow":
            time.sleep(0.3)
        elif self.path == "/" and ("fails" in AILS or f"fails-on-{HOST}" in AILS):
            code = 500
        elif self.path == "/health" and f"sick-on-{HOST}" in AILS:
            code = 503
        body = f"{RELEASE} {HOST}\n".encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def server_bind(self) -> None:  # without the look-up of this host's name
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", 0


print(f"{RELEASE} starts on {HOST}", flush=True)
sys.exit(Server((os.environ.get("BIND", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever())
