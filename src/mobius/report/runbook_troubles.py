"""What a failure of each step means, and what to do about it, for whoever reads a runbook at three in the morning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """`means`: what was found. `do`: what to do. `back`: whether a run that has touched what serves is taken back."""

    means: str
    do: str
    back: bool = True

    def words(self, *, touched: bool) -> str:
        """One sentence; `touched`: whether a step before, or this one, touches what serves."""
        after = "; it is taken back by itself (exit 12)" if touched and self.back else ""
        return f"{self.means}{after}. {self.do}"


_LOGS = "Its log: `mobius logs`; mend the release, deploy it under a new tag"

TROUBLES = {
    "gate": Trouble("a gate said no", "Its output names the reason; nothing was touched"),
    "stage": Trouble(
        "the build failed, or the tag is not there",
        "The end of the build's output is shown; mend, tag, deploy",
    ),
    "configure": Trouble(
        "the live tree or a start command is gone", "Deploy the release again: `mobius deploy --tag`"
    ),
    "register": Trouble("it could not be written down", "Free space, then again"),
    "backup": Trouble(
        "there would be no way back with data", "Free space (`df -h`), look at `mobius doctor`, then again"
    ),
    "verify": Trouble(
        "the backup does not hold what it says",
        "The disk is suspect: look at it before anything else (exit 11)",
    ),
    "rehearse": Trouble(
        "the way back was tried, and did not work", "The report names the step; nothing was touched"
    ),
    "copy_backup": Trouble(
        "the copy off this machine was not made",
        "Where it is required the deployment stops; look at `[store]`",
    ),
    "migrate": Trouble(
        "a migration failed or waited too long for a lock",
        "`mobius migrate plan` names it; what was applied is said",
    ),
    "start": Trouble("a process could not be started", _LOGS),
    "await_healthy": Trouble("it did not become healthy in time", _LOGS),
    "ensure_up": Trouble(
        "what should come back does not answer", "`mobius host status`, then the newest backup", back=False
    ),
    "smoke": Trouble("a smoke test failed", "The test and its answer are shown: `mobius smoke` asks again"),
    "switch": Trouble("traffic could not be moved", "`mobius traffic check` looks at the proxy"),
    "split": Trouble("traffic could not be shared out", "`mobius traffic check` looks at the proxy"),
    "see_stage": Trouble("the stage was bad, or undecided", "The report says by how much: `mobius report`"),
    "end_split": Trouble(
        "traffic could not be given to one release", "`mobius traffic check` looks at the proxy"
    ),
    "drain": Trouble(
        "requests were cut when their time was over", "How many is in the report; raise `door.drain_timeout`"
    ),
    "stop": Trouble("a process did not end", "`mobius host status` names it"),
    "mark_live": Trouble(
        "the version markers could not be written", "Free space; traffic is where it should be", back=False
    ),
    "emergency_backup": Trouble(
        "what is there now could not be kept",
        "Going back goes on without; it is said what is lost",
        back=False,
    ),
    "hold": Trouble("requests could not be held", "`mobius traffic check`, then again"),
    "see_hold": Trouble("the hold ended too early", "Raise `migrations.hold`"),
    "release_hold": Trouble("held requests went on late", "Those past the limits got 503 with Retry-After"),
    "down": Trouble(
        "the migrations could not be taken back",
        "The data goes back with the backup: `mobius rollback --backup`",
        back=False,
    ),
    "prepare_data": Trouble(
        "the backup could not be laid out", "Free space; nothing was exchanged yet", back=False
    ),
    "restore_data": Trouble(
        "the data could not be exchanged",
        "Nothing is half done: `mobius resume`, or another backup",
        back=False,
    ),
    "list_lost": Trouble("what was lost could not be listed", "It is in the emergency backup", back=False),
    "command": Trouble("your own command failed", "The end of its output is shown", back=True),
    "see_version": Trouble(
        "what is live says that it is something else",
        "`mobius status`, then ask whoever deployed",
        back=False,
    ),
    "prune": Trouble(
        "old releases or backups could not be removed",
        "Free space by hand; the release is not worse for it",
        back=False,
    ),
}
