"""What each host answered in a window, and what all of them did without some: the same samples, added up anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import inf

from mobius.model.baseline import Block
from mobius.model.sample import Sample
from mobius.rules.adaptive.window import ROUTE, WHOLE

HOST = "host:"  # "host:web1", and "host:web1:/api" on one critical route
CHECK = "host check:"  # the health check of one host, past whoever shares requests out
HOSTS = "hosts"  # all that one look measured of single hosts, packed (`rules/hosts/packed.py`)
BEFORE = "host before:"  # what that host had answered with the release before, when the window opened
REST = "/"  # a name that no host has: all the others
THROUGH_THE_DOOR = ("probe", "smoke")  # what any of the hosts may have answered


@dataclass(frozen=True, slots=True)
class Out:
    """A host that takes no part from `at` until `back_at` (unix seconds): its answers until then do not count."""

    host: str
    at: float
    back_at: float = inf


def is_of_hosts(sample: Sample) -> bool:
    """Whether it says something of single hosts."""
    return sample.signal == HOSTS or sample.signal.startswith((HOST, CHECK, BEFORE))


def blocks_at(samples: Iterable[Sample]) -> Mapping[float, Mapping[str, Block]]:
    """By time and host: all requests that it answered since the look before."""
    found: dict[float, dict[str, Block]] = {}
    for sample in samples:
        if sample.signal.startswith(HOST) and not sample.missing and ":" not in sample.signal[len(HOST) :]:
            found.setdefault(sample.at, {})[_whose(sample.signal)] = block_of(sample)
    return found


def of_those_in(samples: Sequence[Sample], outs: Sequence[Out]) -> list[Sample]:
    """What was measured of single hosts, while it counts."""
    back = _back_at(outs)
    return [sample for sample in samples if is_of_hosts(sample) and counts(sample, back)]


def counts(sample: Sample, back_at: Mapping[str, float]) -> bool:
    """Whether this of one host does: it was measured when its host took part."""
    return sample.at > back_at.get(_whose(sample.signal), -inf)


def without(samples: Sequence[Sample], outs: Sequence[Out]) -> tuple[Sample, ...]:
    """The samples of the window as they are without these hosts; those of single hosts are left out.

    A check through the door that failed while such a host still got requests may have been its answer. It is left out
    where every other host answered its own check in the same look.
    """
    if not outs:
        return tuple(sample for sample in samples if not is_of_hosts(sample))
    back = _back_at(outs)
    answers: dict[tuple[float, str], list[tuple[str, Sample]]] = {}
    checks: dict[float, list[tuple[str, bool]]] = {}
    for sample in samples:
        if sample.signal.startswith(HOST) and not sample.missing:
            host, _, route = sample.signal.removeprefix(HOST).partition(":")
            answers.setdefault((sample.at, f"{ROUTE}{route}" if route else WHOLE), []).append((host, sample))
        elif sample.signal.startswith(CHECK) and sample.ok is not None:
            checks.setdefault(sample.at, []).append((sample.signal.removeprefix(CHECK), sample.ok))
    found = []
    for sample in samples:
        if is_of_hosts(sample):
            continue
        if (there := answers.get((sample.at, sample.signal))) is not None:
            found.append(_sum(sample, [one for host, one in there if sample.at > back.get(host, -inf)]))
        elif not _is_theirs(sample, checks.get(sample.at, []), outs):
            found.append(sample)
    return tuple(found)


def merged(look: Sequence[Sample], apart: Collection[str]) -> tuple[Sample, ...]:
    """One look with all hosts but these as one: `without` any of these, it comes to the same."""
    found: list[Sample] = []
    answers: dict[str, list[Sample]] = {}
    checks: list[bool] = []
    for sample in look:
        if not is_of_hosts(sample) or _whose(sample.signal) in apart:
            found.append(sample)
        elif sample.signal.startswith(HOST) and not sample.missing:
            answers.setdefault(sample.signal.removeprefix(HOST).partition(":")[2], []).append(sample)
        elif sample.signal.startswith(CHECK) and sample.ok is not None:
            checks.append(sample.ok)
    at = look[0].at if look else 0.0
    for route, parts in answers.items():
        found.append(_sum(Sample(f"{HOST}{REST}:{route}" if route else f"{HOST}{REST}", at), parts))
    return (*found, Sample(f"{CHECK}{REST}", at, all(checks))) if checks else tuple(found)


def block_of(sample: Sample) -> Block:
    """What it counted."""
    return Block(sample.requests, sample.errors, sample.histogram)


def _back_at(outs: Sequence[Out]) -> Mapping[str, float]:
    """From when on what a host answered is judged again, of those that were ever out."""
    found: dict[str, float] = {}
    for out in outs:
        found[out.host] = max(found.get(out.host, -inf), out.back_at)
    return found


def _whose(signal: str) -> str:
    prefix = next(one for one in (HOST, CHECK, BEFORE) if signal.startswith(one))
    return signal.removeprefix(prefix).partition(":")[0]


def _sum(sample: Sample, parts: Sequence[Sample]) -> Sample:
    columns = zip_longest(*(one.histogram for one in parts if one.histogram), fillvalue=0)
    return replace(
        sample,
        requests=sum(one.requests for one in parts),
        errors=sum(one.errors for one in parts),
        histogram=tuple(sum(column) for column in columns),
    )


def _is_theirs(sample: Sample, checks: Sequence[tuple[str, bool]], outs: Sequence[Out]) -> bool:
    """Whether a failed check may have been answered by a host that is out by now, and by no other."""
    if sample.signal not in THROUGH_THE_DOOR or sample.ok is not False:
        return False
    there = {out.host for out in outs if sample.at <= out.at}
    others = [ok for host, ok in checks if host not in there]
    return bool(there) and bool(others) and all(others)
