"""The vocabulary of plans: every kind of step in one place, with its class and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any

from mobius.model.plan import Repeat, Step
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings, GateCommand, ProcessSettings, StoreSettings

BLUE, GREEN = "blue", "green"
AFTERWARDS = "afterwards"  # the phase of what is done when users are served again
ALONE = ("worker", "singleton")  # kinds of which two releases never run at once


def gate(asked: GateCommand) -> Step:
    """One quality gate: any command with an exit code."""
    what = {"name": asked.name, "run": list(asked.run)}
    return Step("", "gate", "gate", f"ask the gate {asked.name}", what, expected_s=5.0)


def gates_after(asked: Sequence[GateCommand]) -> list[Step]:
    """The gates of the window, asked of what came back: told, never fatal."""
    return [
        Step(
            "",
            "gate",
            "gate_after",
            f"ask the gate {gate.name} of what came back",
            {"name": gate.name},
            expected_s=5.0,
        )
        for gate in asked
        if gate.when in ("window", "both")
    ]


def stage(release: Release, build: Sequence[Sequence[str]]) -> Step:
    """Lay out and build the release."""
    what = {"release": asdict(release), "build": [list(command) for command in build]}
    title = f"stage {release.tag} as {release.id}"
    return Step("", "stage", "stage", title, what, Repeat.OBSERVABLE, 5 + 30 * len(build))


def configure(release: Release, live_id: str, only: str = "") -> Step:
    """The live tree with the present configuration: of every process, or of `only` one. The configuration itself is
    not in the step, for it may hold secrets: its digest is in the release."""
    what = {"release": asdict(release), "from": live_id, "only": only}
    whose = f"of {only}" if only else "of mobius.toml"
    title = f"give {live_id} the present configuration {whose}, as {release.id}"
    return Step("", "stage", "configure", title, what, expected_s=0.5)


def register(release: Release) -> Step:
    """Remember a release that somebody else lays out."""
    title = f"write down {release.tag} as {release.id}"
    return Step("", "stage", "register", title, {"release": asdict(release)}, expected_s=0.1)


def command(name: str, argv: Sequence[str], *, tag: str, previous_tag: str, phase: str) -> Step:
    """The service's own command. Interrupted, it is looked at: it may have ended, or the version tells."""
    what = {"name": name, "argv": list(argv), "tag": tag, "previous_tag": previous_tag}
    title = f"run the {name} command" + (f" for {tag}" if tag and name in ("deploy", "rollback") else "")
    repeat = Repeat.OBSERVABLE if name in ("deploy", "rollback") else Repeat.REPEATABLE
    return Step("", phase, "command", title, what, repeat, 30.0, effect=True)


def end_commands(prefix: str) -> Step:
    """Nothing of the way forward goes on while going back."""
    what = {"prefix": prefix}
    return Step("", "way back", "end_commands", "end the command that still runs, if any", what, effect=True)


def see_version(tag: str) -> Step:
    """What is live says itself that it is this."""
    title = f"the version command says {tag}"
    return Step("", "await healthy", "see_version", title, {"tag": tag}, expected_s=1.0)


def backup(guards: str, reuse_within_s: float = 0.0) -> Step:
    """The backup this run can be taken back to. `reuse_within_s`: one that is no older serves again, verified anew."""
    title = "back up the live release and its data" if guards else "back up the data"
    what: dict[str, Any] = {"guards": guards}
    if guards and reuse_within_s:
        title += f", or use one of the last {reuse_within_s / 60:g} min again"
        what["reuse_within_s"] = reuse_within_s
    return Step("", "backup", "backup", title, what, Repeat.OBSERVABLE, 5.0)


def verify() -> Step:
    """Read the backup again before anything depends on it."""
    return Step("", "verify", "verify", "re-read the backup and check every hash", {}, expected_s=2.0)


def verify_file(path: str) -> Step:
    """The same for a named archive."""
    return Step(
        "", "verify", "verify", f"check every hash of {_name(path)}", {"backup": path}, expected_s=2.0
    )


