"""Releases that fall ill on a real service behind the front door: found, taken back, in how many seconds.

python -m bench.faults --write                 (every fault, at once and 20 s late)
python -m bench.faults --healthy 50 --write    (as many good ones under noise: none may be taken back)
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.common import REPOSITORY, number, parser, table, write_entry

sys.path.insert(0, str(REPOSITORY / "tests"))
ward: Any = importlib.import_module("journeys.watch.ward")

BLOCKS = 6  # half minutes of traffic before the first deployment
QUESTION = """A real service behind the real front door, policy `adaptive`, an interval of 1 s, blips of 30 s forgiven,
a history of 3 minutes or more. From the first request that a fault touched to the first answer of the release before:
what users waited. Late: 20 s after the first user. And how many good releases a noisy machine had taken back."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs it; 1 where a fault stayed or a good release went."""
    options = _options(argv)
    with tempfile.TemporaryDirectory(prefix="mobius-faults-") as folder:
        entry, is_good = (
            _healthy(options, Path(folder)) if options.healthy else _faults(options, Path(folder))
        )
    print(entry)
    if options.write:
        write_entry("faults found", QUESTION, entry)
    return 0 if is_good else 1


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__, rounds=1, of="times that each fault is tried")
    made.add_argument(
        "--healthy", type=int, default=0, help="good deployments under noise, instead of faults"
    )
    made.add_argument("--services", type=int, default=3, help="services at the same time (3)")
    made.add_argument("--only", default="", help="only faults whose name holds this expression")
    return made.parse_args(argv)


# -- faults -------------------------------------------------------------------------------------------------------


def _faults(options: argparse.Namespace, folder: Path) -> tuple[str, bool]:
    wanted = [*ward.FAULTS, *ward.LATE, ward.LEAK] * options.rounds
    wanted = [fault for fault in wanted if re.search(options.only, str(fault))]
    lock, found = threading.Lock(), []

    def serve(number: int) -> None:
        with ward.Ward(folder / f"s{number}") as one:
            one.settle_in(BLOCKS)
            while True:
                with lock:
                    if not wanted:
                        return
                    fault = wanted.pop(0)
                if fault.gauges:
                    one.write_gauges()
                result = one.deploy_ill(fault)
                _say(f"{fault}: exit {result.done.code}, {result.back_s:.1f} s: {result.sentence}")
                if result.done.code != 12:
                    _say(str(result.done))
                with lock:
                    found.append(result)

    with ThreadPoolExecutor(options.services) as pool:
        list(pool.map(serve, range(options.services)))
    found.sort(
        key=lambda one: (one.fault.late, [f.name for f in (*ward.FAULTS, ward.LEAK)].index(one.fault.name))
    )
    rows = [_row(one) for one in found]
    is_good = all(one.done.code == 12 and re.search(one.fault.words, one.sentence) for one in found)
    header = ("Fault", "Taken back", "Traffic back, s", "Goal, s", "Verdict")
    return table(header, rows), is_good


def _row(one: Any) -> tuple[str, ...]:
    taken = "yes" if one.done.code == 12 else f"NO, exit {one.done.code}"
    missed = " MISSED" if not one.back_s <= one.fault.goal_s else ""
    told = one.sentence.split(";")[0].replace("|", "/")
    return (str(one.fault), taken, number(one.back_s, 1) + missed, number(one.fault.goal_s), told)


# -- good releases ------------------------------------------------------------------------------------------------


def _healthy(options: argparse.Namespace, folder: Path) -> tuple[str, bool]:
    left, lock = iter(range(options.healthy)), threading.Lock()
    codes: list[int] = []
    burners = [multiprocessing.Process(target=_burn, args=(seed,), daemon=True) for seed in range(2)]
    for burner in burners:
        burner.start()

    def serve(number: int) -> None:
        with ward.Ward(folder / f"h{number}", window="60s", rate=20.0, noisy=True) as one:
            stopped = threading.Event()
            bursts = threading.Thread(target=_bursts, args=(one, stopped), daemon=True)
            bursts.start()
            try:
                one.settle_in(BLOCKS)
                while True:
                    with lock:
                        turn = next(left, None)
                    if turn is None:
                        return
                    done = one.deploy()
                    _say(f"good release {turn + 1}: exit {done.code}{'' if done.code == 0 else str(done)}")
                    with lock:
                        codes.append(done.code)
            finally:
                stopped.set()
                bursts.join()

    try:
        with ThreadPoolExecutor(options.services) as pool:
            list(pool.map(serve, range(options.services)))
    finally:
        for burner in burners:
            burner.kill()
    back, unsure = codes.count(12), sum(code not in (0, 12) for code in codes)
    header = ("Good releases under noise", "Accepted", "Taken back", "Not decided")
    row = (f"window of 60 s, {options.services} services at once", codes.count(0), back, unsure)
    return table(header, [tuple(map(str, row))]), not back


def _burn(seed: int) -> None:
    """Takes a core for a while, now and then."""
    source = random.Random(seed)
    while True:
        until = time.monotonic() + source.uniform(0.5, 4.0)
        while time.monotonic() < until:
            pass
        time.sleep(source.uniform(0.5, 6.0))


def _bursts(one: Any, stopped: threading.Event) -> None:
    """Five times the usual users, for a few seconds, now and then."""
    source = random.Random(one.service.port)
    while not stopped.wait(source.uniform(5.0, 20.0)):
        with ward.Load(
            one.service.url, keepalive=4, fresh=4, post_share=0.0, slow_share=0.0, paths=("/work",), rate=80
        ):
            stopped.wait(source.uniform(1.0, 4.0))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
