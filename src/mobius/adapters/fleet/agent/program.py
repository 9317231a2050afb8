"""The program: `serve` answers a line, `keep` keeps processes running. Both are started from the one file."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import keeper, processes
from .chunks import Chunks
from .refusal import Refusal
from .verbs import Host

KEEPER_WITHIN_S = 10.0


def main(words: list[str] | None = None) -> int:
    """`serve|keep --root DIR`."""
    parser = argparse.ArgumentParser(prog="mobius-agent")
    parser.add_argument("what", choices=["serve", "keep"])
    parser.add_argument("--root", required=True, type=Path)
    options = parser.parse_args(words)
    root = options.root.expanduser().absolute()
    return serve(root, version()) if options.what == "serve" else keep(root, version())


def keep(root: Path, version: str) -> int:
    """Is the keeper, until it is asked to go; another one there already is well."""
    lock = keeper.only_one(root)
    if lock is None:
        return 0
    stopped = keeper.Stopped()
    keeper.Keeper(root, version).run(stopped)
    os.close(lock)
    return 0


def serve(root: Path, version: str) -> int:
    """One answer a line, until the line ends. What is asked last is carried out even when nobody is left to hear."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    lines, answers = sys.stdin.buffer, sys.stdout.buffer
    host = Host(root, Chunks(lines))
    while True:
        line = lines.readline()
        if not line.endswith(b"\n"):
            return 0
        told = _answer(host, line, root, version)
        try:
            answers.write(json.dumps(told).encode("utf-8") + b"\n")
            answers.flush()
        except OSError:
            return 0


def _answer(host: Host, line: bytes, root: Path, version: str) -> dict[str, Any]:
    try:
        asked = json.loads(line.decode("utf-8"))
        if asked.get("verb") in ("fence", "start", "stop", "restart"):
            ensure_kept(root, version)
        return dict(host.answer(asked), ok=True)
    except Refusal as problem:
        return {"ok": False, "code": problem.code, "message": problem.message, "hint": problem.hint}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        return {
            "ok": False,
            "code": "garbled",
            "message": f"this host was asked something it cannot read: {problem!r}",
            "hint": "use the same mobius at both ends",
        }
    except Exception as problem:  # the line goes on, and whoever asked hears more than that it ended
        return {
            "ok": False,
            "code": "broken",
            "message": f"the agent of this host failed: {problem!r}",
            "hint": f"look at this host: df -h; free -m; ls -l {root}",
        }


def ensure_kept(root: Path, version: str) -> None:
    """A keeper of this very version is there. Raises `Refusal` when none comes up."""
    until = time.monotonic() + KEEPER_WITHIN_S
    asked_to_go = 0
    started: subprocess.Popen[bytes] | None = None
    while True:
        told = keeper.read_seen(root)["keeper"]
        lives = bool(told) and processes.is_alive(int(told["pid"]), str(told["started"]))
        if lives and told["version"] == version:
            return
        if lives and asked_to_go != told["pid"]:
            asked_to_go = int(told["pid"])
            os.kill(asked_to_go, signal.SIGTERM)  # its processes go on, and the next one knows them again
        elif not lives and (started is None or started.poll() is not None):
            started = _start_keeper(
                root
            )  # one at a time: a second would wait for the first one's end, and follow it
        if time.monotonic() > until:
            raise Refusal(
                "keeper", "no keeper comes up on this host", "see %s" % (root / "run" / "keeper.log")
            )
        time.sleep(0.05)


def _start_keeper(root: Path) -> subprocess.Popen[bytes] | None:
    lock = keeper.only_one(root)
    if lock is None:  # one is just starting, or ending
        return None
    os.close(lock)
    with (root / "run" / "keeper.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *_itself(), "keep", "--root", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )


def version() -> str:
    """The digest of the file that this program was started from."""
    with open(sys.argv[0], "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _itself() -> list[str]:
    """How Python finds this program again: the file it was started from."""
    return ["-I", os.path.abspath(sys.argv[0])]
