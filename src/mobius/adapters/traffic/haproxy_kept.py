"""What HAProxy forgets and we keep: which release a server's counts are of, and sums over its restarts.

`<root>/run/haproxy.json`, replaced as a whole. Of the weights only HAProxy knows the truth, while it runs; how they
were last seen is kept for the process that comes after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mobius.adapters.traffic.haproxy_commands import Wanted
from mobius.adapters.traffic.haproxy_reading import BACKEND, Count, Row, Server
from mobius.archive.durable import in_words, lock_file, sync_folder
from mobius.errors import MobiusError

SCHEMA_VERSION = 1
SWITCHES_KEPT = 200
RELEASES_KEPT = 50
LOCK_WITHIN_S = 10.0
NOTHING = Count()


@dataclass(frozen=True, slots=True)
class Total:
    """Of one release, over every process of HAProxy that we saw."""

    requests: int = 0
    errors: int = 0

    def with_more(self, added: Count) -> Total:
        """With what was added."""
        return Total(self.requests + added.requests, self.errors + added.errors)


@dataclass(frozen=True, slots=True)
class Kept:
    """`counted` is what `process` had counted when we last looked; `releases` whose counts those are, by slot.

    `left_in`: in which generation a slot without weight lost it. `failed`: requests that failed because of the
    switch, by generation; `failed_before`: those of older ones. `door_failed`: what the front door says of itself.
    `by_server`: of each server, the same as `totals`. `stood`: how each server of ours stood then, which is what a new
    process of HAProxy is held to; a change by hand is in it once it was seen.
    """

    generation: int = 0
    process: str = ""
    counted: Mapping[str, Count] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    totals: Mapping[str, Total] = field(default_factory=dict)
    left_in: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[int, int] = field(default_factory=dict)
    failed_before: int = 0
    has_held: bool = False
    door_failed: int = 0
    by_server: Mapping[str, Mapping[str, Total]] = field(default_factory=dict)
    stood: Mapping[str, Wanted] = field(default_factory=dict)

    def standing(self, servers: Mapping[str, Server], ours: Collection[str]) -> Kept:
        """With how these servers stand."""
        there = {name: server for name, server in servers.items() if name in ours}
        stood = {
            name: Wanted(one.share, one.address, one.port) if one.share else Wanted(0)
            for name, one in there.items()
        }
        return replace(self, stood=stood)

    def seen(self, process: str, rows: Mapping[str, Row], *, forgiven: str = "") -> Kept:
        """With what was added since the last look. A new process began at zero; what the old one counted between our
        last look and its end is lost. What failed on `forgiven` was cut by us, and is counted as that."""
        counted = {name: row.count for name, row in rows.items()}
        if not self.process:
            return replace(self, process=process, counted=counted)
        before = self.counted if process == self.process else {}
        totals, failed = dict(self.totals), dict(self.failed)
        by_server = {server: dict(of) for server, of in self.by_server.items()}
        for slot, release_id in self.releases.items():
            added = counted.get(slot, NOTHING).since(before.get(slot, NOTHING))
            totals[release_id] = totals.get(release_id, Total()).with_more(added)
            there = by_server.setdefault(slot, {})
            there[release_id] = there.get(release_id, Total()).with_more(added)
            if added.not_answered and slot in self.left_in and slot != forgiven:
                failed[self.left_in[slot]] = failed.get(self.left_in[slot], 0) + added.not_answered
        for old in [one for one in totals if one not in self.releases.values()][:-RELEASES_KEPT]:
            del totals[old]
        by_server = {
            server: {release_id: total for release_id, total in of.items() if release_id in totals}
            for server, of in by_server.items()
        }
        return replace(
            self, process=process, counted=counted, totals=totals, failed=failed, by_server=by_server
        )

    def switched(
        self,
        before: Mapping[str, int],
        after: Mapping[str, int],
        releases: Mapping[str, str],
        in_the_gap: int,
    ) -> Kept:
        """One generation on. `in_the_gap`: requests that found no server at all while the switch was carried out."""
        generation = self.generation + 1
        left_in = {slot: since for slot, since in self.left_in.items() if not after.get(slot)}
        for slot, share in before.items():
            if share and not after.get(slot):
                left_in[slot] = generation
        failed = {**self.failed, generation: in_the_gap}
        kept = dict(sorted(failed.items())[-SWITCHES_KEPT:])
        return replace(
            self,
            generation=generation,
            left_in=left_in,
            releases={**self.releases, **{slot: releases[slot] for slot in after if releases.get(slot)}},
            failed=kept,
            failed_before=self.failed_before + sum(failed.values()) - sum(kept.values()),
        )

    def door_told(self, failed: int) -> Kept:
        """With what failed at the front door since it was last asked, blamed on the newest generation."""
        added = max(0, failed - self.door_failed)
        if not added:
            return replace(self, door_failed=failed)
        sums = {**self.failed, self.generation: self.failed.get(self.generation, 0) + added}
        return replace(self, door_failed=failed, failed=sums)

    def failed_since(self, generation: int) -> int:
        """Requests that failed because of switches, from this generation on."""
        older = 0 if generation else self.failed_before
        return older + sum(failed for number, failed in self.failed.items() if number >= generation)


def without_server(before: Mapping[str, Row], after: Mapping[str, Row]) -> int:
    """Requests between two looks that no server was there for: the backend's own count has them, no server's has."""
    added = {
        name: row.count.since(before[name].count).unconnected for name, row in after.items() if name in before
    }
    return max(0, added.pop(BACKEND, 0) - sum(added.values()))


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """One change at a time, whoever makes it. Raises `MobiusError` when another takes too long, or the lock cannot be
    opened."""
    with in_words("HAProxy cannot be told anything", run):
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(run / "haproxy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WITHIN_S
        while not lock_file(file, wait=False):
            if time.monotonic() > deadline:
                raise MobiusError(
                    f"another mobius has been changing HAProxy for more than {LOCK_WITHIN_S:g} s",
                    "mobius status; when it hangs, end it and try again",
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(file)


def load(path: Path) -> Kept:
    """What was kept; nothing where there is none. One that makes no sense is begun anew, with a generation above any
    that it can have had. Raises `MobiusError` for one that may not be read."""
    try:
        with in_words("what is known of HAProxy cannot be read", path.parent):
            text = path.read_bytes()
    except MobiusError as problem:
        if isinstance(problem.__cause__, FileNotFoundError):
            return Kept()
        raise
    try:
        told = json.loads(text)
        if told.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("not of this version")
        return Kept(
            **{
                **told,
                "counted": {name: Count(**count) for name, count in told["counted"].items()},
                "totals": _totals(told["totals"]),
                "by_server": {name: _totals(of) for name, of in told.get("by_server", {}).items()},
                "stood": {name: Wanted(**one) for name, one in told.get("stood", {}).items()},
                "failed": {int(number): failed for number, failed in told["failed"].items()},
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Kept(generation=int(time.time()))


def _totals(told: Mapping[str, Mapping[str, int]]) -> dict[str, Total]:
    return {release_id: Total(**total) for release_id, total in told.items()}


def save(path: Path, kept: Kept) -> None:
    """Writes it. A full disk must not keep anybody from going back, so it is no error when that cannot be done."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **_plain(kept)}, default=_plain)
    with contextlib.suppress(OSError):
        write_whole(path, text, 0o600, durable=False)


def _plain(one: Any) -> dict[str, Any]:
    """Its fields as they are, where `asdict` would copy thousands of counts that nobody changes."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def write_whole(path: Path, text: str, mode: int, *, durable: bool) -> None:
    """Replaces the file: the old or the new text is there, never a part. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("w") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)
