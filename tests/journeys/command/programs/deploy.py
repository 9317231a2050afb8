"""Somebody's own deployment: ends the server that runs, and starts the one of $MOBIUS_TAG, which outlives it.

`tags/TAG.json` says how the tag is: {"exit": 3, "waits": true, "sick_after_s": 1}. While it waits, `waiting` is there
and it goes on once `go` is.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(what):
    tag = os.environ.get("MOBIUS_TAG", "")
    with open("ran", "a") as log:
        log.write(f"{what} {tag} after {os.environ.get('MOBIUS_PREVIOUS_TAG', '')}\n")
    how = json.loads(Path("tags", f"{tag}.json").read_text()) if what == "deploy" else {}
    if how.get("waits"):
        Path("waiting").touch()
        while not Path("go").exists():
            time.sleep(0.02)
    if what != "start":
        stop()
    if what in ("deploy", "rollback"):
        Path("VERSION").write_text(f"{tag}\n")
    if what != "stop":
        start()
    print(f"{what} of {tag} is done")
    return how.get("exit", 0)


def stop():
    try:
        pid = int(Path("server.pid").read_text())
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return
    while True:
        try:
            os.kill(pid, 0)
        except OSError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)


def start():
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", "server.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    Path("server.pid").write_text(str(server.pid))


sys.exit(main(sys.argv[1]))
