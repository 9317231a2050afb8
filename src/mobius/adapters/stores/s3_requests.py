"""Signed requests to S3, one at a time, repeated while that can help. Knows nothing of backups."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.error import HTTPError, URLError

from mobius.adapters.stores.agreed import Deadline
from mobius.adapters.stores.s3_place import Keys, S3Place
from mobius.adapters.stores.s3_signing import path_of, signed
from mobius.adapters.stores.s3_words import Refusal, refusal_in, unreachable

ATTEMPTS = 6  # over a quarter of a minute: a line that was cut is often back by then
STALL_S = 30.0  # longest time without a byte in either direction
SLICE_BYTES = 256 << 10  # so that the stall is measured over this, not over a whole part
EMPTY = hashlib.sha256(b"").hexdigest()


class Refused(Exception):
    """The store answered, and it was no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code or str(refusal.status))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: names of headers in lower case."""

    headers: Mapping[str, str]
    body: bytes

    def root(self) -> ElementTree.Element:
        """The document, without its namespaces. Raises `Refused` for an error inside a success, as S3 may send."""
        try:
            root = ElementTree.fromstring(self.body)
        except ElementTree.ParseError:
            raise Refused(Refusal(200, "", "its answer is not XML")) from None
        for each in root.iter():
            each.tag = each.tag.rpartition("}")[2]
        if root.tag == "Error":
            raise Refused(refusal_in(500, self.body.decode("utf-8", "replace")))
        return root


class S3Requests:
    """Asks one bucket, as one key."""

    def __init__(self, place: S3Place, keys: Keys, *, ca_bundle: str = "") -> None:
        self.place = place
        self._keys = keys
        context = ssl.create_default_context(cafile=ca_bundle or None)
        # The variables for proxies are honoured; a redirect would carry a signature to where it does not hold.
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))

    def send(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        deadline: Deadline,
        doing: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        payload_sha256: str = "",
    ) -> Answer:
        """Raises `Refused`, or `MobiusError` where no answer came in several attempts or in time."""
        digest = payload_sha256 or (hashlib.sha256(body).hexdigest() if body else EMPTY)
        wait_s = 0.5
        for attempt in range(1, ATTEMPTS + 1):
            deadline.check(doing)
            try:
                return self._once(method, key, query, headers or {}, body, digest, deadline)
            except Refused as no:
                if attempt == ATTEMPTS or not no.refusal.is_passing:
                    raise
            except (OSError, http.client.HTTPException) as problem:
                if attempt == ATTEMPTS or isinstance(_cause(problem), ssl.SSLCertVerificationError):
                    raise unreachable(self.place, f"{doing} failed", _words(problem)) from None
            time.sleep(min(wait_s, deadline.left_s))
            wait_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        digest: str,
        deadline: Deadline,
    ) -> Answer:
        typed = {"content-type": "application/octet-stream", **headers} if body else dict(headers)
        url, sent = signed(
            method,
            self.place.endpoint + path_of(self.place.bucket, key),
            query,
            typed,
            payload_sha256=digest,
            keys=self._keys,
            region=self.place.region,
            now=time.time(),
        )
        if method in ("PUT", "POST"):
            sent["content-length"] = str(len(body))
        content: Any = _slices(body, deadline) if body else (b"" if method == "POST" else None)
        request = urllib.request.Request(url, data=content, method=method, headers=sent)
        timeout_s = max(1.0, min(STALL_S, deadline.left_s))
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                return Answer(_lower(answer.headers), answer.read())
        except HTTPError as no:
            with no:
                text = no.read(1 << 16).decode("utf-8", "replace")
            raise Refused(refusal_in(no.code, text, no.headers.get("Date", ""))) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _slices(body: bytes, deadline: Deadline) -> Iterator[memoryview]:
    view = memoryview(body)
    for start in range(0, len(view), SLICE_BYTES):
        deadline.check("the copy", "what is there is kept")
        yield view[start : start + SLICE_BYTES]


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _cause(problem: Exception) -> object:
    return problem.reason if isinstance(problem, URLError) else problem


def _words(problem: Exception) -> str:
    cause = _cause(problem)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(cause, ConnectionError | http.client.HTTPException):
        return "the connection was cut"
    if isinstance(cause, socket.gaierror):
        return "its name is not known"
    return str(cause)
