"""How an environment stands: what is live and what is warm, by what can be seen, then by what was written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from mobius.errors import MobiusError
from mobius.model.release import Release, ReleaseState
from mobius.ports import Ports, ProcessStatus
from mobius.rules.steps import BLUE, GREEN
from mobius.rules.ways_back import Side, side


@dataclass(frozen=True, slots=True)
class Standing:
    """`live` is what receives traffic; `previous` the way back; `warm` whether its web processes are up."""

    live: Release | None
    live_slot: str
    previous: Release | None
    previous_slot: str
    warm: bool
    processes: tuple[ProcessStatus, ...]
    releases: tuple[Release, ...]
    canary: Release | None = None  # what gets some of the requests beside it
    canary_slot: str = ""
    canary_id: str = ""  # what runs in that slot, also where nothing more is known of it
    doubts: tuple[str, ...] = ()  # where what is seen and what was written disagree, or cannot be seen

    @property
    def free_slot(self) -> str:
        """Where another release may run beside the live one."""
        return GREEN if self.live_slot == BLUE else BLUE

    def by_its_canary(self) -> Standing:
        """As if that were live, and the live release its way back: which it is."""
        if self.canary is None:
            return self
        return replace(
            self,
            live=self.canary,
            live_slot=self.canary_slot,
            previous=self.live,
            previous_slot=self.live_slot,
            warm=True,
            canary=None,
            canary_slot="",
            canary_id="",
        )


def standing(ports: Ports) -> Standing:
    """Looks, changes nothing. Works with the journal lost: manifests and version markers say the rest."""
    releases, doubts = _known(ports)
    by_id = {release.id: release for release in releases}
    processes, weights = _seen(ports, doubts)
    in_slot = {process.slot: process.release_id for process in processes if process.kind == "web"}
    marked = cache(
        ports.releases.current
    )  # asked only where the journal does not say it: it may ask every host
    written = next((r for r in releases if r.state is ReleaseState.LIVE), None)
    seen_slot, canary_slot = _with_traffic(weights, in_slot, written.id if written else marked()[0])
    live_id = in_slot.get(seen_slot, "") or (written.id if written else marked()[0])
    if told := _told_by_version(ports, releases, live_id, doubts):
        by_id.setdefault(told.id, told)
        live_id = told.id
    # A full disk keeps the journal from being told of a way back; the marker beside the releases was written then.
    if written and seen_slot and written.id != live_id and marked()[0] != live_id:
        doubts.append(f"the journal says {written.id} is live, but traffic goes to {live_id}")
    live_slot = seen_slot or (written.slot if written else "")
    previous_id = next((r.id for r in releases if r.state is ReleaseState.PREVIOUS), "") or marked()[1]
    if ports.settings.hosts:  # another machine may have staged what this one knows only by what runs
        _take_for_known((live_id, previous_id, in_slot.get(canary_slot, "")), by_id)
    if previous_id in ("", live_id):
        previous_id = _last_good(releases, live_id)
    previous_slot = next((p.slot for p in processes if p.release_id == previous_id and p.kind == "web"), "")
    warm = any(p.slot == previous_slot and p.kind == "web" and p.state == "running" for p in processes)
    return Standing(
        live=by_id.get(live_id),
        live_slot=live_slot if live_id else "",
        previous=by_id.get(previous_id),
        previous_slot=previous_slot,
        warm=warm and previous_slot != live_slot,
        processes=processes,
        releases=releases,
        canary=by_id.get(in_slot.get(canary_slot, "")),
        canary_slot=canary_slot,
        canary_id=in_slot.get(canary_slot, ""),
        doubts=tuple(doubts),
    )


def _take_for_known(ids: Iterable[str], by_id: dict[str, Release]) -> None:
    for release_id in ids:
        if release_id and release_id not in by_id:
            by_id[release_id] = Release(release_id, release_id.rpartition("-")[0] or release_id, "", "", "")


def live_side(now: Standing, ports: Ports) -> Side:
    """The live release with its own processes, as one side of a change."""
    return side(now.live, now.live_slot, ports.releases.processes(now.live.id) if now.live else ())


def _seen(ports: Ports, doubts: list[str]) -> tuple[tuple[ProcessStatus, ...], Mapping[str, int]]:
    try:
        return ports.target.processes(), ports.traffic.weights()
    except MobiusError as problem:
        doubts.append(f"what runs cannot be seen: {problem.message}")
        return (), {}


def _with_traffic(weights: Mapping[str, int], in_slot: Mapping[str, str], live_id: str) -> tuple[str, str]:
    """The live slot and, where another one gets requests, too, that of a canary. The release that was live before the
    canary began is live until it ends; where nobody knows, the one with more requests."""
    slots = sorted((slot for slot in weights if weights[slot] > 0), key=lambda slot: -weights[slot])
    slots.sort(key=lambda slot: in_slot.get(slot) != live_id)
    return (*slots, "", "")[0], (*slots, "", "")[1]


def _told_by_version(
    ports: Ports, releases: tuple[Release, ...], live_id: str, doubts: list[str]
) -> Release | None:
    """Where somebody else deploys, what is live says so itself, and that is more than what we wrote down: a release
    we know by its tag, or one that was deployed by other means."""
    if ports.commands is None:
        return None
    try:
        tag = ports.commands.version()
    except MobiusError as problem:
        doubts.append(problem.message)
        return None
    if not tag:
        return None
    known = [release for release in releases if release.tag == tag]
    known.sort(key=lambda release: release.id == live_id, reverse=True)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", tag).strip("-.")[:48] or "release"
    return known[0] if known else Release(f"{name}-seen", tag, "", "", "")


def _last_good(releases: tuple[Release, ...], live_id: str) -> str:
    """The newest release that was live once, before the present one: accepted ones first."""
    tried = [r for r in releases if r.id != live_id and r.state is ReleaseState.RETIRED]
    best = sorted(tried, key=lambda release: (release.accepted, release.live_since), reverse=True)
    return best[0].id if best else ""


def _known(ports: Ports) -> tuple[tuple[Release, ...], list[str]]:
    try:
        known = ports.journal.releases(ports.settings.name)
    except MobiusError as problem:
        return ports.releases.manifests(), [f"the journal cannot be read: {problem.message}"]
    return (known, []) if known else (ports.releases.manifests(), [])
