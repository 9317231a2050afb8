"""What the samples of a window over many hosts take, in memory and in the journal; part of `bench.host_judging`."""

from __future__ import annotations

import gc
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.common import number, table
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.model.plan import Plan
from mobius.model.run import Holder
from mobius.model.sample import Sample
from mobius.rules.hosts.packed import packed


@dataclass(frozen=True, slots=True)
class Bytes:
    """What is kept for good, and what a look adds in memory and on disk: packed, and as a sample each."""

    for_good: float
    a_look: float
    apart: float
    on_disk: float
    on_disk_apart: float


def bytes_of(looks: Sequence[Sequence[Sample]], judge_all: Callable[[], object]) -> Bytes:
    """`judge_all` judges these looks, and returns what it keeps of them."""
    tracemalloc.start()
    a_look, apart = memory_of(partial(packed, looks[0])), memory_of(partial(_apart, looks[0]))
    kept = memory_of(judge_all) - len(looks) * a_look
    tracemalloc.stop()
    return Bytes(kept, a_look, apart, on_disk([packed(look) for look in looks]), on_disk(looks))


def memory_of(make: Callable[[], object]) -> int:
    """Bytes of what is made, without what that took."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    made = make()
    gc.collect()
    there = tracemalloc.get_traced_memory()[0] - before
    assert made
    return there


def _apart(samples: Sequence[Sample]) -> list[Sample]:
    return [replace(one, histogram=(*one.histogram,)) for one in samples]


def on_disk(looks: Sequence[Sequence[Sample]]) -> float:
    """Bytes that one look adds to a journal in SQLite."""
    plan = Plan("deploy", "shop", "production", "v1", "v1-0", "", "blue", "", (), (), ())
    half = len(looks) // 2
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = SqliteJournal(path)
        run = journal.open_run("production", plan, lead="ann", holder=Holder("ann", "desk", 1, 1.0), now=1.0)
        for part in (looks[:half], looks[half:]):
            for samples in part:
                journal.add_samples(run, samples)
            journal.close()  # with it, what is in the write-ahead log is in the file
            sizes.append(path.stat().st_size)
            journal = SqliteJournal(path)
        journal.close()
    return (sizes[1] - sizes[0]) / (len(looks) - half)


def by_hour(kept: Mapping[int, Bytes], tick_s: float) -> str:
    """The table of a host and an hour."""
    rows = []
    for hosts, of in kept.items():
        each = 3600 / tick_s / hosts
        memory = (f"{of.a_look * each:,.0f}", f"{of.apart * each:,.0f}", _times(of.apart, of.a_look))
        disk = (
            f"{of.on_disk * each:,.0f}",
            f"{of.on_disk_apart * each:,.0f}",
            _times(of.on_disk_apart, of.on_disk),
        )
        rows.append((f"{hosts:,}", *memory, *disk))
    header = ("hosts", "memory", "apart", "less", "journal", "apart", "less")
    return f"""\
The samples of every look stay as long as the window is open, in memory and in the journal (SQLite, on disk); those of
single hosts are packed into one a look. Bytes of a host and an hour, packed and with a sample for each measurement:

{table(header, rows)}"""


def _times(more: float, less: float) -> str:
    return f"{number(more / less, 1)} times" if less > 0 else ""
