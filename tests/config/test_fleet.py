"""What a fleet's hosts may not be: one of them twice, under whichever name."""

from __future__ import annotations

import pytest

from mobius.errors import ConfigurationError

from .conftest import Loads

HAPROXY = '[traffic]\nkind = "haproxy"\n'


def fleet(*hosts: tuple[str, str, int, str], more: str = "") -> str:
    """Of production, from name, address, port and what else a host says."""
    rows = [
        f'[[environments.production.host]]\nname = "{name}"\naddress = "{address}"\nport = {port}\n{other}'
        for name, address, port, other in hosts
    ]
    return 'target = "ssh"\n' + "\n".join(rows) + more


def mistakes(loads: Loads, written: str) -> str:
    with pytest.raises(ConfigurationError) as wrong:
        loads(HAPROXY, written)
    return "\n".join([wrong.value.message, *wrong.value.details])


def test_hosts_with_addresses_of_their_own_are_taken(loads: Loads) -> None:
    settings = loads(HAPROXY, fleet(("web1", "deploy@web1", 8001, ""), ("web2", "deploy@web2", 8001, "")))
    assert [host.name for host in settings.environment("production").hosts] == ["web1", "web2"]


def test_a_name_stands_for_one_host(loads: Loads) -> None:
    said = mistakes(loads, fleet(("web1", "deploy@web1", 8001, ""), ("web1", "deploy@web2", 8001, "")))
    assert '"web1" is the name of environments.production.host[1]' in said


def test_an_address_stands_for_one_host_whatever_its_port(loads: Loads) -> None:
    said = mistakes(loads, fleet(("web1", "deploy@web1", 8001, ""), ("web2", "deploy@web1", 9001, "")))
    assert "is that of web1, expected one of its own: they would share a folder" in said


def test_two_users_of_one_machine_have_ports_of_their_own(loads: Loads) -> None:
    said = mistakes(loads, fleet(("web1", "anna@web1", 8001, ""), ("web2", "ben@web1", 8001, "")))
    assert "is the port of web1 on the same host" in said
    loads(HAPROXY, fleet(("web1", "anna@web1", 8001, ""), ("web2", "ben@web1", 9001, "")))


@pytest.mark.parametrize(
    "address", ["-oProxyCommand=sh", "deploy@-x", "a b", "web1;reboot", "", "deploy@web1:22"]
)
def test_an_address_that_ssh_would_take_for_something_else_is_refused(loads: Loads, address: str) -> None:
    assert "address" in mistakes(loads, fleet(("web1", address, 8001, "")))


def test_a_fleet_without_hosts_is_refused(loads: Loads) -> None:
    assert "needs at least one [[host]]" in mistakes(loads, 'target = "ssh"\n')


@pytest.mark.parametrize("port", ["0", "65535", '"8001"', "8001.5", "true"])
def test_a_port_that_leaves_no_room_for_both_slots_is_refused(loads: Loads, port: str) -> None:
    written = fleet(("web1", "deploy@web1", 8001, "")).replace("port = 8001", f"port = {port}")
    assert "port" in mistakes(loads, written)


@pytest.mark.parametrize("left_out", ["name", "address", "port"])
def test_a_host_that_lacks_something_is_told_what(loads: Loads, left_out: str) -> None:
    written = fleet(("web1", "deploy@web1", 8001, ""), ("web2", "deploy@web2", 8001, ""))
    lines = written.splitlines()
    lines.remove(next(line for line in lines if line.startswith(f"{left_out} =")))
    assert left_out in mistakes(loads, "\n".join(lines))
