"""One rehearsal of a shop that is laid out already, in a process of its own, which says on its output how far it is:
`python -m journeys.migrate.once FOLDER BACKUP CANDIDATE [DATABASE-URL]`."""

from __future__ import annotations

import sys
from pathlib import Path

from journeys.migrate.stage import Shop
from mobius.adapters.backups.contents import described
from mobius.model.release import Release

if __name__ == "__main__":
    folder, archive, candidate, *url = sys.argv[1:]
    shop = Shop(Path(folder), url=url[0] if url else "")
    backup = described(Path(archive))
    assert backup is not None
    facts = shop.try_out(
        backup,
        Release(candidate, "v2", "", "d" * 64, "c" * 64),
        progress=lambda line: print(line, flush=True),
    )
    print("done", facts["way"], flush=True)
