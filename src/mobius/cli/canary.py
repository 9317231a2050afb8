"""`--canary` and `--no-canary`: some requests first, then more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mobius.errors import UsageError
from mobius.model.fleet import OnHosts

Command = TypeVar("Command", bound=Callable[..., Any])


def canary_options(command: Command) -> Command:
    """These options, for a command that plans a deployment."""
    command = click.option(
        "--canary-hosts", type=click.IntRange(1), metavar="N", help="So many hosts of a fleet first."
    )(command)
    command = click.option(
        "--no-canary", is_flag=True, help="All requests at once, whatever the configuration says."
    )(command)
    return click.option(
        "--canary", metavar="1,10,50", help="Percent of requests, stage by stage; 100 always follows."
    )(command)


def stages_of(given: str | None, none: bool, hosts: int | None = None) -> tuple[int, ...] | OnHosts | None:
    """The stages that were asked for, without the last of 100; () for none, None for what the configuration says.
    Raises `UsageError`."""
    if hosts is not None:
        if given is not None or none:
            raise UsageError(
                "--canary-hosts, --canary and --no-canary exclude each other", "leave two of them out"
            )
        return OnHosts(hosts)
    if given is None:
        return () if none else None
    if none:
        raise UsageError("--canary and --no-canary exclude each other", "leave one of them out")
    try:
        percents = [int(part) for part in given.split(",")]
    except ValueError:
        percents = []
    if percents[-1:] == [100]:
        percents.pop()
    rising = all(a < b for a, b in zip([0, *percents], [*percents, 100], strict=True))
    if not percents or not rising:
        raise UsageError(
            f"--canary {given!r} is no list of rising percentages",
            "whole numbers from 1 to 99, for example: --canary 1,10,50",
        )
    return tuple(percents)
