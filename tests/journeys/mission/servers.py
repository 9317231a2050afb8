"""What the outside world answers: https://api.mobius.com (port 4443 here) and the metrics on port 8080."""

from __future__ import annotations

import ssl
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Api(BaseHTTPRequestHandler):
    """Hands on to the service, as the proxy in front of it does."""

    def do_GET(self) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:5001{self.path}", timeout=30) as answer:
            body = answer.read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"mobius_live 1\n")


def main(certificate: str) -> None:
    api = ThreadingHTTPServer(("127.0.0.1", 4443), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    api.socket = context.wrap_socket(api.socket, server_side=True)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    metrics = ThreadingHTTPServer(("127.0.0.1", 8080), Metrics)
    print("the servers listen", flush=True)
    metrics.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
