"""One event in one line of plain words: for logs, for a pipe, and for the list at the end of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.run import Event
from mobius.report.words import counted, duration, milliseconds, printable, size


def told(event: Event) -> str:
    """The event's own message where the flow wrote one, otherwise its kind with what its data says."""
    return printable(event.message) or printable(told_from_data(event.kind, event.data))


def told_from_data(kind: str, data: Mapping[str, Any]) -> str:
    """The same sentence the data would give, whatever the kind; unknown kinds give their name."""
    match kind:
        case "run queued":
            return f"queued: {data.get('tag', '')} (release {data.get('release_id', '')})"
        case "step begun":
            return f"{data.get('phase', '')}: {data.get('title', '')}"
        case "step done":
            return f"{data.get('phase', '')}: {data.get('title', '')}, done in {_seconds(data)}"
        case "step failed":
            return f"{data.get('phase', '')}: {data.get('title', '')}, failed: {data.get('reason', '')}"
        case "step observed":
            return f"looked at {data.get('step', '')}: {data.get('answer', '')}"
        case "gate":
            return f"gate {data.get('name', '')}: {data.get('outcome', '')} {data.get('message', '')}"
        case "smoke":
            return f"smoke tests {data.get('when', '')}: {smoke_words(data)}"
        case "backup":
            return f"backup {data.get('name', '')}, {size(int(data.get('size_bytes') or 0))}"
        case "rehearsed":
            return boot_words(f"restored in a scratch place in {_seconds(data, 'restore_s')}", data)
        case "switched":
            return (
                f"traffic moved from {data.get('from') or 'nothing'} to {data.get('to', '')}{_switch(data)}"
            )
        case "drained":
            cut = int(data.get("cut") or 0)
            return f"slot {data.get('slot', '')} drained" + (
                f", {counted(cut, 'request')} cut" if cut else ""
            )
        case "window opened":
            return f"window opened, policy {data.get('policy', '')}, every {_seconds(data, 'interval_s')}"
        case "blind":
            return f"could not measure for {_seconds(data)}"
        case "verdict":
            return f"verdict {data.get('outcome', '')}: {data.get('sentence', '')}"
        case "rollback begun":
            return f"going back, {data.get('way', '')}, to {data.get('to', '')}: {data.get('because', '')}"
        case "traffic back":
            return f"all traffic is back after {_seconds(data)}"
        case "rolled back":
            return f"rolled back to {data.get('to', '')} in {_seconds(data)}"
        case "accepted" | "superseded":
            return f"{kind} by {data.get('by', '')}"
        case "so far" | "page" | "run ended":
            return str(data.get("sentence") or kind)
        case _:
            return kind


def title_of(event: Event) -> str:
    """The title of the step that a step event tells of."""
    return printable(str(event.data.get("title") or event.message))


def seconds_of(event: Event, begun_at: float) -> float:
    """How long the step took: as it says, or from when it was seen to begin."""
    said = event.data.get("seconds", event.data.get("took_s"))
    return float(said) if said is not None else max(0.0, event.at - begun_at)


def reason_of(event: Event, title: str) -> str:
    """Why the step failed, without its title in front."""
    return printable(str(event.data.get("reason") or event.message.removeprefix(f"{title}: ")))


def smoke_words(data: Mapping[str, Any]) -> str:
    """ "5 of 6 passed; health: FAIL [status == 200] was 503" """
    results = [one for one in data.get("results") or () if isinstance(one, Mapping)]
    bad = [one for one in results if one.get("outcome") != "PASS"]
    said = f"{len(results) - len(bad)} of {len(results)} passed"
    return "; ".join([said, *(f"{b.get('name')}: {b.get('outcome')} {b.get('message', '')}" for b in bad)])


def boot_words(restored: str, data: Mapping[str, Any]) -> str:
    """How the boot of a rehearsal went, after the words for its restore; nothing where none was asked for."""
    if data.get("failed"):
        return f"{restored}, its release does NOT run on it: {data['failed']}"
    if data.get("booted"):
        return f"{restored}, its release booted on it, back in {_seconds(data, 'rto_s')}"
    if data.get("asked_to_boot"):
        return f"{restored}, NOT PROVEN that its release runs on it: {data.get('not_proven', '')}"
    return restored


def _switch(data: Mapping[str, Any]) -> str:
    took = f" in {milliseconds(float(data['took_ms']))}" if data.get("took_ms") is not None else ""
    failed = (
        f", {counted(int(data['failed_requests']), 'failed request')}" if "failed_requests" in data else ""
    )
    return took + failed


def _seconds(data: Mapping[str, Any], key: str = "seconds") -> str:
    return duration(float(data.get(key) or 0))
