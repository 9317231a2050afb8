"""Where releases come from that somebody else lays out: the repository knows what a tag stands for, if there is one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mobius.adapters.releases.sources import Origin, check_tag
from mobius.errors import MobiusError, UsageError
from mobius.ports import Source


class ElsewhereOrigin:
    """A tag that the repository does not have is refused; where there is no repository, a tag is only a name."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def find(self, tag: str) -> Source:
        check_tag(tag)
        try:
            return self._origin.find(tag)
        except UsageError:
            raise
        except MobiusError:
            # Another name is another content: nothing else is known of it.
            return Source(tag, "", hashlib.sha256(f"tag {tag}".encode()).hexdigest(), dirty=False)

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        self._origin.copy(source, subpath, into)
