"""A launcher that only remembers, for tests: whoever holds it runs the runners when it likes."""

from __future__ import annotations

from mobius.model.run import Run


class MemoryLauncher:
    """`launched` has the ids of the runs whose runner is to run, in the order they were launched."""

    def __init__(self) -> None:
        self.launched: list[int] = []

    def launch(self, run: Run) -> None:
        """Its runner is there; launched twice is launched once."""
        if run.id not in self.launched:
            self.launched.append(run.id)

    def alive(self, run: Run) -> bool:
        """Whether its runner is there."""
        return run.id in self.launched

    def stop(self, run: Run) -> None:
        """Its runner is gone."""
        if run.id in self.launched:
            self.launched.remove(run.id)

    def stop_all(self) -> None:
        """Nobody's runner is there."""
        self.launched.clear()
