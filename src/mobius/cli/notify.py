"""`mobius notify`: who was told of what, who was not, and whether it would work."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import GateUnknown, UsageError

if TYPE_CHECKING:
    from mobius.wiring import App


NO_CHANNEL = "name one under [[notify.channel]] in mobius.toml: see NOTIFICATION_TEMPLATES.md"


@click.group("notify")
def command() -> None:
    """Tell people, and see who was told."""


@command.command("test")
@click.argument("channel", required=False)
@environment_option
@click.option("--topic", metavar="TOPIC", help="Only this message; default: one of each that it takes.")
@json_option
@click.pass_context
def test(
    ctx: click.Context, channel: str | None, environment: str | None, topic: str | None, as_json: bool
) -> int:
    """Send one of each message through CHANNEL (default: every one), and show what the receiver answered.

    Exit 4 when a receiver did not confirm.
    """
    from mobius.wiring.trying import samples

    the_app = app(ctx)
    name = the_app.environment(environment).name
    tried = []
    for one in samples(the_app, name, channel=channel, topic=topic):
        tried.append(one)
        if not as_json:
            mark = "sent" if one["sent"] else "NOT SENT"
            click.echo(f"{one['channel']}: {one['topic']}: {mark}: {one['answer']}")
    if as_json:
        _print({"event": "notify test", "environment": name, "messages": tried})
    if not tried:
        raise UsageError(
            f"{channel or 'no channel'} takes no message of {name}",
            "look at its environments, severity and topics: mobius config show",
        )
    failed = sorted({one["channel"] for one in tried if not one["sent"]})
    if failed:
        raise GateUnknown(
            f"not every message arrived: {', '.join(failed)}",
            f"mobius notify check -e {name}; then try again",
        )
    next_step(f"how messages stand: mobius notify status -e {name}", quiet=as_json)
    return 0


@command.command("status")
@environment_option
@click.option("--all", "with_sent", is_flag=True, help="With what was sent in the last week.")
@json_option
@click.pass_context
def status(ctx: click.Context, environment: str | None, with_sent: bool, as_json: bool) -> int:
    """Show what waits, what failed and why, when it is tried next, and which alerts nobody acknowledged."""
    from mobius.flows.notify.standing import standing
    from mobius.report.notices.standing import standing_lines
    from mobius.wiring.telling import telling_of

    the_app = app(ctx, or_last=True)
    telling = telling_of(the_app, environment, read_only=True)
    now = standing(telling, with_sent=with_sent)
    if as_json:
        _print({"event": "notify status", **now})
    else:
        for line in standing_lines(now, telling.clock.now()):
            click.echo(line)
    next_step(_after_status(now), quiet=as_json)
    return 0


def _after_status(now: dict[str, Any]) -> str:
    e = now["environment"]
    if now["open_alerts"]:
        return f"you see to it: mobius notify ack -e {e} {now['open_alerts'][0]['id']}"
    if any(channel["dead"] for channel in now["channels"]):
        return f"once it is mended: mobius notify retry -e {e} --all"
    return f"try them: mobius notify test -e {e}" if now["channels"] else NO_CHANNEL


@command.command("retry")
@click.argument("ids", nargs=-1, type=int, metavar="[ID]...")
@environment_option
@click.option("--all", "all_", is_flag=True, help="Every dead message.")
@json_option
@click.pass_context
def retry(
    ctx: click.Context, ids: tuple[int, ...], environment: str | None, all_: bool, as_json: bool
) -> int:
    """Send dead messages again, and try every channel at once, with the settings and variables of now."""
    from mobius.wiring.telling import launcher_of, telling_of

    the_app = app(ctx)
    settings = the_app.environment(environment)
    if bool(ids) == all_:
        raise UsageError("which messages?", f"name them, or --all: mobius notify status -e {settings.name}")
    telling = telling_of(the_app, settings.name)
    again = telling.journal.retry(settings.name, None if all_ else ids, now=telling.clock.now())
    if ids and not again:
        raise UsageError(
            f"no dead message of {settings.name} has such a number",
            f"see which there are: mobius notify status -e {settings.name}",
        )
    launcher = launcher_of(the_app.settings, settings, the_app.environ)
    launcher.renew()
    _wait_for_room(lambda: not launcher.lock.holder())
    launcher.wake()
    if as_json:
        _print({"event": "notify retry", "environment": settings.name, "messages": again})
    else:
        click.echo(f"{again} dead message{'' if again == 1 else 's'} sent again; every channel is tried now")
    next_step(f"see what becomes of them: mobius notify status -e {settings.name}", quiet=as_json)
    return 0


def _wait_for_room(is_free: Any, longest_s: float = 20.0) -> None:
    import time

    until = time.monotonic() + longest_s
    while not is_free() and time.monotonic() < until:
        time.sleep(0.1)


@command.command("check")
@environment_option
@json_option
@click.pass_context
def check(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Check channels and templates without sending: secrets that are there, variables that exist (exit 2, or 4)."""
    from mobius.wiring.telling import check_templates, telling_of

    the_app = app(ctx)
    settings = the_app.environment(environment)
    check_templates(the_app.settings)
    lacking = {
        channel.name: missing
        for channel, notifier in telling_of(the_app, settings.name, read_only=True).notifiers
        if (missing := notifier.missing())
    }
    names = [channel.name for channel in settings.notify.channels]
    if as_json:
        told = {"event": "notify check", "environment": settings.name, "channels": names, "missing": lacking}
        _print({**told, "ok": not lacking})
    else:
        for name in names:
            click.echo(f"{name}: {lacking.get(name) or 'has all it needs here'}")
        if not names:
            click.echo(f"{settings.name} has no channel: nobody is told of anything")
    if lacking:
        first = next(iter(lacking.items()))
        raise GateUnknown(
            f"{first[0]} cannot send from here: {first[1]}",
            f"set it, then: mobius notify check -e {settings.name}",
        )
    next_step(
        f"send one of each: mobius notify test -e {settings.name}" if names else NO_CHANNEL, quiet=as_json
    )
    return 0


