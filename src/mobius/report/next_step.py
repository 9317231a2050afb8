"""The next thing to do after a run, as a command that can be copied and the reason for it."""

from __future__ import annotations

from mobius.model.run import Run, RunState


def next_step(run: Run) -> tuple[str, str]:
    """(why, command) for how this run stands; the command is never empty."""
    on = f"-e {run.environment}"
    match run.state:
        case RunState.QUEUED | RunState.RUNNING | RunState.ROLLING_BACK:
            return "it goes on by itself; to look on", f"mobius monitor {on}"
        case RunState.OBSERVING if not run.plan.previous_id or run.kind == "rollback":
            return "it is watched; bad news calls a person. See how it stands", f"mobius status {on}"
        case RunState.OBSERVING:
            return "it is judged by itself; to take it back at once", f"mobius rollback {on}"
        case RunState.NEEDS_OPERATOR:
            return "a person must choose; what happened and the choices are in", f"mobius report {on}"
        case RunState.ACCEPTED:
            return "nothing to do; the way back is in", f"mobius status {on}"
        case RunState.ROLLED_BACK if run.kind == "rollback":
            return "nobody watches: no journal could be written. Mend that, then", f"mobius monitor {on}"
        case RunState.ROLLED_BACK:
            return "find out why", f"mobius logs {on}{f' --slot {run.plan.slot}' if run.plan.slot else ''}"
        case RunState.REFUSED:
            return "nothing was changed; mend what is named, then", _plan_again(run)
        case RunState.INCONCLUSIVE:
            return "the previous release stays warm; look, then accept it or roll back", f"mobius accept {on}"
        case RunState.FAILED:
            return "a person is needed; the way that asks nothing", f"mobius rollback {on} --emergency"
        case RunState.SUPERSEDED | RunState.ABORTED:
            return "see what is live now", f"mobius status {on}"


def _plan_again(run: Run) -> str:
    if run.kind == "restart":
        return f"mobius restart -e {run.environment} --dry-run"
    tag = f" --tag {run.plan.tag}" if run.plan.tag else ""
    return f"mobius plan -e {run.environment}{tag}"
