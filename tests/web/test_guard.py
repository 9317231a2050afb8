"""Who is answered: names that were made to lead here are not, and off loopback nobody without the token."""

from __future__ import annotations

import base64

import pytest

from mobius.errors import UsageError
from mobius.web.exchange import Request
from mobius.web.guard import Guard, guard_of

TOKEN = "0123456789abcdef-secret"


def status(guard: Guard, host: str, authorization: str = "", path: str = "/") -> int:
    """200 for whoever is let through."""
    answer = guard.refuses(Request("GET", path, host=host, authorization=authorization))
    return answer.status if answer else 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "localhost",
        "LOCALHOST:9",
        "localhost.:80",
        "[::1]:8080",
        "127.0.0.2",
        "dhash.example.com:443",
    ],
)
def test_on_loopback_its_own_names_and_those_of_hosts_are_answered(host: str) -> None:
    assert status(guard_of("127.0.0.1:8080", ("dhash.example.com",), "", None), host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "",
        "[",
        "::1:8",
    ],
)
def test_a_name_that_was_made_to_lead_here_is_not_answered(host: str) -> None:
    assert status(guard_of("127.0.0.1:8080", ("dhash.example.com",), "", None), host) == 421


def test_off_loopback_an_address_is_answered_and_an_unknown_name_is_not() -> None:
    everywhere = guard_of("0.0.0.0:8080", (), "T", TOKEN)
    one = guard_of("10.1.2.3:8080", (), "T", TOKEN)
    known = f"Bearer {TOKEN}"
    assert [status(everywhere, host, known) for host in ("10.1.2.3", "localhost", "evil.example")] == [
        200,
        200,
        421,
    ]
    assert [status(one, host, known) for host in ("10.1.2.3:8080", "10.9.9.9", "localhost")] == [
        200,
        421,
        421,
    ]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN} ", 200),
        ("Basic " + base64.b64encode(f"ann:{TOKEN}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(TOKEN.encode()).decode(), 401),
        ("Basic ????", 401),
        ("Basic /w==", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Token {TOKEN}", 401),
        ("Bearer \xff", 401),
        ("Bearer", 401),
        ("", 401),
    ],
)
def test_a_token_that_is_set_is_asked_for(authorization: str, expected: int) -> None:
    guard = guard_of("127.0.0.1:8080", (), "T", TOKEN)
    assert status(guard, "localhost", authorization) == expected
    assert status(guard, "localhost", authorization, "/healthz") == 200


def test_a_token_in_the_address_is_none() -> None:
    guard = guard_of("127.0.0.1:8080", (), "T", TOKEN)
    asked = Request("GET", "/", {"token": TOKEN, "access_token": TOKEN}, "localhost")
    answer = guard.refuses(asked)
    assert answer is not None and answer.status == 401
    assert TOKEN.encode() not in answer.body
    assert ("WWW-Authenticate", 'Basic realm="mobius", charset="UTF-8"') in answer.headers


@pytest.mark.parametrize(
    ("listen", "token_env", "token", "told"),
    [
        ("0.0.0.0:8080", "", None, "0.0.0.0:8080 can be reached from elsewhere, and no token is asked for"),
        (":8080", "", None, ":8080 can be reached from elsewhere, and no token is asked for"),
        ("[::]:8080", "", None, "[::]:8080 can be reached from elsewhere, and no token is asked for"),
        (
            "ops.example.com:80",
            "",
            None,
            "ops.example.com:80 can be reached from elsewhere, and no token is asked for",
        ),
        ("127.0.0.1:8080", "T", None, "T is not set, and holds the token of 127.0.0.1:8080"),
        ("10.0.0.1:8080", "T", "", "T is not set, and holds the token of 10.0.0.1:8080"),
        (
            "10.0.0.1:8080",
            "T",
            "short",
            "the token in T can be guessed: it has fewer than 16 plain characters",
        ),
        ("8080", "", None, "nobody can listen on '8080'"),
        ("127.0.0.1:65536", "", None, "nobody can listen on '127.0.0.1:65536'"),
    ],
)
def test_nobody_listens_off_loopback_without_a_good_token(
    listen: str, token_env: str, token: str | None, told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        guard_of(listen, (), token_env, token)
    assert refused.value.message == told
    assert refused.value.hint
