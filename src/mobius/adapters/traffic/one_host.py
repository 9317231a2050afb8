"""What the port promises about hosts, for traffic that goes to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobius.errors import MobiusError
from mobius.model.seen import Counters, Switched


class OneHostTraffic:
    """There is one host, which is not told apart from the release."""

    def host_weights(self) -> Mapping[str, Mapping[str, int]]:
        """None."""
        return {}

    def host_counters(self) -> Mapping[str, Mapping[str, Counters]]:
        """None."""
        return {}

    def switch_hosts(self, weights: Mapping[str, int], hosts: Sequence[str]) -> Switched:
        """There is nothing but the whole."""
        raise MobiusError(
            "there are no hosts to switch one by one",
            'only target = "ssh" has several; leave canary_hosts out',
        )
