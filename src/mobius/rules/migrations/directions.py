"""What a tool reads out of a comment: where the way down begins, and that no transaction is put around the file.

dbmate, goose, sql-migrate, node-pg-migrate and Play keep both ways in one file; a change set of Liquibase is a
transaction of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_DOWN = re.compile(
    r"^--\s*(?:migrate:down|\+goose\s+down|\+migrate\s+down|\+micrate\s+down|down migration\s*$|!downs)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"^--\s*(?:migrate:up\b.*transaction:false|\+goose\s+no\s+transaction|\+migrate\s+up\s+notransaction"
    r"|atlas:txmode\s+none|changeset\b.*runintransaction:false|no-transaction\s*$|disable_ddl_transaction!?\s*$)",
    re.IGNORECASE,
)
_CHANGESET = re.compile(r"^--\s*changeset\s+\S", re.IGNORECASE)


def begins_the_way_down(comments: Sequence[str]) -> bool:
    """Whether what follows takes the migration back, and does not run when it is applied."""
    return any(_DOWN.match(comment) for comment in comments)


def runs_alone(comments: Sequence[str]) -> bool:
    """Whether the tool is told not to put a transaction around what follows."""
    return any(_ALONE.match(comment) for comment in comments)


def begins_a_change_set(comments: Sequence[str]) -> bool:
    """Whether a change set of Liquibase begins: the transaction of the one before is over."""
    return any(_CHANGESET.match(comment) for comment in comments)
