"""The next thing to do after a run, as a command that can be copied and the reason for it."""

from __future__ import annotations

from collections.abc import Collection

from mobius.model.run import Event, Run, RunState

UNDECIDED = 4  # the exit code of a canary that nobody could judge
REPORTED = "a person must choose; what happened and the choices are in"


class StepsSeen:
    """Which steps of a run were begun, and which failed first, by its events as they come."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.failed = ""

    def see(self, event: Event) -> None:
        """Takes one event; those that tell of no step change nothing."""
        if event.kind == "step begun":
            self.begun.add(str(event.data.get("step", "")))
        if event.kind == "step failed":
            self.failed = self.failed or str(event.data.get("step", ""))


def next_step(run: Run, begun: Collection[str] = (), failed: str = "") -> tuple[str, str]:
    """(why, command) for how this run stands; the command is never empty. `begun`: the ids of its steps that were;
    `failed`: of the first that failed."""
    on = f"-e {run.environment}"
    match run.state:
        case RunState.QUEUED | RunState.RUNNING | RunState.ROLLING_BACK:
            return "it goes on by itself; to look on", f"mobius monitor {on}"
        case RunState.OBSERVING if not run.plan.previous_id or run.kind == "rollback":
            return "it is watched; bad news calls a person. See how it stands", f"mobius status {on}"
        case RunState.OBSERVING:
            return "it is judged by itself; to take it back at once", f"mobius rollback {on}"
        case RunState.NEEDS_OPERATOR:
            return REPORTED, f"mobius report {on}"
        case RunState.ACCEPTED:
            return "nothing to do; the way back is in", f"mobius status {on}"
        case RunState.ROLLED_BACK if run.kind == "rollback" and run.id < 0:
            return (
                "nobody watches, and it is written down here alone. When the journal is back",
                f"mobius resume {on}",
            )
        case RunState.ROLLED_BACK if run.kind == "rollback":
            return "nobody watches: no journal could be written then. To watch it now", f"mobius monitor {on}"
        case RunState.ROLLED_BACK if _action(run, failed) == "migrate":
            return _after_a_failed_migration(run)
        case RunState.ROLLED_BACK if run.exit_code == UNDECIDED:
            why = "nobody found it bad; once there is more traffic, or with longer stages, again; or all at once"
            return why, f"mobius deploy {on} --tag {run.plan.tag} --no-canary"
        case RunState.ROLLED_BACK:
            return "find out why", f"mobius logs {on}{f' --slot {run.plan.slot}' if run.plan.slot else ''}"
        case RunState.REFUSED:
            return "nothing was changed; mend what is named, then", _plan_again(run)
        case RunState.INCONCLUSIVE:
            return "nothing is decided by itself; look, then accept it or roll back", f"mobius accept {on}"
        case RunState.FAILED if held(run, begun):
            return REPORTED, f"mobius report {on}"
        case RunState.FAILED:
            return "a person is needed; the way that asks nothing", f"mobius rollback {on} --emergency"
        case RunState.SUPERSEDED | RunState.ABORTED:
            return "see what is live now", f"mobius status {on}"


def held(run: Run, begun: Collection[str]) -> bool:
    """Whether requests were held when it ended: then the release before is what did not come back, and code alone leads
    nowhere."""
    actions = {step.action for step in run.plan.rollout if step.id in begun}
    return "hold" in actions and "release_hold" not in actions


def _action(run: Run, step_id: str) -> str:
    step = run.plan.step(step_id)
    return step.action if step else ""


def _after_a_failed_migration(run: Run) -> tuple[str, str]:
    """Nothing of the new release ran: what helps is not its log."""
    again = f"-e {run.environment} --tag {run.plan.tag}"
    if " gave up: " in run.sentence:
        return "once nobody holds that lock", f"mobius deploy {again}"
    return (
        "what it said is in logs/deployment.log; mend it, then try it on a copy",
        f"mobius migrate rehearse {again}",
    )


def _plan_again(run: Run) -> str:
    if run.kind == "restart":
        return f"mobius restart -e {run.environment} --dry-run"
    tag = f" --tag {run.plan.tag}" if run.plan.tag else ""
    return f"mobius plan -e {run.environment}{tag}"
