"""The fleet target: a slot is the same release on every host of its role, each started by the agent there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mobius.adapters.fleet.answers import epoch_of, host_seen, names_in, same_place, slots_of
from mobius.adapters.fleet.hosts import Hosts, Told
from mobius.adapters.fleet.line import HostLost
from mobius.adapters.fleet.packing import packed
from mobius.adapters.fleet.repair import Repair
from mobius.adapters.places import Places
from mobius.adapters.releases.tree import tree_digest
from mobius.adapters.targets.front_door import shared_out
from mobius.errors import MobiusError
from mobius.model.emergency import Epoch
from mobius.model.fleet import HostSeen, HostSettings
from mobius.model.haproxy import SLOTS
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus
from mobius.report.words import duration
from mobius.rules.placing import belongs, placed

LEAST_FREE_BYTES = 200 << 20
MOST_NAMED = 30
CLOCK_OFF_S = 60.0  # less may be the time that the answer took


class FleetTarget:
    """Slots of one environment on its hosts. What a host was told, it keeps to by itself."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        environ: Mapping[str, str],
        hosts: Hosts,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._environ = environ
        self._hosts = hosts
        self._say = say

    def prepare(self) -> None:
        """Hosts that were out and answer again are put right, and take part from then on."""
        self._places.root.mkdir(parents=True, exist_ok=True)
        self.repair([name for name, one in self._hosts.absent().items() if not one.is_bad])

    def repair(self, names: Sequence[str]) -> tuple[str, ...]:
        """These hosts, if they answer, run what the others run; those that are part of the fleet again."""
        repair = Repair(self._hosts, self._settings.processes, self.bring, self._places.releases.joinpath)
        put_right = repair.put_right(names)
        if put_right:
            self._hosts.take_back_in(*put_right)
            self._say(f"{', '.join(put_right)}: back in the fleet")
        return put_right

    def preflight(self) -> tuple[CheckResult, ...]:
        told, absent = self._hosts.ask("hello", list(self._hosts.all)), self._hosts.absent()
        twice = same_place(told)
        found = [self._looked(name, told, absent, twice.get(name, "")) for name in self._hosts.all]
        left = [one for one in found if one.outcome is not Outcome.PASS]
        if len(found) > MOST_NAMED:  # of many hosts only those are named that do not pass
            found = left
        if not twice and len(left) <= self._hosts.settings.failure_budget < len(self._hosts.all):
            words = f"all {len(self._hosts.all):,} hosts answer"
            if left:
                may = f"{self._hosts.settings.failure_budget} of {len(self._hosts.all):,} may fail"
                words = f"goes on even without {', '.join(_name(one) for one in left)} ({may}): "
                words += "; ".join(one.message for one in left)
            return (
                CheckResult("fleet", Outcome.PASS, words, 0.0),
                *(o for o in found if o.outcome is Outcome.PASS),
            )
        return tuple(found)

    # -- acting ----------------------------------------------------------------------------------------------

    def fence(self, token: int, *, by: str = "") -> None:
        """Who is not reached learns of it when it is: with the first thing it is asked."""
        self._hosts.fence(token, by=by)

    def epoch(self) -> Epoch:
        told = self._hosts.ask("hello", list(self._hosts.all))
        if not told.answers:
            raise next(iter(told.failed.values()))
        return max((epoch_of(answer) for answer in told.answers.values()), key=lambda one: one.token)

    def leave_out_lost(self) -> tuple[str, ...]:
        """From here on, until this target is made anew, no host that is lost stops a way back."""
        self._hosts.goes_back = True
        told = self._hosts.ask("hello")
        lost = {name: problem for name, problem in told.failed.items() if isinstance(problem, HostLost)}
        self._go_on_without(lost, "going back")
        return tuple(lost)

    def leave_out(self, hosts: Mapping[str, str]) -> None:
        bad = {host: MobiusError(why) for host, why in hosts.items() if host not in self._hosts.absent()}
        budget = len(self._hosts.all) - 1 if self._hosts.goes_back else None
        self._hosts.leave_out(bad, "judging", budget=budget, are_bad=True)

    def left_out(self) -> tuple[str, ...]:
        return tuple(self._hosts.absent())

    def put_right(self) -> tuple[str, ...]:
        """Each is started anew, for what made it bad may be in what runs there."""
        out = self._hosts.absent()
        for slot in SLOTS:
            bad = [name for name, one in out.items() if one.is_bad]
            there = self._hosts.ask("hello", bad).answers
            on = [name for name, answer in there.items() if slot in slots_of(answer)]
            self._hosts.change("stop", on, slot=slot, kinds=["web"])
        repair = Repair(self._hosts, self._settings.processes, self.bring, self._places.releases.joinpath)
        return repair.put_right(list(out))

    def take_back_in(self, hosts: Sequence[str]) -> None:
        self._hosts.take_back_in(*hosts)

    def addresses(self, slot: str) -> Mapping[str, str]:
        web = next((one for one in self._settings.processes if one.kind == "web"), None)
        there = [host for host in self._hosts.all.values() if web is not None and belongs(host, web)]
        return {
            host.name: f"http://{host.host}:{self._port(host, slot, web.name if web else '')}"
            for host in there
        }

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        """A singleton whose host is lost meanwhile is started on the next one."""
        while True:
            seen = self._hosts.ask("hello")
            failed: Mapping[str, MobiusError] = seen.failed
            if not failed:
                there = {name: names_in(answer, slot) for name, answer in seen.answers.items()}
                self._refuse_two(slot, processes, seen)
                failed = self.bring(slot, release_id, cwd, self._placed(processes, there))
            if not failed:
                return
            self._go_on_without(failed, f"starting {release_id}")

    def bring(
        self, slot: str, release_id: str, cwd: Path, wanted: Mapping[str, Sequence[ProcessSettings]]
    ) -> Mapping[str, MobiusError]:
        """These processes of the release run on these hosts; where not, and why."""
        if not wanted:
            return {}
        staged = self._stage(release_id, cwd, list(wanted))
        told = self._hosts.change(
            "start",
            [name for name in wanted if name not in staged.failed],
            each=lambda host: {"processes": [self._told(host, slot, one) for one in wanted[host.name]]},
            slot=slot,
            release=release_id,
        )
        return {**staged.failed, **told.failed}

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        told = self._hosts.change("stop", slot=slot, kinds=list(kinds))
        self._go_on_without(told.failed, f"stopping {slot}")

    def restart(self, slot: str, name: str) -> None:
        on = [one.host for one in self.processes() if (one.slot, one.name) == (slot, name)]
        if not on:
            raise MobiusError(f"there is no {name} in {slot}", f"mobius status -e {self._settings.name}")
        told = self._hosts.change("restart", on, slot=slot, name=name)
        self._go_on_without(told.failed, f"restarting {name}")

    def point_to(self, live: str, previous: str) -> None:
        """Every host keeps by itself which releases are live and previous."""
        told = self._hosts.change("point", live=live, previous=previous)
        self._go_on_without(told.failed, "naming the live release")

    def pointed(self) -> tuple[str, str] | None:
        """(live, previous) as most of the hosts say that have seen the highest token; None where none says."""
        told = self._hosts.ask("hello")
        states = [answer["state"] for answer in told.answers.values() if answer["state"]["live"]]
        highest = max((int(state["epoch"]) for state in states), default=0)
        said = Counter(
            (str(state["live"]), str(state.get("previous") or ""))
            for state in states
            if int(state["epoch"]) == highest
        )
        return said.most_common(1)[0][0] if said else None

    def remove(self, release_id: str) -> None:
        """Takes the release away from every host that is reached. Raises `MobiusError` for what would not."""
        told = self._hosts.change("remove", release=release_id)
        if told.failed:
            raise next(iter(told.failed.values()))

    # -- looking ---------------------------------------------------------------------------------------------

    def processes(self) -> tuple[ProcessStatus, ...]:
        """Of every host that takes part. What a host that does not answer runs is unknown, which raises, unless the
        failure budget allows to go on without it."""
        told = self._hosts.ask("processes")
        if self._hosts.is_too_many(told.failed):
            raise next(iter(told.failed.values()))
        return tuple(
            self._status(self._hosts.all[name], key, one)
            for name, answer in told.answers.items()
            for key, one in answer["processes"].items()
        )

    def slot_url(self, slot: str) -> str:
        """Of the first host where it is up."""
        return next((url for url in self.slot_urls(slot).values() if url), "")

    def slot_urls(self, slot: str) -> Mapping[str, str]:
        up = {
            one.host: one.url
            for one in self.processes()
            if one.slot == slot and one.kind == "web" and one.state == "running"
        }
        takers = self._takers([one for one in self._settings.processes if one.kind == "web"])
        return {name: up.get(name, "") for name in takers}

    def log_tail(self, slot: str, lines: int = 20) -> str:
        told = self._hosts.ask("tail", slot=slot, lines=lines)
        tails = [
            [f"{name}: {line}" for line in str(answer["text"]).splitlines()]
            for name, answer in told.answers.items()
        ]
        return "\n".join(shared_out(tails, lines))

    def hosts(self) -> tuple[HostSeen, ...]:
        told = self._hosts.ask("hello", list(self._hosts.all))
        try:
            absent = self._hosts.absent()
        except MobiusError:
            absent = {}
        return tuple(host_seen(name, told, absent.get(name)) for name in self._hosts.all)

    # -- one host --------------------------------------------------------------------------------------------

    def _go_on_without(self, failed: Mapping[str, MobiusError], doing: str) -> None:
        """Within the failure budget; on a way back, as long as one host is left."""
        budget = len(self._hosts.all) - 1 if self._hosts.goes_back else None
        self._hosts.leave_out(failed, doing, budget=budget)

    def _takers(self, processes: Sequence[ProcessSettings]) -> list[str]:
        """The hosts that take part and run any of these."""
        return list(self._placed(processes, {}))

    def _placed(
        self, processes: Sequence[ProcessSettings], there: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Sequence[ProcessSettings]]:
        return placed(processes, [self._hosts.all[name] for name in self._hosts.present()], there)

    def _refuse_two(self, slot: str, processes: Sequence[ProcessSettings], seen: Told) -> None:
        """Workers and singletons never run in two slots, on whichever hosts."""
        for process in processes:
            for name, answer in seen.answers.items():
                for other in slots_of(answer) if process.kind != "web" else ():
                    if other != slot and process.name in names_in(answer, other):
                        raise MobiusError(
                            f"{process.name} is a {process.kind} and still runs in {other} on {name}",
                            f"see what is live: mobius status -e {self._settings.name}",
                        )

    def _stage(self, release_id: str, cwd: Path, names: Sequence[str]) -> Told:
        tree = cwd.resolve()
        digest = tree_digest(tree)
        has = self._hosts.ask("hello", names)
        missing = [name for name, one in has.answers.items() if release_id not in one["releases"]]
        sent = self._hosts.change(
            "stage",
            missing,
            each=lambda _: {"stream": lambda: packed(tree)},
            release=release_id,
            digest=digest,
        )
        return Told(sent.answers, {**has.failed, **sent.failed})

    def _told(self, host: HostSettings, slot: str, process: ProcessSettings) -> Mapping[str, Any]:
        passed = {name: self._environ[name] for name in process.pass_env if name in self._environ}
        own = {
            "MOBIUS_ENVIRONMENT": self._settings.name,
            "MOBIUS_HOST": host.name,
            "MOBIUS_PROCESS": process.name,
            "PYTHONUNBUFFERED": "1",
        }
        return {
            "name": process.name,
            "kind": process.kind,
            "start": list(process.start),
            "env": {**own, **process.env, **passed},
            "env_file": process.env_file,
            "port": self._port(host, slot, process.name) if process.kind == "web" else 0,
            "stop_signal": process.stop_signal,
            "stop_timeout_s": process.stop_timeout_s,
        }

    def _port(self, host: HostSettings, slot: str, name: str) -> int:
        webs = [process.name for process in self._settings.processes if process.kind == "web"]
        return host.port + 2 * webs.index(name) + SLOTS.index(slot)

    def _status(self, host: HostSettings, key: str, one: Mapping[str, Any]) -> ProcessStatus:
        slot, _, name = key.partition("/")
        return ProcessStatus(
            name=name,
            kind=str(one["kind"]),
            slot=slot,
            release_id=str(one["release"]),
            state=str(one["state"]),
            pid=int(one["pid"]),  # of that host: here the number is somebody else's
            restarts=int(one["restarts"]),
            url=f"http://{host.host}:{one['port']}" if one["port"] else "",
            host=host.name,
        )

    def _looked(self, name: str, told: Told, absent: Mapping[str, object], same_as: str) -> CheckResult:
        """One host before a deployment; `same_as`: another one that is the same folder of the same machine."""
        title = f"host {name}"
        if name in told.failed:
            problem = told.failed[name]
            outcome = Outcome.ERROR if isinstance(problem, HostLost) else Outcome.FAIL
            return CheckResult(title, outcome, problem.message, 0.0, problem.hint)
        answer = told.answers[name]
        if same_as:
            words = (
                f"{name} and {same_as} are one machine and one folder: take one of them out of mobius.toml"
            )
            return CheckResult(title, Outcome.FAIL, words, 0.0)
        free = int(answer["free_bytes"])
        if free < LEAST_FREE_BYTES:
            return CheckResult(title, Outcome.FAIL, f"{name} has {free >> 20} MiB of disk left", 0.0)
        off_s = float(answer.get("now") or 0) - self._hosts.now() if answer.get("now") else 0.0
        clock = f", its clock is {duration(abs(off_s))} {'ahead' if off_s > 0 else 'behind'}"
        again = ", it was out of the fleet and is put right first" if name in absent else ""
        return CheckResult(
            title,
            Outcome.PASS,
            f"answers, Python {answer['python']}{again}{clock if abs(off_s) > CLOCK_OFF_S else ''}",
            0.0,
        )


def _name(check: CheckResult) -> str:
    return check.name.removeprefix("host ")
