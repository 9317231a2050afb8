"""A web process for journeys under systemd: answers on PORT with its release, is bad or slow when told to be."""

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path("VERSION").read_text().strip()
BEGAN = time.monotonic()
SHARED = Path(os.environ["MOBIUS_SHARED"])


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            time.sleep(1.0)
        if self.path == "/write":
            SHARED.mkdir(parents=True, exist_ok=True)
            (SHARED / "written").write_text(VERSION)
        if self.path == "/secret":
            told = Path(os.environ["CREDENTIALS_DIRECTORY"], "word").read_text()
        else:
            told = ""
        is_bad = VERSION.startswith("bad") and time.monotonic() - BEGAN > 4.0
        status = 500 if is_bad else 200
        facts = {"status": "OK", "version": VERSION, "pid": os.getpid(), "uid": os.getuid(), "told": told}
        facts |= {name: os.environ.get(name, "") for name in ("MOBIUS_RELEASE", "MOBIUS_SLOT", "GREETING")}
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # what is in flight is finished before the end


server = Server(("127.0.0.1", int(os.environ["PORT"])), Answers)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"{VERSION} listens", flush=True)
if address := os.environ.get("NOTIFY_SOCKET", ""):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(b"READY=1", address.replace("@", "\0", 1) if address[0] == "@" else address)
server.serve_forever()
server.server_close()
print(f"{VERSION} has ended", flush=True)
