"""The launcher of an environment that several machines act on: a runner on another machine lives, too."""

from __future__ import annotations

from mobius.adapters.journals.lease import RUNNER
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.errors import MobiusError
from mobius.model.run import Run
from mobius.ports import Launcher


class SharedLauncher:
    """Launches and stops here alone: a runner elsewhere is ended by its own machine, or by its lease."""

    def __init__(self, here: Launcher, journal: PostgresJournal, environment: str) -> None:
        self._here = here
        self._lease = journal.lease(environment, RUNNER, "")

    def launch(self, run: Run) -> None:
        """Starts the runner of this run on this machine."""
        self._here.launch(run)

    def alive(self, run: Run) -> bool:
        """Whether its runner is there, here or elsewhere. While nobody can say, it is: so nobody starts a second."""
        return self._is_elsewhere(run, unknown=True) or self._here.alive(run)

    def stop(self, run: Run) -> None:
        """Ends its runner on this machine; not there is a success."""
        if not self._is_elsewhere(run, unknown=False):  # its process number means another process here
            self._here.stop(run)

    def stop_all(self) -> None:
        """Ends every runner on this machine. Those elsewhere are fenced."""
        self._here.stop_all()

    def _is_elsewhere(self, run: Run, *, unknown: bool) -> bool:
        try:
            return bool(self._lease.held_elsewhere(run.id))
        except MobiusError:
            return unknown
