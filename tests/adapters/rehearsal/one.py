"""One rehearsal in a process of its own: `python -m adapters.rehearsal.one FOLDER PROGRAM`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from adapters.rehearsal.ground import Ground

if __name__ == "__main__":
    ground = Ground(Path(sys.argv[1]), sys.argv[2], env={"MARK": os.environ.get("MARK", "none")})
    print(json.dumps(ground.rehearse()))