@command.command("ack")
@click.argument("alert", required=False, type=int, metavar="ID")
@environment_option
@click.option("--all", "all_", is_flag=True, help="Every open alert.")
@click.option("--by", metavar="NAME", default="", help="Who sees to it; default: who you are here.")
@json_option
@click.pass_context
def ack(
    ctx: click.Context, alert: int | None, environment: str | None, all_: bool, by: str, as_json: bool
) -> int:
    """Say that you see to an alert, and to the others of its run: it goes to nobody else.

    A rollback, accept, disarm or abort says so by itself.
    """
    from mobius.flows.notify.acknowledge import acknowledge
    from mobius.wiring.telling import telling_of

    the_app = app(ctx, or_last=True)
    telling = telling_of(the_app, environment)
    if (alert is None) != all_:
        raise UsageError(
            "which alert?", f"its number, or --all: mobius notify status -e {telling.settings.name}"
        )
    done = acknowledge(telling, alert, by=by or the_app._who())
    if as_json:
        ids = [each.id for each in done]
        _print({"event": "notify ack", "environment": telling.settings.name, "alerts": ids})
    else:
        for each in done:
            click.echo(f"alert {each.id} is seen to: {each.message}")
    next_step(f"what can be done: mobius status -e {telling.settings.name}", quiet=as_json)
    return 0


@command.command("announce")
@environment_option
@click.option("--tag", required=True, metavar="TAG", help="What will be deployed.")
@click.option("--at", "when", metavar="TIME", default="", help="When, in your own words.")
@click.option("--note", metavar="TEXT", default="", help="What people should know.")
@json_option
@click.pass_context
def announce(
    ctx: click.Context, environment: str | None, tag: str, when: str, note: str, as_json: bool
) -> int:
    """Tell everybody that a deployment is planned, before it begins."""
    from mobius.flows.notify.acknowledge import announce as announced
    from mobius.wiring.telling import telling_of, waker

    the_app = app(ctx)
    telling = telling_of(the_app, environment)
    content = _content_of(the_app, telling.settings.name, tag)
    words = announced(telling, tag=tag, at=when, note=note, who=the_app._who(), content=content)
    waker(the_app.settings, telling.settings, the_app.environ)()
    name = telling.settings.name
    if as_json:
        _print({"event": "notify announce", "environment": name, "message": words})
    else:
        click.echo(words)
    if not content:
        click.echo(f"there is no {tag} here yet: mobius ready will ask for an announcement of it", err=True)
    next_step(f"see who was told: mobius notify status -e {name} --all", quiet=as_json)
    return 0


def _content_of(the_app: App, environment: str, tag: str) -> str:
    """The commit, or the digest, that the tag is now; "" where there is none to be found."""
    from mobius.errors import MobiusError

    try:
        source = the_app.ports(environment, read_only=True).releases.find(tag)
    except MobiusError:
        return ""
    return source.commit or source.digest


@command.command("send", hidden=True)
@environment_option
@click.pass_context
def send(ctx: click.Context, environment: str | None) -> int:
    """Be the sender until nothing is left to be told; started by whoever writes a message."""
    import signal

    from mobius.wiring.telling import send_all

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    the_app: App = app(ctx, or_last=True)
    send_all(the_app, environment, say=lambda line: click.echo(line, file=sys.stderr))
    return 0


def _print(told: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema_version": 1, **told}, ensure_ascii=False))
