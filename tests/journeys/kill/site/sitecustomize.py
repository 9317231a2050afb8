"""Put on PYTHONPATH by a kill test: at one chosen write of a runner's journal, kills the runner or its house.

Python imports it at its start; it does nothing outside a runner that was told to strike. STRIKE is a JSON object:
folder   where writes are noted (`writes.txt`) and a strike leaves its mark (`struck-N`)
when     "before" the write, after the effect it tells of; or "after" it, before the next effect
number   the how manyth write of this run to strike at, over all its runners; or
label    the write to strike at by its name, such as "done go-*-migrate" or "rollback begun"
who      "runner", "host", "door"; or "nobody", only to note the writes; or "waits": the runner notes its `pid` and
         stands there until somebody writes into the pipe `go`
signal   its number
times    how many strikes in all
root     of the environment
"""

import fnmatch
import json
import os
import sys
from pathlib import Path

STEPS = ("begin", "done", "failed")
EVENTS = ("move", "say")
OTHERS = ("take_over", "add_samples", "put_release", "mark_live", "set_release_state", "put_backup")


def main() -> None:
    """Wraps every write of the journal."""
    told = os.environ.get("STRIKE")
    if not told or "run-on" not in sys.orig_argv:
        return
    from mobius.adapters.journals.journal import SqlJournal

    strike = json.loads(told)
    for name in (*STEPS, *EVENTS, *OTHERS):
        setattr(SqlJournal, name, wrapped(name, getattr(SqlJournal, name), strike))


def wrapped(name, write, strike):
    """The write, with its strike."""

    def writing(*args, **kwargs):
        label = label_of(name, args)
        note(strike, label)
        if strike["when"] == "before":
            hit(strike, label)
        answer = write(*args, **kwargs)
        if strike["when"] == "after":
            hit(strike, label)
        return answer

    return writing


def label_of(name, args):
    """A step's id for what is written of a step, the event's kind for an event, else the method."""
    if name in STEPS:
        return f"{name} {args[2].id}"
    if name in EVENTS:
        return args[3].kind
    return name


def note(strike, label):
    pen = os.open(Path(strike["folder"], "writes.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(pen, f"{label}\n".encode())
    os.close(pen)


def hit(strike, label):
    if strike["who"] == "nobody":
        return
    if strike["number"]:
        count = len(Path(strike["folder"], "writes.txt").read_text().splitlines())
        if count < strike["number"]:
            return
    elif not fnmatch.fnmatchcase(label, strike["label"]):
        return
    if strike["who"] == "waits":
        Path(strike["folder"], "pid").write_text(str(os.getpid()))
    for number in range(strike["times"]):
        try:
            mark = os.open(Path(strike["folder"], f"struck-{number}"), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            continue
        os.write(mark, label.encode())
        os.close(mark)
        if strike["who"] == "waits":
            Path(strike["folder"], "go").read_text()
        else:
            os.kill(victim(strike), strike["signal"])
        return


def victim(strike):
    if strike["who"] == "runner":
        return os.getpid()
    from mobius.host.client import HostClient

    status = HostClient(Path(strike["root"])).status()
    return status.pid if strike["who"] == "host" else status.door.pid


main()
