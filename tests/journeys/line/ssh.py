"""Stands in for `ssh` where a test cuts the line between two frames: runs the one command as sshd would, by a shell.

In the folder FAR: `cuts.json` says what becomes of each connection, in order (none left: it holds):
  {"say": text, "code": n}       never gets there: text on stderr, leaves with n
  {"greeting": {…}}              another greeting comes than the far side's own
  {"noise": text}                its login shell prints that first
  {"request": n}                 n bytes of the request get there, then the line is cut
  {"frames": n}                  n frames arrive, then the line is cut; with "kill" the command there dies, too
                                 ("run": once it has begun a run)
`environ.json` is what the far side has in its environment besides. `argv.jsonl` is what ssh was called with.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

FAR = Path(os.environ["FAR"])
GOT_THERE = threading.Event()  # as much of the request as is to get there


def main() -> int:
    with (FAR / "argv.jsonl").open("a") as file:
        file.write(json.dumps(sys.argv[1:]) + "\n")
    cut = next_cut()
    if "say" in cut:
        sys.stderr.write(cut["say"])
        return int(cut.get("code", 255))
    at = sys.argv.index("--")
    far = subprocess.Popen(
        ["/bin/sh", "-c", sys.argv[at + 2]],
        cwd=FAR / "home",
        env={
            "HOME": str(FAR / "home"),
            "PATH": os.environ["FAR_PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            **json.loads((FAR / "environ.json").read_text()),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    if "noise" in cut:
        os.write(1, cut["noise"].encode())
    try:
        return carry(far, cut)
    finally:
        far.stdin.close()
        far.stdout.close()


def next_cut() -> dict:
    file = FAR / "cuts.json"
    cuts = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps(cuts[1:]))
    return cuts[0] if cuts else {}


def carry(far: subprocess.Popen, cut: dict) -> int:
    greeting = far.stdout.readline()
    if not greeting:
        return far.wait()
    os.write(1, json.dumps(cut["greeting"]).encode() + b"\n" if "greeting" in cut else greeting)
    threading.Thread(target=there, args=(far, cut.get("request")), daemon=True).start()
    if "request" in cut:
        GOT_THERE.wait(20)
        time.sleep(0.1)
        return 255
    left = cut.get("frames")
    while left is None or left > 0:
        line = far.stdout.readline()
        if not line:
            return far.wait()
        os.write(1, line)
        if left is not None and b'"beat"' not in line:
            left -= 1
    if cut.get("kill"):
        kill(cut["kill"])
    return 255


def there(far: subprocess.Popen, limit: int | None) -> None:
    """Everything that is typed here gets there, or the first `limit` bytes."""
    while words := os.read(0, 65536 if limit is None else 1):
        if limit is not None:
            limit -= 1
            if limit < 0:
                GOT_THERE.set()
                return
        try:
            far.stdin.write(words)
        except (BrokenPipeError, ValueError):
            return
        if words.endswith(b"\n"):
            GOT_THERE.set()
    if limit is None:
        far.stdin.close()


def kill(when: object) -> None:
    """The command there dies, as soon as it lives; or ("run") as soon as it has begun a run."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for file in (FAR / "home" / ".local" / "state" / "mobius" / "lines").glob("*"):
            if file.suffix == "" and (text := file.read_text()) and (when != "run" or has_run()):
                os.kill(json.loads(text)["pid"], signal.SIGKILL)
                return
        time.sleep(0.005)


def has_run() -> bool:
    import sqlite3

    try:
        journal = sqlite3.connect(f"file:{FAR}/home/shop/.mobius/production/journal.db?mode=ro", uri=True)
        try:
            return bool(journal.execute("SELECT 1 FROM runs").fetchone())
        finally:
            journal.close()
    except sqlite3.Error:
        return False


if __name__ == "__main__":
    sys.exit(main())
