"""The service these journeys deploy: it answers as `behaviour.json` beside it says. Started with `python -I -S`."""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEHAVIOUR = json.loads((HERE / "behaviour.json").read_text())
BEGAN = time.monotonic()
SHARED = Path(os.environ.get("MOBIUS_SHARED", HERE))


def status_of(path, is_through_the_door):
    """200, unless a rule for this path says otherwise: after a while, once a file is in `shared/`, or only for
    those who come through the front door."""
    for rule in BEHAVIOUR.get("answers", []):
        applies = path == rule["path"] and time.monotonic() - BEGAN >= rule.get("after_s", 0.0)
        applies = applies and (is_through_the_door or not rule.get("through_the_door"))
        if applies and (not rule.get("once") or (SHARED / rule["once"]).exists()):
            time.sleep(rule.get("delay_s", 0.0))
            return rule.get("status", 200)
    return 200


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        status = status_of(path, "X-Forwarded-For" in self.headers)
        body = json.dumps({"status": "OK" if status == 200 else "BROKEN", "release": BEHAVIOUR["release"]})
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Release", BEHAVIOUR["release"])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def main():
    print(BEHAVIOUR.get("says", "service " + BEHAVIOUR["release"]), flush=True)
    for name in BEHAVIOUR.get("says_variables", []):
        print(name + "=" + os.environ.get(name, "(not there)"), flush=True)
    if "exits_after_s" in BEHAVIOUR:
        threading.Timer(BEHAVIOUR["exits_after_s"], lambda: os._exit(3)).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Service)
    server.daemon_threads = True
    server.serve_forever(poll_interval=0.05)


if BEHAVIOUR.get("refuses_to_start"):
    print("cannot open the configuration", flush=True)
    sys.exit(1)
main()
