"""What is asked and what is answered, as plain values: every page is a function from one to the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from mobius.report.words import printable

MOST_FIELDS = 20  # of a query
JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request whose head was let through. `path` is as it was sent: nothing here has a name to be decoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    authorization: str = ""
    accept: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `headers` come beside those that every answer has."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


def query_of(target: str) -> Mapping[str, str]:
    """The fields of a target's query; of a repeated one the last. Raises ValueError for too many."""
    _, _, query = target.partition("?")
    return dict(parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS))


def as_json(document: Mapping[str, Any], status: int = 200) -> Answer:
    """JSON for a program, with a line's end for a person with curl."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, default=str)
    return Answer(status, text.encode("utf-8", "replace") + b"\n", JSON)


def problem(status: int, message: str, hint: str = "", **headers: str) -> Answer:
    """What is wrong, as JSON, and the next step."""
    told = {"schema_version": 1, "error": printable(message)} | ({"hint": printable(hint)} if hint else {})
    answer = as_json(told, status)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, answer.body, answer.content_type, named)
