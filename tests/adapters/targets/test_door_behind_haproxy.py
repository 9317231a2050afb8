"""Behind HAProxy the front door has a port of its own on the loopback, and keeps it as long as it can."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from free_ports import free_port
from host.sites import Site, new_site, wait_for
from mobius.adapters.targets.front_door import open_door
from mobius.host import slots
from mobius.model.settings import EnvironmentSettings, TrafficSettings


@pytest.fixture
def site() -> Iterator[Site]:
    yield from new_site()


def behind_haproxy(site: Site) -> EnvironmentSettings:
    return EnvironmentSettings(
        "production",
        f"http://{site.listen}",
        site.root,
        listen=site.listen,
        traffic=TrafficSettings("haproxy"),
    )


def listens_on(site: Site) -> str:
    door = site.client.status().door
    assert door is not None
    return door.listen


def test_the_port_of_the_service_is_left_to_haproxy_and_its_own_is_kept(site: Site) -> None:
    settings = behind_haproxy(site)
    with socket.socket() as haproxy:
        haproxy.bind(("127.0.0.1", site.port))
        haproxy.listen()
        open_door(settings, site.client)
        first = listens_on(site)
        assert first.startswith("127.0.0.1:") and first != site.listen
        open_door(settings, site.client)
        assert listens_on(site) == first


def test_a_front_door_that_had_the_port_of_the_service_gives_it_up(site: Site) -> None:
    settings = behind_haproxy(site)
    open_door(replace(settings, traffic=TrafficSettings("door")), site.client)
    assert listens_on(site) == site.listen
    open_door(settings, site.client)
    assert listens_on(site) != site.listen
    wait_for("HAProxy to be able to have it", lambda: is_free(site.port))


def test_a_port_that_somebody_takes_in_the_last_moment_is_left_to_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as faster:
        free = free_port()
        ports = iter([faster.getsockname()[1], free])
        monkeypatch.setattr(slots, "free_port", lambda used: next(ports))
        open_door(behind_haproxy(site), site.client)
    assert listens_on(site) == f"127.0.0.1:{free}"


def test_a_front_door_on_a_unix_socket_moves_to_a_port(site: Site) -> None:
    site.client.configure_door(f"unix:{site.root}/run/door.sock")
    open_door(behind_haproxy(site), site.client)
    assert listens_on(site).startswith("127.0.0.1:")


def is_free(port: int) -> bool:
    with socket.socket() as haproxy:
        haproxy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as HAProxy does
        try:
            haproxy.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
