"""Where the web page is: on the wanted port or near it, written down while it is true, and never in the way."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from free_ports import free_port
from mobius.adapters.served import Announced, Served, seen, url_of
from mobius.model.settings import ServeSettings
from mobius.model.verdict import Outcome
from mobius.web.doctor import web_check
from mobius.web.face import Face
from mobius.web.listening import listen_near
from web.looking_at import live_world
from world import World

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def port() -> int:
    """A free one, with free ones after it."""
    return free_port(10)


class Begun:
    """The face of a world in a folder; closed at the end."""

    def __init__(
        self, folder: Path, world: World | None = None, environ: dict[str, str] | None = None, **serve: object
    ):
        self.world = world or live_world()
        self.world.settings = replace(self.world.settings, root=folder, serve=ServeSettings(**serve))  # type: ignore[arg-type]
        self.said: list[str] = []
        self.face = Face(self.world.ports, environ or {}, say=self.said.append, version="1.2.3")
        self.face.begin()

    def __enter__(self) -> Begun:
        return self

    def __exit__(self, *_: object) -> None:
        self.face.close()


def test_it_answers_on_the_wanted_port_and_writes_that_down(tmp_path: Path, port: int) -> None:
    with Begun(tmp_path, listen=f"127.0.0.1:{port}") as begun:
        assert begun.said == [f"metrics and the web page: http://127.0.0.1:{port}/"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/verdict", timeout=30) as answer:
            assert json.load(answer)["outcome"] == "PASS"
        served = seen(tmp_path / "run")
        assert served is not None and (served.url, served.pid, served.moved) == (
            begun.face.url,
            os.getpid(),
            False,
        )
        assert web_check(begun.world.settings).message == f"http://127.0.0.1:{port}/"
    assert (seen(tmp_path / "run"), url_of(tmp_path)) == (None, "")


def test_where_the_port_is_taken_it_answers_near_by_and_says_so(tmp_path: Path, port: int) -> None:
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", port)))
        begun = stack.enter_context(Begun(tmp_path, listen=f"127.0.0.1:{port}"))
        served = seen(tmp_path / "run")
        assert served is not None and served.moved
        assert begun.said == [f"metrics and the web page: {served.url} (127.0.0.1:{port} is taken)"]
        assert web_check(begun.world.settings).message == (
            f"warning: {served.url}, because 127.0.0.1:{port} is taken"
        )
        with urllib.request.urlopen(f"{served.url}healthz", timeout=30) as answer:
            assert answer.status == 200


def test_doctor_says_where_it_would_answer(tmp_path: Path, port: int) -> None:
    world = live_world()
    settings = replace(world.settings, root=tmp_path, serve=ServeSettings(listen=f"127.0.0.1:{port}"))
    free = web_check(settings)
    assert free.message == f"mobius serve does not run; it would answer on http://127.0.0.1:{port}/"
    with socket.create_server(("127.0.0.1", port)):
        taken = web_check(settings)
    assert taken.outcome is Outcome.PASS
    assert taken.message.endswith(f"because 127.0.0.1:{port} is taken")


@pytest.mark.parametrize(
    ("listen", "token_env", "why"),
    [
        ("0.0.0.0:1", "", "0.0.0.0:1 can be reached from elsewhere, and no token is asked for"),
        ("127.0.0.1:1", "WEB", "WEB is not set, and holds the token of 127.0.0.1:1"),
        ("192.0.2.1:1", "SHORT", "the token in SHORT can be guessed: it has fewer than 16 plain characters"),
        (
            "192.0.2.1:65000",
            "GOOD",
            "the web page cannot listen on 192.0.2.1:65000: Cannot assign requested address",
        ),
    ],
)
def test_where_it_may_not_listen_nothing_else_suffers(
    tmp_path: Path, listen: str, token_env: str, why: str
) -> None:
    environ = {"SHORT": "abc", "GOOD": TOKEN}
    with Begun(tmp_path, environ=environ, listen=listen, token_env=token_env) as begun:
        assert len(begun.said) == 1 and begun.said[0].startswith(f"no web page: {why}; ")
        check = web_check(begun.world.settings)
        assert (check.outcome, check.message) == (Outcome.FAIL, f"there is none: {why}")
        assert begun.face.url == ""


def test_a_name_that_means_nothing_ends_nothing(tmp_path: Path) -> None:
    for host in ("no.such.host.invalid", "x" * 70, "a..b"):
        environ = {"GOOD": TOKEN}
        with Begun(tmp_path, environ=environ, listen=f"{host}:8080", token_env="GOOD") as begun:
            assert len(begun.said) == 1 and begun.said[0].startswith("no web page: ")


def test_off_loopback_the_token_is_asked_for(tmp_path: Path, port: int) -> None:
    with Begun(tmp_path, environ={"WEB": TOKEN}, listen=f"0.0.0.0:{port}", token_env="WEB"):
        for authorization, status in ((f"Bearer {TOKEN}", 200), ("Bearer guess", 401)):
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/metrics", headers={"Authorization": authorization}
            )
            try:
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    assert answer.status == status
            except urllib.error.HTTPError as refused:
                assert refused.code == status


def test_of_two_that_look_after_one_environment_one_has_the_page(tmp_path: Path, port: int) -> None:
    with (
        Begun(tmp_path, listen=f"127.0.0.1:{port}") as first,
        Begun(tmp_path, listen=f"127.0.0.1:{port}") as second,
    ):
        assert second.said == ["another `mobius serve` looks after this environment, and has the web page"]
        assert url_of(tmp_path) == first.face.url


def test_a_folder_that_cannot_be_written_hides_no_page(tmp_path: Path, port: int) -> None:
    (tmp_path / "run").write_text("a file is in the way")
    with Begun(tmp_path, listen=f"127.0.0.1:{port}") as begun:
        assert begun.said[-2] == f"metrics and the web page: http://127.0.0.1:{port}/"
        assert begun.said[0].startswith("where the web page is cannot be written down: ")
        with urllib.request.urlopen(f"{begun.face.url}healthz", timeout=30) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("left", ["", "{", "[]", '{"url": 1}', "\x00"])
def test_what_was_left_behind_is_nothing(tmp_path: Path, left: str) -> None:
    announced = Announced(tmp_path)
    assert announced.begin()
    announced.say(Served("http://127.0.0.1:1/", "127.0.0.1:1", "127.0.0.1:1", 1, 1.0))
    (tmp_path / "serve.json").write_text(left)
    assert seen(tmp_path) is None
    announced.give_up()
    assert seen(tmp_path) is None


def test_ipv6_is_written_with_brackets() -> None:
    try:
        found = listen_near("[::1]:0")
    except Exception:
        pytest.skip("no IPv6 here")
    assert found.url.startswith("http://[::1]:")
    found.socket.close()
