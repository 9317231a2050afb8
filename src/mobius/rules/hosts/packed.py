"""All that one look measured of single hosts, as one sample: a thousand hosts are looked at 720 times an hour.

The note of such a sample is JSON, deflated, in base64. For each kind of measurement it has the hosts, and a column for
each field that any of them has: what is the same for every host costs next to nothing.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from mobius.model.sample import Sample
from mobius.rules.hosts.streams import BEFORE, CHECK, HOST, HOSTS, is_of_hosts

FIELDS = ("ok", "value", "requests", "errors", "histogram", "missing", "note")
NOTHING = Sample("", 0.0)
MOST_BYTES = 64 << 20  # of one look: what says that it is more is no look of ours


def packed(samples: Sequence[Sample], redact: Callable[[str], str] = str) -> tuple[Sample, ...]:
    """The same with one sample a time for all that is of single hosts, after the others; `unpacked` gives them back.
    `redact` sees each text first; where it would change what was packed, nothing is packed."""
    found: list[Sample] = []
    theirs: dict[float, list[Sample]] = {}
    for sample in samples:
        if is_of_hosts(sample) and sample.signal != HOSTS:
            theirs.setdefault(sample.at, []).append(sample)
        else:
            found.append(sample)
    for at, look in theirs.items():
        note = _text(look, redact)
        found += [Sample(HOSTS, at, note=note)] if redact(note) == note else look
    return tuple(found)


def unpacked(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Each as it was measured. One that cannot be read any more measured nothing."""
    for sample in samples:
        if sample.signal == HOSTS:
            yield from _look(sample)
        else:
            yield sample


def looks(samples: Iterable[Sample]) -> Iterator[tuple[Sample, ...]]:
    """All of one time after all of another, each unpacked only when its turn has come; in the order of `samples`."""
    found: dict[float, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.at, []).append(sample)
    for there in found.values():
        yield tuple(unpacked(there))


def _text(look: Sequence[Sample], redact: Callable[[str], str]) -> str:
    kinds: dict[tuple[str, str], list[tuple[str, Sample]]] = {}
    for sample in look:
        prefix = next(one for one in (HOST, CHECK, BEFORE) if sample.signal.startswith(one))
        host, colon, route = (
            sample.signal[len(prefix) :].partition(":") if prefix == HOST else _whole(sample, prefix)
        )
        kinds.setdefault((prefix, colon + route), []).append((host, sample))
    told, before = [], None
    for (prefix, suffix), rows in kinds.items():
        hosts: list[str] | None = [host for host, _ in rows]
        columns = {name: _column(name, [sample for _, sample in rows], redact) for name in FIELDS}
        there = {name: column for name, column in columns.items() if column is not None}
        hosts, before = (None if hosts == before else hosts), hosts
        told.append([prefix, suffix, hosts, there])
    return base64.b64encode(zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)).decode()


def _whole(sample: Sample, prefix: str) -> tuple[str, str, str]:
    return sample.signal[len(prefix) :], "", ""


def _column(name: str, samples: Sequence[Sample], redact: Callable[[str], str]) -> list[Any] | None:
    """The values of this field; None where no host has any."""
    values = [getattr(sample, name) for sample in samples]
    usual = getattr(NOTHING, name)
    if all(value == usual and type(value) is type(usual) for value in values):
        return None
    if name in ("missing", "note"):
        return [redact(value) if value else value for value in values]
    return [_short(value) for value in values] if name == "histogram" else values


def _short(histogram: Sequence[int]) -> list[int]:
    """[its length, the first bucket that holds any, what that and the next hold]: most buckets of a host are empty."""
    held = [number for number, count in enumerate(histogram) if count]
    first, last = (held[0], held[-1]) if held else (0, -1)
    return [len(histogram), first, *histogram[first : last + 1]]


def _long(short: Sequence[int]) -> tuple[int, ...]:
    length, first, counts = short[0], short[1], short[2:]
    return (*[0] * first, *counts, *[0] * (length - first - len(counts)))


def _look(sample: Sample) -> list[Sample]:
    try:
        opened = zlib.decompressobj()
        text = opened.decompress(base64.b64decode(sample.note, validate=True), MOST_BYTES)
        found: list[Sample] = []
        before: list[str] = []
        for prefix, suffix, hosts, columns in json.loads(text):
            before = before if hosts is None else hosts
            found += _rows(sample.at, prefix, suffix, before, columns)
        return found
    except (ValueError, TypeError, KeyError, IndexError, zlib.error):
        return []


def _rows(
    at: float, prefix: str, suffix: str, hosts: Sequence[str], columns: dict[str, list[Any]]
) -> Iterator[Sample]:
    if "histogram" in columns:
        columns["histogram"] = [_long(short) for short in columns["histogram"]]
    values = (
        columns[name] if name in columns else repeat(getattr(NOTHING, name), len(hosts)) for name in FIELDS
    )
    signals = [f"{prefix}{host}{suffix}" for host in hosts]
    for signal, *measured in zip(signals, *values, strict=True):
        yield Sample(signal, at, *measured)
