"""What nginx and Caddy are told: as it is printed, and that nothing hostile gets into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobius.errors import UsageError
from mobius.model.settings import DoorSettings, EnvironmentSettings, TrafficSettings
from mobius.report.snippets.caddy import caddy_snippet
from mobius.report.snippets.live_socket import Static, read_static
from mobius.report.snippets.nginx import nginx_snippet

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path("/srv/dhash/.mobius/production")


def settings(kind: str, **changes: object) -> EnvironmentSettings:
    traffic = TrafficSettings(kind=kind, access_log=Path("/var/log/nginx/dhash.log"))  # type: ignore[arg-type]
    made = EnvironmentSettings("production", "http://127.0.0.1:5001", ROOT, traffic=traffic)
    return replace(made, **changes)  # type: ignore[arg-type]


def printed(kind: str, made: EnvironmentSettings, service: str = "dhash") -> str:
    statics = (Static("/assets", "public/assets"),)
    pieces = (
        nginx_snippet(service, made, statics) if kind == "nginx" else caddy_snippet(service, made, statics)
    )
    return "".join(f"# {piece.name}: {piece.place}\n{piece.text}" for piece in pieces)


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_snippet_is_as_it_was_agreed(kind: str) -> None:
    assert printed(kind, settings(kind)) == (GOLDEN / f"{kind}.snippet").read_text()


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_without_a_log_and_without_a_limit_nothing_is_said_of_them(kind: str) -> None:
    made = settings(kind, traffic=TrafficSettings(kind=kind), door=DoorSettings(body_bytes=0))  # type: ignore[arg-type]
    text = printed(kind, made)
    assert "access_log" not in text and "output file" not in text and "max_size" not in text
    assert ("client_max_body_size 0;" in text) == (kind == "nginx"), (
        "nginx has a limit of its own where none is said"
    )


def test_environments_of_one_service_do_not_share_a_name() -> None:
    staging = replace(settings("nginx"), name="staging")
    assert [piece.name for piece in nginx_snippet("dhash", staging)] == [
        "mobius-dhash-staging-http.conf",
        "mobius-dhash-staging-server.conf",
    ]


HOSTILE = (
    "/srv/a;b", "/srv/a{b", "/srv/a}b", '/srv/a"b', "/srv/a'b", "/srv/a\\b", "/srv/a$b", "/srv/a\nb", "/srv/a\0b",
    "/srv/a#b", "/srv/a:b", "/srv/a`b", "relative", "/srv/a\u202eb", "/srv/é",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_could_mean_something_to_a_proxy_is_refused(kind: str, path: str) -> None:
    with pytest.raises(UsageError, match="cannot be written into a configuration of"):
        printed(kind, settings(kind, root=Path(path)))
    with pytest.raises(UsageError, match="cannot be written into a configuration of"):
        log = TrafficSettings(kind=kind, access_log=Path(path))  # type: ignore[arg-type]
        printed(kind, settings(kind, traffic=log))


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_root_that_no_proxy_can_dial_is_refused(kind: str) -> None:
    with pytest.raises(UsageError, match="is too long for a Unix socket"):
        printed(kind, settings(kind, root=Path("/" + "x" * 100)))
    with pytest.raises(UsageError, match="has a space, which no proxy dials"):
        printed(kind, settings(kind, root=Path("/srv/my service")))


@pytest.mark.parametrize("name", ["", "a;b", "a b", "a{", "../x", "a\n", "$a", "é", "A", "-a"])
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name in a proxy's configuration"):
        nginx_snippet(name, settings("nginx"))


@pytest.mark.parametrize("name", ["a;b", "a b", "a{", "../x", "a\n", "$a", "é"])
def test_a_hostile_environment_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name in a proxy's configuration"):
        nginx_snippet("dhash", replace(settings("nginx"), name=name))


@pytest.mark.parametrize(
    "text",
    ["", "/assets", "assets=public", "/assets=", "/assets=/etc", "/assets=../../etc", "/assets=a/../../etc",
     "/a b=public", "/assets=pub lic", "/assets=a;b", "/a{=b", "/a//b=c", "/assets=a\n", "/$a=b", "/a=$b", "/../a=b\0"],
)  # fmt: skip
def test_files_outside_of_the_release_and_hostile_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an address and a folder of the release"):
        read_static(text)


def test_files_of_the_release_are_given_by_address_and_folder() -> None:
    assert read_static("/assets=public/assets/") == Static("/assets", "public/assets")
    assert read_static("/static/js/=dist") == Static("/static/js", "dist")
