"""How telling people stands, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mobius.report.words import ago, clock, counted, duration, printable, shortened


def standing_lines(now: Mapping[str, Any], at: float) -> Iterator[str]:
    """Channels, then what waits or is dead, then the alerts that nobody acknowledged."""
    if not now["channels"]:
        yield f"{now['environment']} has no channel: nobody is told of anything"
        if now["without_channel"]:
            yield f"{counted(now['without_channel'], 'message')} would have been sent"
    for channel in now["channels"]:
        yield f"{channel['name']} ({channel['kind']}): {_channel(channel, at)}"
    for message in now["messages"]:
        yield f"  {message['id']:>5}  {_message(message, at)}"
    for alert in now["open_alerts"]:
        words = shortened(printable(alert["message"]), 160)
        yield f"open alert {alert['id']} ({ago(alert['at'], at)}): {words}"
        if alert["asked"]:
            yield f"    asked: {printable(alert['asked'][-1])}"


def _channel(channel: Mapping[str, Any], at: float) -> str:
    parts = [f"{channel[state]:,} {state}" for state in ("waiting", "dead") if channel[state]]
    parts = parts or ["nothing waits"]
    if channel["last_sent_at"]:
        parts.append(f"the last one went out {ago(channel['last_sent_at'], at)}")
    if channel["missing"]:
        parts.append(f"cannot send from here: {channel['missing']}")
    if channel["failures"] and channel["waiting"]:
        when = f", again in {duration(channel['next_at'] - at)}" if channel["next_at"] else ", again now"
        parts.append(
            f"{counted(channel['failures'], 'failure')} in a row ({printable(channel['error'])}){when}"
        )
    return "; ".join(parts)


def _message(message: Mapping[str, Any], at: float) -> str:
    words = shortened(printable(message["message"]), 100)
    told = f"{clock(message['created_at'], at)}  {message['channel']:<12} {message['topic']:<15} {message['state']:<8}"
    why = printable(message["error"] or message["answer"])
    tries = f"  ({counted(message['attempts'], 'attempt')}: {why})" if why else ""
    return f"{told} {words}{tries}"
