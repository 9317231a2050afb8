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
HOST = os.environ.get("MOBIUS_HOST", "nowhere")  # where it is rehearsed


def ails_now() -> list[str]:
    """What ails this host since somebody wrote it there."""
    try:
        return (HERE.parents[1] / "ails.txt").read_text().split()
    except OSError:
        return []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        code = 200
        now = ails_now()
        if self.path == "/slow":
            time.sleep(0.3)
        elif self.path == "/" and ("fails" in AILS or f"fails-on-{HOST}" in AILS):
            code = 500
        elif self.path == "/health" and (f"sick-on-{HOST}" in AILS or "sick" in now):
            code = 503
        if self.path != "/health" and ("fails" in now or f"{RELEASE}-fails" in now):
            code = 500
        if self.path == "/slow" and f"{RELEASE}-fails-slowly" in now:
            code = 500
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
