"""The words of a line between two mobius: one JSON object a line, the request there, frames back.

Back come `{"out": text}`, `{"err": text}`, `{"run": {"environment", "id", "seq"}}` with the text that shows this
event, `{"ask": n}`, and at the end `{"exit": code}`: each is counted by both sides. Not counted are the
greeting, `{"beat": 1}` while there is nothing to say, and `{"refused": {…}}`, after which nothing comes.
There go, after the request, `{"seen": n}`, `{"answer": text, "to": n}`, `{"signal": "INT"}`, and `{"bye": 1}` from
whoever leaves before the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from mobius.errors import MobiusError

PROTOCOL = 1
LONGEST_LINE = 4 * 1024 * 1024
BEAT_S = 5.0  # after so long without a frame the far side says that it is there
PATIENCE_S = 600.0  # how long a cut line is tried again

Frame = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the person sits at: its size, whether lines may be updated in place, and whether somebody answers."""

    columns: int = 80
    lines: int = 24
    tty: bool = False
    color: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A run, and the last of its events that was shown."""

    environment: str
    id: int
    seq: int


@dataclass(frozen=True, slots=True)
class Request:
    """One command for the far side. `token` names it, so that it is begun once however often it is asked for;
    `seen` is how many frames have arrived, and `run` what they said of a run."""

    token: str
    argv: tuple[str, ...]
    to: str = ""  # what a person types after --on
    host: str = ""
    directory: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    terminal: Terminal = field(default_factory=Terminal)
    patience_s: float = PATIENCE_S
    again: bool = False  # asked for before, over a line that was cut
    seen: int = 0
    run: Seen | None = None
    protocol: int = PROTOCOL


class Garbled(MobiusError):
    """What came over the line is not of this protocol."""


def encode(frame: Frame) -> bytes:
    """The frame as one line. Bytes that were no text (lone surrogates) survive."""
    return json.dumps(frame, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The frame on this line. Raises `Garbled`."""
    try:
        frame = json.loads(line)
    except ValueError:
        frame = None
    if not isinstance(frame, dict):
        raise Garbled("what came over the line cannot be read")
    return frame


def encode_request(request: Request) -> bytes:
    """The request as one line."""
    return encode(asdict(request))


def decode_request(line: bytes) -> Request:
    """The request on this line. Raises `Garbled`, also for one of another protocol, whose own words may differ."""
    said = decode(line)
    if said.get("protocol") != PROTOCOL:
        raise Garbled(f"the line speaks protocol {said.get('protocol')!r}, this one knows {PROTOCOL}")
    try:
        request = msgspec.convert(said, Request)
    except msgspec.ValidationError as wrong:
        raise Garbled(f"the request cannot be read: {wrong}") from wrong
    words = [*request.argv, request.directory, request.token, *request.environ, *request.environ.values()]
    if not request.token.isalnum() or len(request.token) > 64 or any("\0" in word for word in words):
        raise Garbled("the request cannot be read")
    return request
