"""A warm process under the shim that forks for each case: `python -m faults.server`, lines of JSON in and out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from faults.scenes import SCENES
from faults.shim import Fault, disarm
from mobius.errors import MobiusError


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_in_a_fork(asked)), flush=True)


def _in_a_fork(asked: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        told = _act(asked)
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"how": "killed", "status": status}


def _act(asked: dict[str, Any]) -> dict[str, Any]:
    folder = Path(asked["folder"])
    tempfile.tempdir = asked["temporary"]
    os.environ["TMPDIR"] = asked["temporary"]
    os.chdir(folder)
    try:
        Fault(**asked["fault"]).arm(Path(asked["state"]), [Path(each) for each in asked["below"]])
        try:
            SCENES[asked["scene"]].act(folder)
        finally:
            disarm()
    except MobiusError as error:
        told = {"message": str(error), "hint": error.hint, "code": error.exit_code}
        return {"how": "refused", "error": type(error).__name__, **told}
    except BaseException:
        return {"how": "crashed", "message": traceback.format_exc()}
    return {"how": "done"}


if __name__ == "__main__":
    main()