def rehearse(
    release_id: str,
    pending: Sequence[str],
    restore_s: float,
    *,
    boot: str = "",
    only_to_migrate: bool = False,
) -> Step:
    """Prove the way back before the way forward is taken. `boot`: the release to start on the restored copy;
    `only_to_migrate`: for what that tells of the migrations, so that it stops nothing where it does not start there."""
    title = "restore it into a scratch place and check it" + (", then migrate the copy" if pending else "")
    title += f", then boot {boot} on it, cut off, and smoke-test it" if boot else ""
    what: dict[str, object] = {"release_id": release_id, "names": list(pending)}
    what |= {"boot": "auto" if only_to_migrate else True} if boot else {}
    return Step("", "rehearse", "rehearse", title, what, expected_s=restore_s or 5.0)


def copy_backup(store: StoreSettings) -> Step:
    """Copy this run's backup off the machine. Not required: where that fails, it is told, and the run goes on."""
    title = f"copy the backup to {store.url}"
    return Step("", "copy", "copy_backup", title, {"required": store.required}, expected_s=10.0)


def migrate(release_id: str, pending: Sequence[str], *, opaque: bool = False) -> Step:
    """Move the live schema forward. `opaque`: nobody can see afterwards what was applied."""
    what = {"release_id": release_id, "names": list(pending)}
    repeat = Repeat.ASK if opaque else Repeat.OBSERVABLE
    return Step("", "migrate", "migrate", f"apply {', '.join(pending)}", what, repeat, 2.0, effect=True)


def take_down(release_id: str, names: Sequence[str], *, opaque: bool = False) -> Step:
    """Move the live schema back. `opaque`: nobody can see afterwards what was taken back."""
    what = {"release_id": release_id, "names": list(names)}
    repeat = Repeat.ASK if opaque else Repeat.OBSERVABLE
    return Step("", "data", "down", "take the migrations back", what, repeat, 2.0, effect=True)


def prepare_data(path: str = "", restore_s: float = 0.0) -> Step:
    """Lay the data of a backup out beside the present data, while everything still serves."""
    whose = _name(path) or "this run's backup"
    title = f"lay out the data of {whose} beside the live data"
    return Step("", "lay out", "prepare_data", title, {"backup": path}, expected_s=restore_s or 5.0)


def restore_data(path: str = "", *, even_if_open: bool = False) -> Step:
    """Put the data of a backup (this run's own when no path is given) in place of the present data."""
    title = f"restore the data of {_name(path)}" if path else "restore the data of this run's backup"
    what = {"backup": path, "even_if_open": even_if_open}
    return Step("", "data", "restore_data", title, what, Repeat.REPEATABLE, 0.5, effect=True)


def _name(path: str) -> str:
    return PurePath(path).name if path else ""


def list_lost(path: str = "") -> Step:
    """Once users are served again: row by row, what is not in the live data any more."""
    return Step("", AFTERWARDS, "list_lost", "list what was written since the backup", {"backup": path})


def let_go() -> Step:
    """The content that was replaced, once it is not needed: the emergency backup holds it."""
    return Step(
        "", "accept", "let_go", "remove the data that was replaced, if the emergency backup has it all", {}
    )


def restore_release(path: str) -> Step:
    """Lay out the code that a backup holds."""
    return Step(
        "",
        "stage",
        "restore_release",
        f"lay out the release of {_name(path)}",
        {"backup": path},
        expected_s=5.0,
    )


def emergency_backup(release_id: str, *, advisory: bool = False) -> Step:
    """Keep the present state, good or bad. Advisory: where nothing is overwritten, its failure is only told."""
    what = {"release_id": release_id, "advisory": advisory}
    return Step("", "backup", "emergency_backup", "back up the present state", what, Repeat.OBSERVABLE, 5.0)


def start_web(slot: str, release_id: str) -> Step:
    """Start what may overlap."""
    what = {"slot": slot, "release_id": release_id, "kinds": ["web"]}
    return Step("", "start", "start", f"start {release_id} in {slot}", what, effect=True)


def stop(slot: str, why: str, phase: str = "stop") -> Step:
    """Stop everything in a slot."""
    return Step("", phase, "stop", f"{why} ({slot})", {"slot": slot, "kinds": []}, effect=True)


