"""What every journal must hold to, in the words of `mobius.ports.Journal`. Subclasses give the `journal`."""

from __future__ import annotations

from adapters.contracts.journal_emergencies import EmergenciesContract
from adapters.contracts.journal_releases import ReleasesContract
from adapters.contracts.journal_runs import RunsContract
from adapters.contracts.journal_safety import SafetyContract
from adapters.contracts.journal_steps import StepsContract


class JournalContract(RunsContract, StepsContract, ReleasesContract, SafetyContract, EmergenciesContract):
    """All of it."""
