"""What a tool reads out of a comment: where the way down begins, and that no transaction is put around the file.

dbmate, goose, sql-migrate, node-pg-migrate, Play, tern, rambler, MyBatis and shmig keep both ways in one file; a change
set of Liquibase is a transaction of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_DOWN = re.compile(
    r"^--\s*(?:migrate:down|\+goose\s+down|\+migrate\s+down|\+micrate\s+down|down migration\s*$|rambler\s+down"
    r"|//\s*@undo)|^[-#\s]*!downs|^--+\s*create above / drop below|^--[-=@!\s]*down[-=:\s]*$",
    re.IGNORECASE,
)
_UP = re.compile(
    r"^--\s*(?:migrate:up|\+goose\s+up|\+migrate\s+up|\+micrate\s+up|up migration\s*$|rambler\s+up)|^[-#\s]*!ups"
    r"|^--[-=@!\s]*up[-=:\s]*$",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"^--\s*(?:migrate:up\b.*transaction:false|\+goose\s+no\s+transaction|\+migrate\s+up\s+notransaction"
    r"|!\s*no-transaction\b|transactional:\s*false|postgres-migrations\s+disable-transaction"
    r"|(?:flyway:\s*)?executeintransaction\s*=\s*false|atlas:txmode\s+none|changeset\b.*runintransaction:false|no-transaction\s*$|disable_ddl_transaction!?\s*$)",
    re.IGNORECASE,
)
_CHANGESET = re.compile(r"^--\s*changeset\s+\S", re.IGNORECASE)


def is_the_way_down(comments: Sequence[str], so_far: bool) -> bool:
    """Whether what follows takes the migration back, and does not run when it is applied. `so_far`: whether what stood
    before did; the last word counts."""
    for comment in comments:
        so_far = so_far or _DOWN.match(comment) is not None
        so_far = so_far and _UP.match(comment) is None
    return so_far


def runs_alone(comments: Sequence[str]) -> bool:
    """Whether the tool is told not to put a transaction around what follows."""
    return any(_ALONE.match(comment) for comment in comments)


def begins_a_change_set(comments: Sequence[str]) -> bool:
    """Whether a change set of Liquibase begins: the transaction of the one before is over."""
    return any(_CHANGESET.match(comment) for comment in comments)
