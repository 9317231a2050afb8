"""The port `Migrations` on one live SQLite database, for flows that bring the folder of each release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius import ports
from mobius.adapters.databases import sql_files
from mobius.adapters.databases.migrations import AppliedMigration, SqlMigrations
from mobius.errors import GateFailed, MobiusError


@dataclass(frozen=True, slots=True)
class SqliteMigrations:
    """`name` is the file's name without `.sql`; versions and names may both be given where versions are
    asked.
    """

    database: Path
    busy_timeout_s: float = 10.0

    def applied(self) -> tuple[ports.Migration, ...]:
        return _as_port(self._of(self.database.parent).applied())

    def pending(self, directory: Path) -> tuple[ports.Migration, ...]:
        return _as_port(self._of(directory).pending())

    def apply(self, directory: Path, *, progress: Callable[[str], None]) -> tuple[ports.Migration, ...]:
        def tell(migration: sql_files.Migration, index: int, total: int) -> None:
            progress(f"migration {index + 1} of {total}: {migration.name}")

        self.database.parent.mkdir(parents=True, exist_ok=True)  # the first deployment makes the database
        return _as_port(self._of(directory).apply_pending(progress=tell))

    def can_go_down(self, directory: Path, versions: Sequence[str]) -> bool:
        """Whether every one of these has a file that takes it back."""
        try:
            files = sql_files.read_migrations(directory)
        except GateFailed:
            return False
        ways = {word for each in files if each.down_path for word in (each.version, each.name)}
        return all(version in ways for version in versions)

    def down(self, directory: Path, versions: Sequence[str]) -> None:
        """Take these back; those that are not applied are done already. They must be the newest ones."""
        migrations = self._of(directory)
        applied = migrations.applied()
        going = [each for each in applied if each.version in versions or each.name in versions]
        if not going:
            return
        staying = [each for each in applied if each not in going]
        if staying and applied.index(staying[-1]) > applied.index(going[0]):
            raise MobiusError(
                f"migration {going[0].name} cannot be taken back: {staying[-1].name} was applied after it",
                "take back the newer one too, or restore a backup: mobius rollback --backup FILE",
            )
        migrations.down(staying[-1].version if staying else "")

    def _of(self, directory: Path) -> SqlMigrations:
        return SqlMigrations(directory, self.database, self.busy_timeout_s)


def _as_port(
    found: Sequence[AppliedMigration] | Sequence[sql_files.Migration],
) -> tuple[ports.Migration, ...]:
    return tuple(ports.Migration(each.version, each.name, each.sha256) for each in found)
