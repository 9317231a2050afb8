"""`mobius freeze`: for a while, nothing new begins; going back always does."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import UsageError

if TYPE_CHECKING:
    from mobius.model.status import FreezeNow


@click.command("freeze")
@environment_option
@click.option(
    "--until", metavar="TIME", help="08:00, 2026-12-24, or 2026-12-24T08:00; default: until lifted."
)
@click.option("--for", "for_", metavar="DURATION", help="2h, 30m, 1h30m.")
@click.option("--reason", metavar="TEXT", help="Why: whoever is stopped by it reads this.")
@click.option("--lift", is_flag=True, help="End the freeze.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    until: str | None,
    for_: str | None,
    reason: str | None,
    lift: bool,
    as_json: bool,
) -> int:
    """Let no deployment and no restart begin: they are refused with exit 3. Without options: say whether it is so.

    rollback, abort, accept and resume always go. `mobius deploy --despite-freeze REASON` goes too, and is recorded.
    """
    the_app = app(ctx)
    name = the_app.environment(environment).name
    if lift and (until or for_ or reason):
        raise UsageError("--lift ends a freeze: it goes with nothing else", f"mobius freeze -e {name} --lift")
    if lift:
        before = the_app.lift_freeze(name)
        _say(
            name,
            "not frozen" if before is None else f"not frozen any more; it was {_words(before)}",
            None,
            as_json,
        )
        return 0
    if until is None and for_ is None and reason is None:
        now = the_app.frozen(name)
        _say(name, "not frozen" if now is None else f"frozen {_words(now)}", now, as_json)
        return 0
    before = the_app.freeze(name, until=_end(until, for_, time.time()), reason=reason or "")
    now = the_app.frozen(name)
    told = f"frozen {_words(now)}" if now else "frozen"
    _say(name, told + (f"; before, it was {_words(before)}" if before else ""), now, as_json)
    next_step(f"end it: mobius freeze -e {name} --lift", quiet=as_json)
    return 0


def reason_of(despite: str | None) -> str:
    """The reason of `--despite-freeze`, "" where it was not given. Raises `UsageError` for an empty one."""
    if despite is not None and not despite.strip():
        raise UsageError("--despite-freeze without a reason", "say why it cannot wait: it is recorded")
    return (despite or "").strip()


def moment_of(words: str, now: float) -> float:
    """Unix seconds of `2026-12-24`, any other ISO 8601 with or without a zone (then that of this machine), or
    `08:00`: the next one to come. Raises `UsageError` for anything else."""
    from datetime import datetime, timedelta
    from datetime import time as time_of_day

    here = datetime.fromtimestamp(now)
    try:
        if len(words) == 5 and words[2] == ":":
            at = datetime.combine(here.date(), time_of_day.fromisoformat(words))
            return (at if at > here else at + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(words).timestamp()
    except (ValueError, OverflowError, OSError) as problem:
        raise UsageError(
            f'"{words}" is not a moment', "such as 08:00, 2026-12-24 or 2026-12-24T08:00"
        ) from problem


def _end(until: str | None, for_: str | None, now: float) -> float:
    if until is not None and for_ is not None:
        raise UsageError("--until and --for say the same", "give one of them")
    if until is not None:
        return moment_of(until, now)
    return now + seconds_of(for_) if for_ is not None else 0.0


def seconds_of(words: str) -> float:
    """Of "30m" or "1h30m". Raises `UsageError` for anything that is no duration."""
    from mobius.config.kinds import Duration, WrongError

    try:
        return Duration().read_text(words)
    except WrongError as problem:
        raise UsageError(f'"{words}" is not a duration', "such as 2h, 30m or 1h30m") from problem


def _words(freeze: FreezeNow) -> str:
    from mobius.report.freezing import freeze_words

    return freeze_words(freeze, time.time())


def _say(name: str, words: str, freeze: FreezeNow | None, as_json: bool) -> None:
    if as_json:
        told = {"schema_version": 1, "event": "freeze", "environment": name}
        click.echo(json.dumps({**told, "freeze": asdict(freeze) if freeze else None, "message": words}))
    else:
        click.echo(f"{name}: {words}")
