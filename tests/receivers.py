"""Real receivers on loopback: a webhook that answers as it is told, and an SMTP server that keeps what it gets."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from free_ports import free_port

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """`answer` says what becomes of each POST to a path; `got` has (path, headers, body, when), of all of them."""

    url: str = ""
    answer: Callable[[str], Answer] = lambda _: (200, {}, b"ok")
    hangs_s: float = 0.0
    got: list[tuple[str, dict[str, str], bytes, float]] = field(default_factory=list)

    def bodies(self, path: str = "") -> list[Any]:
        """The JSON that came to a path."""
        return [json.loads(body) for at, _, body, _ in list(self.got) if path in at]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver, until the end of the `with`."""
    receiver, over = Receiver(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            names = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append((self.path, names, body, time.time()))
            if receiver.hangs_s:
                over.wait(receiver.hangs_s)
                return
            status, headers, content = receiver.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """`refuse` is an SMTP answer given to every mail, "" to take them; `got` has the parsed mails, oldest first."""

    port: int = 0
    refuse: str = ""
    refuse_to: tuple[str, ...] = ()
    got: list[Any] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse_to:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        content = envelope.content
        assert isinstance(content, bytes)
        self.got.append(message_from_bytes(content, policy=policy.default))
        self.to.append(list(envelope.rcpt_tos))
        return "250 taken"


@contextmanager
def mailbox(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: str = ""
) -> Iterator[Mailbox]:
    """An SMTP server, until the end of the `with`; with `password` it asks for a login."""

    def authenticate(*given: Any) -> AuthResult:
        return AuthResult(success=getattr(given[-1], "password", b"") == password.encode(), handled=False)

    box = Mailbox(free_port())
    more: dict[str, Any] = {"tls_context": starttls} if starttls else {}
    if password:
        more |= {"authenticator": authenticate, "auth_required": True}
        more |= {"auth_require_tls": bool(starttls)}
    controller = Controller(
        box, hostname="127.0.0.1", port=box.port, ssl_context=tls, ready_timeout=30.0, **more
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
