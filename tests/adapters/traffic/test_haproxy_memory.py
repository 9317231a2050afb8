"""HAProxy in memory says of its servers what the real one says, whatever it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.traffic.haproxies import WHY_NOT, Haproxy
from free_ports import free_port
from mobius.adapters.traffic.haproxy_memory import MemoryHaproxy, MemoryServer
from mobius.adapters.traffic.haproxy_reading import read_servers, read_statistics
from mobius.model.fleet import HostSettings
from mobius.model.settings import EnvironmentSettings, ProcessSettings, TrafficSettings

READ = (("show", "servers", "state", "shop"), ("show", "stat", "shop", "6", "-1"))
TOLD = (
    ("show", "cli", "level"),
    ("show", "servers", "state", "nobody"),
    ("set", "server", "shop/blue-web1", "weight", "100"),
    ("set", "server", "shop/blue-web1", "state", "ready"),
    ("set", "server", "shop/blue-web1", "weight", "257"),
    ("set", "server", "shop/blue-web1", "state", "up"),
    ("set", "server", "shop/blue-web2", "state", "ready"),
    ("set", "server", "shop/blue-web2", "state", "drain"),
    ("set", "server", "shop/green-web2", "state", "ready"),
    ("set", "server", "shop/green-web2", "weight", "0"),
    ("set", "server", "shop/green-web2", "state", "maint"),
    ("set", "server", "shop/red-web1", "state", "ready"),
    ("set", "server", "nobody/blue-web1", "state", "ready"),
    ("shutdown", "sessions", "server", "shop/blue-web1"),
    ("shutdown", "sessions", "server", "shop/red-web1"),
    ("shutdown", "sessions", "server", "nobody/blue-web1"),
)


@pytest.fixture
def settings(tmp_path: Path) -> EnvironmentSettings:
    return EnvironmentSettings(
        "production",
        "http://127.0.0.1:18081",
        tmp_path / "root",
        listen=f"127.0.0.1:{free_port()}",
        target="ssh",
        processes=(ProcessSettings("web", ("serve",)),),
        hosts=(HostSettings("web1", "127.0.0.1", 9000), HostSettings("web2", "127.0.0.1", 9002)),
        traffic=TrafficSettings("haproxy", socket=tmp_path / "admin.sock", config=tmp_path / "haproxy.cfg"),
    )


@pytest.fixture
def real(tmp_path: Path, settings: EnvironmentSettings) -> Iterator[Haproxy]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    made = Haproxy(tmp_path, "shop", settings)
    made.write(made.config.read_text().replace(" check inter 1s fall 3", ""))  # nobody is there to be checked
    with made:
        yield made


def test_it_says_what_a_real_one_says_whatever_it_is_told(
    real: Haproxy, settings: EnvironmentSettings
) -> None:
    memory = MemoryHaproxy("shop", real.place.servers)
    for command in TOLD:
        state, stat = real.api.ask(*READ)
        own_state, own_stat = memory.ask(*READ)
        servers, own = read_servers(state, "shop"), read_servers(own_state, "shop")
        assert [(s.name, s.is_ready, s.is_up, s.weight) for s in own.values()] == [
            (s.name, s.is_ready, s.is_up, s.weight) for s in servers.values()
        ], f"before {command}"
        assert read_statistics(own_stat, "shop") == read_statistics(stat, "shop")
        assert [line.strip() for line in memory.ask(command)] == [
            line.strip() for line in real.api.ask(command)
        ]


def test_what_it_counted_is_told_and_a_server_that_is_down_gets_nothing() -> None:
    memory = MemoryHaproxy("shop", ["blue-web1", "green-web1"])
    memory.servers["blue-web1"] = MemoryServer(admin=0, requests=7, failed_5xx=2, in_flight=3)
    row = read_statistics(memory.ask(READ[1])[0], "shop")
    assert (row["blue-web1"].count.requests, row["blue-web1"].count.errors) == (7, 2)
    assert row["blue-web1"].in_flight == 3
    assert row["BACKEND"].count.requests == 7
    memory.ask(("shutdown", "sessions", "server", "shop/blue-web1"))
    assert memory.servers["blue-web1"].in_flight == 0
    memory.servers["blue-web1"].is_down = True
    assert memory.servers["blue-web1"].share == 0
