"""How long does going back with data take, and how long do requests wait meanwhile? 1 GB beside a small service.

python -m bench.rollback_data --size-mb 1000 --rounds 3 [--write]
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from bench.backup_mix import describe, mix
from bench.common import median, number, parser, table, write_entry
from bench.rollback import CONFIGURATION, Sample, deployed

QUESTION = """\
From the moment `mobius rollback --backup FILE --emergency` is typed to all traffic on the release and the data of the
backup: every hash checked, an emergency backup of the present state made and verified, the data laid out, exchanged,
the release started and healthy. Held: how long new requests waited. Goal: 1 GB in 60 s (the mission: 5 min)."""
GOAL_S = 60.0


class WithData(Sample):
    """The sample with data to back up, and a hold that is long enough on a busy machine."""

    def __init__(self, folder: Path, tree: Path) -> None:
        super().__init__(folder)
        config = folder / "mobius.toml"
        first, _, rest = config.read_text().partition("\n")
        more = '\n[backup]\npaths = ["data"]\n\n[door]\nhold_max = "120s"\n'
        config.write_text(f"{first}\n{more}{rest}")
        shutil.copytree(tree, folder / "data")

    def newest_backup(self) -> str:
        """Of a healthy release."""
        return sorted(path.name for path in (self.folder / "backups").glob("sample_*_*.zip"))[-1]


def main() -> None:
    options = arguments()
    assert CONFIGURATION.startswith('service = "sample"')
    tree = mix(options.size_mb)
    back_s: list[float] = []
    held_s: list[float] = []
    returned_s: list[float] = []
    with deployed(lambda folder: WithData(folder, tree)) as sample:
        for turn in range(options.rounds):
            sample.deploy(f"v{turn + 1}")
            (sample.folder / "data" / "since").write_text(str(turn))
            began_s = time.monotonic()
            sample.mobius("rollback", "--backup", sample.newest_backup(), "--emergency")
            returned_s.append(time.monotonic() - began_s)
            told = json.loads(sample.mobius("report", "--json"))["rollback"]
            back_s.append(float(told["traffic_back_s"]))
            held_s.append(float(told["held"]["seconds"]))
            sample.mobius("accept")
    header = [
        "Going back with data",
        "Times",
        "All traffic back, s",
        "… worst",
        "Held, s",
        "Returned, s",
        "Goal",
    ]
    row = [
        describe(tree),
        str(len(back_s)),
        number(median(back_s), 1),
        number(max(back_s), 1),
        number(median(held_s), 2),
        number(median(returned_s), 1),
        f"≤ {GOAL_S:g} s",
    ]
    report = table(header, [row])
    print(report)
    if options.write:
        write_entry("rollback with data", QUESTION, report)
    if median(back_s) > GOAL_S:
        raise SystemExit(f"FAILED: it took {median(back_s):.1f} s, the goal is {GOAL_S:g} s")


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=3, of="rollbacks")
    takes.add_argument("--size-mb", type=int, default=1000, help="of the data (1000)")
    return takes.parse_args()


if __name__ == "__main__":
    main()
