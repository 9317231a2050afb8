"""Questions and their answers: the status, the pages, the secrets that stay, and nothing that is ever a 500."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from string import printable as plain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobius.errors import MobiusError
from mobius.report.status import status_json
from mobius.web.exchange import Request
from mobius.web.looking import Looker
from mobius.web.site import PAGES, Site
from web.looking_at import LOCAL, Asked, exchange, live_world, served, with_open_window
from world import Script, World


def test_the_status_is_that_of_the_command() -> None:
    world = live_world()
    asked = Asked(world)
    told = asked.json("/api/v1/status")
    from mobius.flows.status import status

    expected = json.loads(json.dumps(status_json(status(world.ports)), default=str))
    assert told == expected


def test_it_is_there() -> None:
    assert Asked(World()).json("/healthz") == {"status": "OK"}


@pytest.mark.parametrize("path", PAGES)
def test_what_only_reads_refuses_to_be_told_to_write(path: str) -> None:
    for method in (
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "TRACE",
        *(["POST"] if "verdict" not in path else []),
    ):
        answer = Asked(live_world()).get(path, method=method)
        assert answer.status == 405
        assert dict(answer.headers)["Allow"].startswith("GET, HEAD")


def test_elsewhere_there_is_nothing_but_a_signpost() -> None:
    answer = Asked(live_world()).get("/metrics/")
    assert (answer.status, json.loads(answer.body)) == (
        404,
        {
            "schema_version": 1,
            "error": "there is nothing here",
            "hint": "there are /, /metrics, /api/v1/verdict, /api/v1/status, /healthz and /runs/N",
        },
    )


def test_the_page_says_what_is_live_and_how_to_go_back() -> None:
    world = live_world()
    world.deploy("v2")
    page = Asked(world).page()
    assert "<h1>v2 is live</h1>" in page
    assert re.search(r"<dt>way back</dt><dd[^>]*>code alone, ", page)
    assert "<code>mobius rollback -e production</code>" in page
    assert 'href="runs/2"' in page and 'http-equiv="refresh" content="30"' in page
    assert "<script" not in page


def test_the_page_of_an_open_window_shows_it_and_comes_again_soon() -> None:
    world = live_world()
    with_open_window(world, "v2", looks=4)
    page = Asked(world).page()
    assert "being watched" in page and "so far so good" in page
    assert page.count("<svg") >= 2
    assert 'http-equiv="refresh" content="5"' in page


def test_before_anything_was_deployed_the_page_says_what_to_do() -> None:
    page = Asked(World()).page()
    assert "<h1>Nothing is live yet</h1>" in page
    assert "mobius deploy -e production --tag TAG" in page


def test_every_run_has_its_report() -> None:
    world = live_world()
    world.scripts["v2"] = Script(bad_after=1)
    world.deploy("v2")
    asked = Asked(world)
    assert "v2 was taken back; v1 is live in production" in asked.page("/runs/2")
    assert asked.get("/runs/99").status == 404
    assert asked.get("/runs/0x2").status == 404


def test_what_others_wrote_cannot_draw_on_the_page() -> None:
    world = live_world()
    with_open_window(world, "v2")
    world.journal.move(
        world.journal.runs("production")[0],
        world.journal.runs("production")[0].state,
        _note(),
        now=world.clock.now(),
        sentence="<script>alert(1)</script>\x1b[31m",
    )
    page = Asked(world).page()
    assert "<script" not in page and "\x1b" not in page


def test_no_answer_has_a_secret() -> None:
    world = live_world()
    secret = "hunter2-hunter2"
    world.settings = replace(world.settings, url=f"https://ann:{secret}@dhash.example")
    with_open_window(world, "v2")
    site = Site(
        Looker(replace(world.ports, redact=lambda text: text.replace(secret, "«redacted»"))),
        LOCAL,
        "1",
        print,
    )
    for path in (*PAGES, "/runs/1", "/runs/2"):
        answer = site.answer(Request("GET", path, host="localhost"))
        assert answer.status == 200
        assert secret.encode() not in answer.body, path


def test_what_cannot_be_seen_is_said_with_the_next_step() -> None:
    world = live_world()

    def broken(*_: object, **__: object) -> tuple[()]:
        raise MobiusError("the journal is damaged", "mobius audit verify")

    world.journal.runs = broken  # type: ignore[method-assign,assignment]
    answer = Asked(world).get("/api/v1/verdict")
    assert (answer.status, json.loads(answer.body)["hint"]) == (503, "mobius audit verify")
    assert Asked(world).get("/healthz").status == 200


def test_what_nobody_foresaw_is_said_once_and_shown_to_nobody() -> None:
    world = live_world()
    asked = Asked(world)

    def broken(*_: object, **__: object) -> Any:
        raise ZeroDivisionError("inside: hunter2")

    asked.site.looker.status = broken  # type: ignore[assignment]
    for _ in range(3):
        answer = asked.get("/api/v1/status")
        assert answer.status == 500
        assert b"hunter2" not in answer.body and b"Zero" not in answer.body
    assert asked.said == ["the web page failed at '/api/v1/status': ZeroDivisionError('inside: hunter2')"]


def test_looking_changes_nothing() -> None:
    world = live_world()
    with_open_window(world, "v2")
    asked, before = Asked(world), len(world.journal.events(environment="production"))
    world.effects.clear()
    for path in (*PAGES, "/runs/1"):
        asked.get(path)
    asked.get("/api/v1/verdict", method="POST", body=b"{}")
    assert [effect for effect in world.effects if not effect.startswith("checks.")] == []
    assert len(world.journal.events(environment="production")) == before


WORLD = live_world()
with_open_window(WORLD, "v2")
SITE = Asked(WORLD)
paths = st.one_of(
    st.sampled_from([*PAGES, "/runs/1", "/runs/2", "/runs/3", "/runs/999999999"]),
    st.text(max_size=60).map(lambda text: f"/{text}"),
    st.integers(0, 10**12).map(lambda number: f"/runs/{number}"),
)
words = st.text(max_size=40)
queries = st.dictionaries(
    st.one_of(words, st.sampled_from(["environment", "release", "require"])), words, max_size=5
)
bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), words),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.one_of(words, st.sampled_from(["metadata", "release"])), inner, max_size=3),
        ),
        max_leaves=8,
    ).map(lambda told: json.dumps(told).encode("utf-8", "surrogatepass")),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["GET", "HEAD", "POST", "PUT", "X"]), paths, queries, words, words, words, bodies)
def test_no_question_is_one_too_many(
    method: str, path: str, query: dict[str, str], host: str, authorization: str, accept: str, body: bytes
) -> None:
    for name in (host, "localhost"):
        answer = SITE.site.answer(Request(method, path, query, name, authorization, accept, body))
        assert answer.status in (200, 400, 404, 405, 409, 421), (answer, SITE.said)
    assert SITE.said == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]),
    st.text(plain, max_size=60),
    st.lists(st.tuples(st.text(plain, max_size=20), st.text(plain, max_size=40)), max_size=5),
    st.binary(max_size=60),
)
def test_no_bytes_are_ever_answered_with_a_failure_of_ours(
    method: str, target: str, headers: list[tuple[str, str]], rest: bytes
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    sent = f"{method} /{target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode() + rest
    got = exchange(
        PORT, sent + b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]
    assert statuses and not [status for status in statuses if status >= 500], got
    assert SITE.said == []


PORT = 0


@pytest.fixture(autouse=True, scope="module")
def _a_port() -> Any:
    global PORT
    from mobius.web.server import Limits

    with served(SITE.site.answer, Limits(head_s=1.0, idle_s=1.0, body_s=0.5)) as PORT:
        yield


def _note() -> Any:
    from mobius.ports import Note

    return Note("so far", "<script>")
