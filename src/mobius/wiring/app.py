"""The App: every command's verb as a method. The library's whole door."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobius import config
from mobius.adapters import records
from mobius.adapters.places import Places
from mobius.adapters.redaction import redactor, secrets_of
from mobius.adapters.rehearsal.booting import why_no_boot
from mobius.adapters.served import url_of
from mobius.errors import UsageError
from mobius.flows import by_hand, restart
from mobius.flows import disarm as disarming
from mobius.flows import freeze as freezing
from mobius.flows.back_up import back_up
from mobius.flows.begin import begin
from mobius.flows.carry_on import carry_on
from mobius.flows.fetching import fetch
from mobius.flows.follow import Viewer as Viewer
from mobius.flows.follow import follow
from mobius.flows.look_on import LookingOn
from mobius.flows.off_site import copy_backup, stored_backups, tell_copied
from mobius.flows.plan import plan_deploy
from mobius.flows.plan_return import plan_rollback
from mobius.flows.plan_watch import plan_watch_of_now
from mobius.flows.reconcile import up_to_date
from mobius.flows.rehearse import choose, rehearse
from mobius.flows.releases import releases
from mobius.flows.report_issue import report_issue
from mobius.flows.restart import plan_restart
from mobius.flows.shadow import scored
from mobius.flows.standing import standing
from mobius.flows.status import status
from mobius.model.fleet import OnHosts
from mobius.model.migrating import MigrationLook
from mobius.model.plan import Plan
from mobius.model.quality import Reading
from mobius.model.ready import Confirmation, Point, Readiness
from mobius.model.release import BackupRecord, Release
from mobius.model.run import Run, RunState
from mobius.model.score import Score
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.model.status import DisarmNow, FreezeNow, IssueNow, ReleaseAtHand, Status
from mobius.model.stored import Copied, Fetched, StoredBackup
from mobius.model.verdict import CheckResult
from mobius.ports import Journal, Ports, ProcessStatus
from mobius.wiring.assemble import assemble
from mobius.wiring.journal import open_journal


def open_app(
    path: Path | str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> App:
    """The App of the `mobius.toml` at `path` (a file or its folder), or of the one here or above.

    Raises `ConfigurationError` with every mistake at once.
    """
    given = os.environ if environ is None else environ
    at = None if path is None else Path(path)
    if at is not None and at.is_dir():
        at = at / "mobius.toml"
    return App(config.load(at, environ=given, flags=flags or {}), given)


@dataclass(frozen=True, slots=True)
class App:
    """One service. Every method is what the command of the same name calls."""

    settings: Settings
    environ: Mapping[str, str]

    # -- looking ----------------------------------------------------------------------------------------------

    @property
    def environments(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.settings.environments)

    def environment(self, name: str | None) -> EnvironmentSettings:
        """The named environment, or the only one. Raises `UsageError` where that is not clear."""
        return self.settings.environment(name)

    def journal(self, name: str | None, *, read_only: bool = True) -> Journal:
        """The journal of one environment; read-only unless said."""
        settings = self.environment(name)
        places = Places(self.settings.project, settings.root, settings.release.link)
        redact = redactor(secrets_of(settings, places, self.environ))
        return open_journal(self.settings, settings, self.environ, redact, read_only=read_only)

    def ports(self, name: str | None, *, read_only: bool = False) -> Ports:
        """Everything the flows of one environment touch; to write, with the journal knowing what went past it."""
        made = assemble(self.settings, self.environment(name), self.environ, read_only=read_only)
        return made if read_only else up_to_date(made)

    def plan(
        self,
        name: str | None,
        tag: str | None = None,
        *,
        despite_freeze: str = "",
        canary: Sequence[int] | OnHosts | None = None,
        asks_ready: bool = True,
    ) -> Plan:
        """The plan of a deployment, its checks answered; nothing is changed. `canary`: the stages (percent, or on
        hosts), () for none, None for those of the configuration. `asks_ready`: where that is required."""
        return plan_deploy(
            self._tag(tag),
            self.ports(name, read_only=True),
            tool_version=version(),
            despite_freeze=despite_freeze,
            canary=canary,
            asks_ready=asks_ready,
        )

    def ready(self, name: str | None, tag: str | None = None) -> Readiness:
        """Whether a release is ready for the environment: the nine points, each with its proofs."""
        from mobius.wiring.ready import readiness

        return readiness(self, name, self._tag(tag))

    def confirm_ready(self, name: str | None, tag: str | None, point: Point, **said: Any) -> Confirmation:
        """Writes down what a person says of a point; `said`: by, note, withdrawn."""
        from mobius.wiring.ready import confirmed

        return confirmed(self, name, self._tag(tag), point, **said)

    def plan_restart(self, name: str | None, *, only: str = "", despite_freeze: str = "") -> Plan:
        """The plan of starting the live release anew; nothing is changed."""
        ports = self.ports(name, read_only=True)
        return plan_restart(ports, only=only, tool_version=version(), despite_freeze=despite_freeze)

    def plan_rollback(self, name: str | None, **how: Any) -> Plan:
        """The plan of a rollback; nothing is changed."""
        return plan_rollback(self.ports(name, read_only=True), tool_version=version(), **how)

    def status(self, name: str | None) -> Status:
        """How the environment stands."""
        settings = self.environment(name)
        return replace(status(self.ports(name, read_only=True)), web=url_of(settings.root))

    def releases(self, name: str | None) -> tuple[Release, ...]:
        """Every release that is known, newest first."""
        return standing(self.ports(name, read_only=True)).releases

    def releases_at_hand(self, name: str | None) -> tuple[ReleaseAtHand, ...]:
        """The same, each with its size and the way back to it."""
        return releases(self.ports(name, read_only=True))

    def smoke(self, name: str | None) -> tuple[CheckResult, ...]:
        """The smoke tests on the live address."""
        ports = self.ports(name, read_only=True)
        return ports.checks.smoke(ports.settings.url)

    def health(self, name: str | None) -> CheckResult:
        """The health endpoint on the live address, once."""
        ports = self.ports(name, read_only=True)
        return ports.checks.health(ports.settings.url)

    def performance(self, name: str | None, *, for_s: float) -> tuple[Reading, ...]:
        """The performance gates on the live release, measured for so long."""
        from mobius.flows.performance import performance

        return performance(self.ports(name, read_only=True), for_s=for_s)

    def report(self, name: str | None, run_id: int) -> dict[str, Any]:
        """The report of one run, JSON types only."""
        from mobius.wiring import reports

        return reports.made(self, name, run_id)

    def write_report(self, name: str | None, run_id: int, page: Path | None) -> Path:
        """Writes the report's JSON and its page (to `page`, or beside the journal); returns the page."""
        from mobius.wiring import reports

        return reports.written(self, name, run_id, page)

    # -- acting -----------------------------------------------------------------------------------------------

    def deploy(
        self,
        name: str | None = None,
        tag: str | None = None,
        *,
        plan_hash: str = "",
        detach: bool = False,
        despite_freeze: str = "",
        canary: Sequence[int] | OnHosts | None = None,
        viewer: Viewer | None = None,
    ) -> Run:
        """Deploys `tag` and follows until the verdict (with `detach`: until the window is open).

        Returns the run as it ended; its `exit_code` tells how. Raises `GateFailed`, `GateUnknown`, `Locked` or
        `UsageError` before anything is changed.
        """
        plan = self.plan(name, tag, despite_freeze=despite_freeze, canary=canary)
        return self._carry_out(plan, wanted_hash=plan_hash, viewer=viewer, until_window=detach)

    def restart(
        self,
        name: str | None = None,
        *,
        only: str = "",
        plan_hash: str = "",
        detach: bool = False,
        despite_freeze: str = "",
        viewer: Viewer | None = None,
    ) -> Run:
        """Starts the live release anew with the present configuration, and follows like `deploy`."""
        plan = self.plan_restart(name, only=only, despite_freeze=despite_freeze)
        return self._carry_out(plan, wanted_hash=plan_hash, viewer=viewer, until_window=detach)

    def is_restarted_in_place(self, name: str | None, process: str) -> bool:
        """Whether this process is restarted where it runs: a worker or singleton."""
        return restart.is_in_place(self.ports(name, read_only=True), process)

    def restart_in_place(
        self, name: str | None, process: str, *, despite_freeze: str = ""
    ) -> ProcessStatus | None:
        """Restarts one worker or singleton where it runs; None for a web process, which is restarted beside itself
        with the whole release."""
        if not restart.is_in_place(self.ports(name, read_only=True), process):
            return None
        return restart.restart_in_place(
            self.ports(name), process, who=self._who(), despite_freeze=despite_freeze
        )

    def freeze(self, name: str | None, *, until: float, reason: str) -> FreezeNow | None:
        """Nothing new begins until then (0: until it is lifted); returns the freeze it replaces."""
        return freezing.freeze(self.ports(name), until=until, reason=reason, who=self._who())

    def lift_freeze(self, name: str | None) -> FreezeNow | None:
        """Ends the freeze, which is returned; None where there was none."""
        return freezing.lift(self.ports(name), who=self._who())

    def frozen(self, name: str | None) -> FreezeNow | None:
        """The freeze that holds now."""
        return freezing.frozen(self.ports(name, read_only=True))

    def rollback(
        self, name: str | None = None, *, detach: bool = True, viewer: Viewer | None = None, **how: Any
    ) -> Run:
        """Goes back, and follows until traffic is back and the smoke tests ran (`detach=False`: to the end of the
        watch that follows). `plan`: one that was made and shown before."""
        plan = how.pop("plan", None) or self.plan_rollback(name, **how)
        return self._carry_out(plan, viewer=viewer, until_window=detach)

    def monitor(
        self,
        name: str | None = None,
        *,
        duration_s: float | None = None,
        shadow: bool = False,
        viewer: Viewer | None = None,
    ) -> Run:
        """Attaches to the open window, or opens one over what is live; `shadow`: one that judges and never acts."""
        if shadow:
            from mobius.wiring.watching import in_shadow

            return in_shadow(self, name).monitor(name, duration_s=duration_s, viewer=viewer)
        ports = self.ports(name)
        run = ports.journal.active_run(ports.settings.name)
        if run is None:
            run = self._open_watch(ports, duration_s)
        elif not ports.launcher.alive(run) and run.state is RunState.OBSERVING:
            ports.launcher.launch(run)
        return self.follow(run, viewer=viewer, ports=ports)

    def looking_on(self, name: str | None, run_id: int) -> LookingOn:
        """The window of a run, to be shown with all its figures. Changes nothing."""
        from mobius.wiring.watching import looking_on

        return looking_on(self, name, run_id)

    def disarm(self, name: str | None, *, for_s: float, reason: str) -> DisarmNow:
        """For so many seconds no verdict acts."""
        return disarming.disarm(self.ports(name), for_s=for_s, reason=reason, who=self._who())

    def arm(self, name: str | None) -> DisarmNow | None:
        """Verdicts act again; returns what held."""
        return disarming.arm(self.ports(name), who=self._who())

    def report_issue(self, name: str | None, text: str, *, by: str | None = None) -> tuple[IssueNow, int]:
        """Writes down what a user reports; returns it with the run whose window is open, else 0."""
        return report_issue(self.ports(name), text, by=by or self._who())

    def score(self, name: str | None) -> Score:
        """How right the watch was, over all windows."""
        return scored(self.ports(name, read_only=True))

    def accept(self, name: str | None = None) -> Run:
        """Keeps the live release and ends its window."""
        return by_hand.accept_by_hand(self.ports(name), who=self._who())

    def abort(self, name: str | None = None, *, viewer: Viewer | None = None) -> Run:
        """Stops the run that is going on and takes back what it did."""
        ports = self.ports(name)
        return self.follow(by_hand.abort(ports, who=self._who()), viewer=viewer, ports=ports)

    def resume(
        self, name: str | None = None, *, step_done: bool | None = None, viewer: Viewer | None = None
    ) -> Run:
        """Carries on a run that stands still."""
        ports = self.ports(name)
        run = by_hand.resume(ports, step_done=step_done)
        return self.follow(run, viewer=viewer, until_window=True, ports=ports)

    def create_backup(
        self,
        name: str | None = None,
        *,
        folder: Path | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> BackupRecord:
        """Backs up what is live now, outside any run; to `folder`, where one is given."""
        if folder is None:
            return back_up(self.ports(name), progress=progress)
        settings = self.environment(name)
        there = replace(settings, backup=replace(settings.backup, folder=folder))
        return back_up(assemble(self.settings, there, self.environ, read_only=False), progress=progress)

    def rehearse(
        self,
        name: str | None = None,
        backup: str = "",
        *,
        boot: bool | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> tuple[BackupRecord, Mapping[str, Any]]:
        """Restores a backup (the newest, when none is named) in a scratch place, starts its release there (`boot`;
        None: as `rehearsal.boot` says), and writes down what was proven. Returns it with everything that was found."""
        return rehearse(self.ports(name), backup, boot=boot, progress=progress)

    def rehearsal_of(
        self, name: str | None = None, backup: str = "", *, boot: bool | None = None
    ) -> tuple[BackupRecord, bool, str]:
        """What a rehearsal would be of: the backup, whether its release would be started, and why it could not be.
        Changes nothing."""
        settings = self.environment(name)
        chosen = choose(self.ports(name, read_only=True), backup)
        wanted = settings.rehearsal.boots(pending=False) if boot is None else boot
        return chosen, wanted, why_no_boot(settings) if wanted else ""

    def look_at_migrations(self, name: str | None = None, tag: str | None = None) -> MigrationLook:
        """What is pending in `tag`, judged by its text and by the last rehearsal; nothing is changed."""
        from mobius.wiring.migrating import look

        return look(self, name, self._tag(tag))

    def rehearse_migrations(
        self, seen: MigrationLook, *, progress: Callable[[str], None] = lambda _: None, **how: Any
    ) -> MigrationLook:
        """Runs what was looked at on a restored backup, up and down, and starts both releases there; `how`: backup,
        fresh, fast, boot. Nothing that serves is touched. Returns the look with what was seen."""
        from mobius.wiring.migrating import rehearse as rehearse_them

        return rehearse_them(self, seen, progress=progress, **how)

    def copy_backup(
        self, name: str | None, backup: BackupRecord, *, progress: Callable[[str], None] = lambda _: None
    ) -> Copied:
        """Copies a backup to the store, and writes down that it is there."""
        ports = self.ports(name)
        copied = copy_backup(ports, backup, progress=progress)
        tell_copied(ports, copied)
        return copied

    def stored_backups(self, name: str | None = None) -> tuple[StoredBackup, ...]:
        """The copies in the store, newest first."""
        return stored_backups(self.ports(name, read_only=True))

    def fetch_backup(
        self,
        name: str | None,
        backup: str,
        *,
        folder: Path | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Fetched:
        """Brings a copy back, verified; into the folder for backups when no other is given."""
        return fetch(self.ports(name), backup, folder, progress=progress)

    def run_on(self, name: str, run_id: int) -> Run:
        """Is the runner of a run, in this process, to its end."""
        return carry_on(run_id, self.ports(name))

    # -- following --------------------------------------------------------------------------------------------

    def follow(
        self,
        run: Run,
        *,
        viewer: Viewer | None = None,
        until_window: bool = False,
        after: int = 0,
        ports: Ports | None = None,
    ) -> Run:
        """Shows every event of the run after seq `after` to `viewer` until it ends, waits for a person, or
        (`until_window`) is observing. Only looks: ending it early changes nothing. By the journal of `ports` a server
        that goes away is waited for from the start: it was there."""
        looking = ports or self.ports(run.environment, read_only=True)
        return follow(run, looking, viewer, until_window=until_window, after=after)

    def _carry_out(
        self, plan: Plan, *, viewer: Viewer | None, until_window: bool, wanted_hash: str = ""
    ) -> Run:
        ports = self.ports(plan.environment)
        run = begin(plan, ports, lead=self._lead(plan.environment), wanted_hash=wanted_hash)
        return run if run.ended else self.follow(run, viewer=viewer, until_window=until_window, ports=ports)

    # -- who and what -----------------------------------------------------------------------------------------

    def _open_watch(self, ports: Ports, duration_s: float | None) -> Run:
        window_s = duration_s or ports.settings.window_s
        plan = plan_watch_of_now(ports, window_s=window_s, tool_version=version())
        return begin(plan, ports, lead=self._lead(ports.settings.name))

    def _tag(self, tag: str | None) -> str:
        if tag or self.settings.release_tag:
            return tag or self.settings.release_tag or ""
        raise UsageError("which release?", "add --tag, or set RELEASE_TAG")

    def _lead(self, name: str | None) -> str:
        return self.environment(name).deploy_lead or self._who()

    def _who(self) -> str:
        made = records.holder()
        return f"{made.user}@{made.host}"


def version() -> str:
    """The installed version of mobius."""
    from importlib.metadata import version as installed

    return installed("mobius")
