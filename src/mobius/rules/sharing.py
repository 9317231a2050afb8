"""Who else uses the data that would go back: each must be named, for it goes back with it."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.settings import EnvironmentSettings


def sharers(settings: EnvironmentSettings) -> tuple[str, ...]:
    """Every service that `backup.shared_with` and `databases[].shared_with` name, once, in their order."""
    named = [*settings.backup.shared_with, *(s for d in settings.databases for s in d.shared_with)]
    return tuple(dict.fromkeys(named))


def may_go_back_unasked(settings: EnvironmentSettings) -> bool:
    """Whether data may be restored without a person: it was allowed, and nobody else uses it."""
    return settings.auto_restore and not sharers(settings)


def unnamed(settings: EnvironmentSettings, also: Sequence[str]) -> tuple[str, ...]:
    """Those that nobody named: going back would take their data back behind their backs."""
    return tuple(service for service in sharers(settings) if service not in also)


def unknown(settings: EnvironmentSettings, also: Sequence[str]) -> tuple[str, ...]:
    """Named, and sharing nothing: a slip of the pen is no agreement."""
    return tuple(service for service in also if service not in sharers(settings))
