"""The settings of a fleet: its hosts, and how many of them change at once."""

from __future__ import annotations

from typing import Any

from mobius.config.kinds import Duration, Number, Text
from mobius.config.mistakes import Mistakes, Place
from mobius.config.shapes import ListOf
from mobius.config.table import Field, Rows, Section, with_defaults_of
from mobius.config.tree import Node, Tree, at
from mobius.model.fleet import FleetSettings, HostSettings

_USER = r"([A-Za-z0-9_][A-Za-z0-9_.+-]*@)?"
_HOST = r"([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])"
HIGHEST_PORT = 65_535

HOSTS = Rows(
    "host",
    with_defaults_of(
        HostSettings,
        Field(
            "name",
            Text("a name of a-z, 0-9 and -, at most 40", r"[a-z0-9][a-z0-9-]{0,39}"),
            "The name, unlike any other's.",
            required=True,
        ),
        Field(
            "address",
            Text('what ssh is given, such as "deploy@web1"', _USER + _HOST),
            "What ssh is given; what it needs besides belongs into ~/.ssh/config.",
            required=True,
        ),
        Field(
            "port",
            Number(1024, HIGHEST_PORT - 1, whole=True),
            "The first port of its web processes; each has two, one a slot.",
            required=True,
        ),
        Field(
            "reached_at",
            Text("a host name or an address", r"[A-Za-z0-9_.:-]+", empty=True),
            "Where its web processes are reached, from here and from HAProxy.",
            default_words="the host of `address`",
        ),
        Field(
            "roles",
            ListOf(Text("a process's name or kind"), 'a list, such as ["web", "jobs"]'),
            "Which processes run there, by name or kind.",
            default_words="every web process, and nothing else",
        ),
    ),
    'The hosts of `target = "ssh"`.',
)

FLEET = Section(
    "fleet",
    with_defaults_of(
        FleetSettings,
        Field(
            "max_parallel",
            Number(1, 1000, whole=True),
            "So many hosts change at once; a way back moves traffic on all of them at once.",
        ),
        Field("pause", Duration(), "Between such batches, when a deployment moves traffic."),
        Field(
            "failure_budget",
            Number(0, 1000, whole=True),
            "So many hosts may be lost or fail while a deployment goes on without them.",
        ),
        Field(
            "canary_hosts",
            Number(0, 999, whole=True),
            "So many get the new release first, and the others once it is no worse than theirs; 0: none.",
        ),
        Field(
            "root",
            Text("a folder", r"[~/A-Za-z0-9_.][~/A-Za-z0-9_. +@-]*", empty=True),
            "The folder on every host.",
            default_words="`mobius/<service>-<environment>` in the home folder",
        ),
        Field(
            "python",
            Text("a program's name or path", r"[A-Za-z0-9_./+-]+"),
            "Python 3.8 or newer on the hosts.",
        ),
        Field("timeout", Duration(), "A host that does not answer for so long is lost."),
    ),
    "How a fleet changes: in batches, and how many hosts may fail.",
)


def check_fleet(values: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """What each value alone cannot tell: that a fleet has hosts, and what it needs besides them."""
    target, hosts = at(tree, "target"), tree.get("host")
    if values["target"] != "ssh":
        if isinstance(hosts, list) and hosts and isinstance(place := _place(hosts), Place):
            mistakes.add(place, 'means nothing without target = "ssh"')
        return
    where = target.place if target else Place("target", "", 0)
    first = at(tree, "fleet", "canary_hosts")
    if first and isinstance(hosts, list) and values["fleet"]["canary_hosts"] >= max(1, len(hosts)):
        mistakes.add(first.place, f"must leave a host with the release before: there are {len(hosts)}")
    if first and values["fleet"]["canary_hosts"] and values["canary"]["stages"]:
        mistakes.add(first.place, "and canary.stages exclude each other: leave one of them out")
    if not isinstance(hosts, list) or not hosts:
        mistakes.add(where, '"ssh" needs at least one [[host]] with name, address and port')
    if values["traffic"]["kind"] != "haproxy":
        mistakes.add(where, '"ssh" needs [traffic] kind = "haproxy", which sends requests to the hosts')
    if (hold := at(tree, "migrations", "hold")) and hold.value:
        mistakes.add(
            hold.place, 'cannot be had with target = "ssh" yet: expected migrations that need no hold'
        )
    _check_two_of_the_same(values["host"], hosts, mistakes)


def _place(hosts: Node) -> Place | None:
    for row in hosts if isinstance(hosts, list) else ():
        name = at(row, "name")
        if name is not None:
            return name.place
    return None


def _check_two_of_the_same(rows: list[dict[str, Any]], hosts: Node | None, mistakes: Mistakes) -> None:
    """Two hosts with one place for their processes, or one folder there, would be one host that counts twice."""
    known: dict[tuple[str, int], str] = {}
    there: dict[str, str] = {}
    for row, said in zip(rows, hosts if isinstance(hosts, list) else (), strict=False):
        if not (row["name"] and row["address"] and row["port"]):
            continue  # what is wrong with it is said already
        key = (row["reached_at"] or row["address"].rpartition("@")[2], row["port"])
        port = at(said, "port")
        if key in known and port is not None:
            mistakes.add(port.place, f"is the port of {known[key]} on the same host, expected one of its own")
        known.setdefault(key, row["name"])
        address = at(said, "address")
        if row["address"] in there and address is not None:
            mistakes.add(
                address.place,
                f"is that of {there[row['address']]}, expected one of its own: they would share a folder",
            )
        there.setdefault(row["address"], row["name"])