def await_healthy(settings: EnvironmentSettings, slot: str, release_id: str) -> Step:
    """The health gate before traffic."""
    health = settings.health
    title = (
        f"{health.successes} good answers of {health.path} in a row, over {health.min_healthy_s:g} s or more"
    )
    expected_s = max(health.min_healthy_s, health.successes * health.interval_s)
    what = {"slot": slot, "release_id": release_id}
    return Step("", "await healthy", "await_healthy", title, what, expected_s=expected_s)


def ensure_up(slot: str, release_id: str) -> Step:
    """The release to go back to answers: at once where it is warm, else it is started and awaited."""
    what = {"slot": slot, "release_id": release_id}
    return Step("", "way back", "ensure_up", f"see that {release_id} answers in {slot}", what, expected_s=0.1)


def smoke(slot: str, *, advisory: bool = False) -> Step:
    """Smoke tests of one slot, or of the live address when `slot` is empty. Advisory: told, never fatal."""
    where = f"against {slot}, before traffic" if slot else "on the live address"
    return Step(
        "", "smoke", "smoke", f"smoke tests {where}", {"slot": slot, "advisory": advisory}, expected_s=2.0
    )


def switch(to: str, away_from: str, title: str) -> Step:
    """One write that decides where every new request goes; to nothing when `to` is empty."""
    what = {"to": to, "from": away_from}
    return Step("", "switch", "switch", title, what, Repeat.OBSERVABLE, 0.1, effect=True)


def drain(slot: str, phase: str = "drain") -> Step:
    """Let what is in flight finish."""
    title = f"let requests in flight on {slot} finish"
    return Step("", phase, "drain", title, {"slot": slot}, expected_s=1.0)


def hold() -> Step:
    """Queue new requests while data is changed."""
    return Step("", "hold", "hold", "hold new requests", {}, effect=True)


def quiet(max_s: float, slot: str, release_id: str) -> list[Step]:
    """Nobody writes while the schema moves: requests wait, and what runs in the slot stops. None of it is done where
    the rehearsal proved that this release works on the new schema as well."""
    held = {"unless_open": True}
    hold = Step(
        "",
        "hold",
        "hold",
        f"hold new requests for at most {max_s:g} s, unless {release_id} was seen to work on the new schema",
        {"max_s": max_s, **held},
        effect=True,
    )
    look = Step(
        "",
        "hold",
        "see_hold",
        "go on, or back where that is sooner over for those who wait",
        held,
        expected_s=0.1,
    )
    emptied, stopped = drain(slot, "hold"), stop(slot, "stop what writes", "hold")
    with_held = [replace(step, params={**step.params, **held}) for step in (emptied, stopped)]
    return [hold, *with_held, look]


def release_hold() -> Step:
    """Let the queued requests go on."""
    return Step("", "hold", "release_hold", "let held requests go on", {}, effect=True)


def mark_live(release_id: str, *, previous_id: str = "", failed_id: str = "", slot: str = "") -> Step:
    """Version markers and journal: what is live, what is the way back, what failed."""
    what = {"release_id": release_id, "previous_id": previous_id, "failed_id": failed_id, "slot": slot}
    title = f"write the version markers: {release_id or 'nothing'} is live"
    return Step("", "record", "mark_live", title, what, effect=True)


def prune() -> Step:
    """Retention."""
    title = "remove releases and backups past their retention"
    return Step("", "accept", "prune", title, {})


def change_over(
    old_slot: str,
    old: Sequence[ProcessSettings],
    new_slot: str,
    new_id: str,
    new: Sequence[ProcessSettings],
) -> list[Step]:
    """Workers and singletons: the old stop before the new start, so that none ever runs twice."""
    steps = []
    if old_slot and any(process.kind in ALONE for process in old):
        what = {"slot": old_slot, "kinds": list(ALONE)}
        steps.append(Step("", "workers", "stop", f"stop the workers in {old_slot}", what, effect=True))
    if new_id and any(process.kind in ALONE for process in new):
        start = {"slot": new_slot, "release_id": new_id, "kinds": list(ALONE)}
        steps.append(Step("", "workers", "start", f"start the workers in {new_slot}", start, effect=True))
    return steps


def numbered(prefix: str, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Ids that stay the same for the same plan: the list, the place in it, and the action."""
    return tuple(
        replace(step, id=f"{prefix}-{number:02d}-{step.action.replace('_', '-')}")
        for number, step in enumerate(steps, 1)
    )
