"""What `mobius.toml`, the environment and the flags say together, as frozen data.

Paths are absolute. Nothing here reads a file; `mobius.config.load` makes these, and refuses what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from mobius.errors import UsageError
from mobius.model.evidence import EvidenceSettings as EvidenceSettings
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.forge import GitHubSettings as GitHubSettings
from mobius.model.monitor_settings import MonitorSettings as MonitorSettings
from mobius.model.notices import EscalationSettings, NotifySettings
from mobius.model.policies import CONSERVATIVE
from mobius.model.policies import PolicySettings as PolicySettings
from mobius.model.premerge import PremergeSettings as PremergeSettings
from mobius.model.quality import MediaSettings as MediaSettings
from mobius.model.quality import QualityGates as QualityGates
from mobius.model.ready import ReadySettings as ReadySettings
from mobius.model.scan import ScanSettings as ScanSettings
from mobius.model.target_settings import CommandSettings as CommandSettings
from mobius.model.target_settings import SystemdSettings as SystemdSettings

Target = Literal["process", "systemd", "ssh", "command", "observe"]
TrafficKind = Literal["door", "haproxy", "nginx", "caddy"]
LogFormat = Literal["auto", "combined", "json"]
ProcessKind = Literal["web", "worker", "singleton"]
DatabaseKind = Literal["postgresql"]
DatabaseEngine = Literal["dump", "pgbackrest"]
MigrationKind = Literal["sql", "alembic", "django", "command"]
SmokeKind = Literal["http", "database", "file", "tls", "command"]
GateTime = Literal["before", "window", "both"]
Source = Literal["flag", "environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Settings:
    """One service. `file`: the `mobius.toml` read; `project`: its folder; `origins`: source of each value."""

    service: str
    project: Path
    environments: Mapping[str, EnvironmentSettings]
    file: Path | None = None
    release_tag: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def environment(self, name: str | None) -> EnvironmentSettings:
        """The named environment, or the only one. Raises UsageError where that is not clear, or there is none such."""
        if name is None and len(self.environments) == 1:
            return next(iter(self.environments.values()))
        if name is None:
            raise UsageError("which environment?", f"add -e with one of: {', '.join(self.environments)}")
        if name in self.environments:
            return self.environments[name]
        known = ", ".join(sorted(self.environments))
        raise UsageError(f'no environment "{name}" in mobius.toml', f"known environments: {known}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from. `value_repr` is fit to print: what looks like a secret is redacted."""

    value_repr: str
    source: Source
    where: (
        str  # "MOBIUS_MAX_ERROR_RATE", "mobius.toml: environments.production.window", "--window", "default"
    )


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """One environment: where it runs, how it is judged, what is kept. Times in seconds."""

    name: str
    url: str
    root: Path
    listen: str = ""  # host:port the front door binds; an IPv6 host stands in brackets
    target: Target = "process"
    policy: PolicySettings = CONSERVATIVE
    window_s: float = 3600.0
    auto_rollback: bool = True
    auto_restore: bool = False
    rollback_within_s: float = 600.0
    emergency_within_s: float = 300.0
    deploy_lead: str = ""
    artifact_dir: Path = Path("premerge_artifacts")
    critical_routes: tuple[str, ...] = ()
    release: ReleaseSettings = field(default_factory=lambda: ReleaseSettings())
    processes: tuple[ProcessSettings, ...] = ()
    health: HealthSettings = field(default_factory=lambda: HealthSettings())
    smoke: tuple[SmokeSettings, ...] = ()
    checks: tuple[GateCommand, ...] = ()
    signals: tuple[SignalSettings, ...] = ()
    backup: BackupSettings = field(default_factory=lambda: BackupSettings())
    databases: tuple[DatabaseSettings, ...] = ()
    hosts: tuple[HostSettings, ...] = ()
    fleet: FleetSettings = field(default_factory=lambda: FleetSettings())
    rehearsal: RehearsalSettings = field(default_factory=lambda: RehearsalSettings())
    store: StoreSettings = field(default_factory=lambda: StoreSettings())
    journal: JournalSettings = field(default_factory=lambda: JournalSettings())
    migrations: MigrationSettings | None = None
    monitor: MonitorSettings = field(default_factory=lambda: MonitorSettings())
    canary: CanarySettings = field(default_factory=lambda: CanarySettings())
    serve: ServeSettings = field(default_factory=lambda: ServeSettings())
    notify: NotifySettings = field(default_factory=NotifySettings)
    escalation: EscalationSettings = field(default_factory=EscalationSettings)
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    door: DoorSettings = field(default_factory=lambda: DoorSettings())
    traffic: TrafficSettings = field(default_factory=lambda: TrafficSettings())
    systemd: SystemdSettings = field(default_factory=lambda: SystemdSettings())
    command: CommandSettings = field(default_factory=lambda: CommandSettings())
    quality_gates: QualityGates = field(default_factory=lambda: QualityGates())
    media: MediaSettings = field(default_factory=lambda: MediaSettings())
    github: GitHubSettings = field(default_factory=lambda: GitHubSettings())
    scan: ScanSettings = field(default_factory=ScanSettings)
    premerge: PremergeSettings = field(default_factory=PremergeSettings)
    ready: ReadySettings = field(default_factory=lambda: ReadySettings())

    @property
    def retention_days(self) -> int:
        """Days a backup is kept."""
        return self.backup.retention_days

    @property
    def is_behind_proxy(self) -> bool:
        """Whether `listen` belongs to a proxy, and our front door serves behind it."""
        return self.traffic.kind != "door"

    @property
    def door_socket(self) -> Path:
        """The Unix socket of our front door behind a proxy."""
        return self.root / "run" / "door.sock"


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """How a release is made. `source`: "git", or the absolute path of a directory, a .zip or a .tar.gz."""

    source: str = "git"
    build: tuple[tuple[str, ...], ...] = ()
    build_timeout_s: float = 1800.0
    link: tuple[str, ...] = ()  # paths in the release that become links into shared/
    keep: int = 5
    allow_dirty: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """One process of a release. `pass_env` names variables that are handed on from the caller."""

    name: str
    start: tuple[str, ...]
    kind: ProcessKind = "web"
    env: Mapping[str, str] = field(default_factory=dict)
    env_file: str | None = None
    pass_env: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    stop_timeout_s: float = 30.0
    listen: Literal["auto", "port", "socket"] = "auto"
    ready: Literal["health", "notify"] = "health"  # under systemd: "notify" waits for READY=1 of sd_notify
    schedule: str = ""  # under systemd: a timer (OnCalendar=) starts it; it is not kept running


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """The gate before traffic: `successes` good answers in a row, and at least `min_healthy_s` of them."""

    path: str = "/health"
    expect: tuple[str, ...] = ("status == 200",)
    successes: int = 3
    interval_s: float = 1.0
    timeout_s: float = 2.0
    deadline_s: float = 60.0
    min_healthy_s: float = 2.0


@dataclass(frozen=True, slots=True)
class SmokeSettings:
    """One smoke test. Exactly one of `url`, `database`, `file`, `run` says what is looked at, by `kind`.

    http: `method` on `url` (a path of the environment's url, or an absolute url of somebody else).
    tls: the certificate of `url` (empty: of the environment's) is valid for `tls_min_days` more days.
    """

    name: str
    kind: SmokeKind = "http"
    method: str = "GET"
    url: str = ""
    expect: tuple[str, ...] = ()
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    database: str | None = None
    file: str | None = None
    writable: bool = False
    tls_min_days: float | None = None
    run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateCommand:
    """A quality gate: any command; exit code 0 is a pass. `when`: before the deployment, in the window.

    `file`: a pattern of files that the service makes. Then `{file}` in `run` is the newest that matches and has
    stopped growing, and the gate is asked in the window only, once for each such file.
    """

    name: str
    run: tuple[str, ...]
    timeout_s: float = 600.0
    when: GateTime = "before"
    file: str = ""


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """A number that is read in the window: a gauge, of which more is worse.

    `kind`: "prometheus", "json", "command", "haproxy", or a name that a third party registered in the entry point
    group `mobius.signals`. `token_env`: the variable with a bearer token for `url`. `interval_s`: None for the
    monitor's. `max`: never above it for longer than `for_s`. `compare`: held against the release before, of whose
    worst block it may be `tolerance` times. `required`: a window that could not read it is not a pass.
    """

    name: str
    kind: str = "prometheus"
    url: str = ""
    file: str = ""
    query: str = ""
    path: str = ""
    run: tuple[str, ...] = ()
    token_env: str = ""
    max: float | None = None
    for_s: float = 120.0
    compare: bool = True
    tolerance: float = 1.25
    interval_s: float | None = None
    timeout_s: float = 5.0
    required: bool = False


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """What a backup holds besides the release, where it goes, and how long it stays.

    `databases`: SQLite files, captured as those in `paths` are. `reuse_within_s`: a verified backup no older than this
    serves again when nothing is pending (0: never). `shared_with`: services that use the same data. `sign_key`: an
    OpenSSH key that signs; `allowed_signers`: who is believed, in the form of ssh-keygen; `require_signature`: an
    unsigned backup is refused.
    """

    paths: tuple[str, ...] = ()
    folder: Path = Path("backups")
    retention_days: int = 30
    retention_count: int = 3
    databases: tuple[str, ...] = ()
    reuse_within_s: float = 0.0
    nice: bool = True
    shared_with: tuple[str, ...] = ()
    sign_key: Path | None = None
    allowed_signers: Path | None = None
    require_signature: bool = False

    @property
    def kept_paths(self) -> tuple[str, ...]:
        """What is kept besides the release: `paths` and `databases`, without those that another one holds already."""
        paths = {PurePosixPath(name): name for name in (*self.paths, *self.databases)}
        return tuple(
            name for path, name in paths.items() if not any(outer in paths for outer in path.parents)
        )


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """A database server's database that belongs to the release point.

    `url`: a libpq address without a password; `url_env`: the variable that holds the whole address, of mobius or of
    a process's `env_file`. `engine`: `dump` puts a dump into the archive; `pgbackrest` names a restore point of
    `stanza` there. `scratch_url`: a server for rehearsals; "" for a temporary one. `shared_with`: services that use it.
    """

    name: str
    kind: DatabaseKind = "postgresql"
    url: str = ""
    url_env: str = ""
    engine: DatabaseEngine = "dump"
    stanza: str = ""
    jobs: int = 2
    timeout_s: float = 3600.0
    scratch_url: str = ""
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsalSettings:
    """What is tried out before it counts. `boot`: start the previous release on the restored copy, cut off from
    everything, and smoke-test it; None: where migrations are pending. `reuse_within_s`: a rehearsal of the same backup
    counts for so long (0: never). `show`: files and folders it may read there besides the system's programs and its
    own. `timeout_s`, `memory_bytes`: what a boot may take, the latter of each process's own data.
    """

    boot: bool | None = None
    reuse_within_s: float = 0.0
    show: tuple[Path, ...] = ()
    timeout_s: float = 300.0
    memory_bytes: int = 4 << 30

    def boots(self, *, pending: bool) -> bool:
        """Whether releases are started on the restored copy, where migrations are `pending` or not."""
        return pending if self.boot is None else self.boot


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where copies of backups go, off this machine. `url`: `s3://bucket/prefix`, or a folder; "" for nowhere.
    `required`: a deployment stops when its backup could not be copied."""

    url: str = ""
    endpoint: str = ""
    region: str = ""
    required: bool = False
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Where everything that happens is written down. `sqlite`: a file in `root`. `postgres`: the database whose address
    `url_env` holds, in the schema `schema`; then several machines may act on the environment."""

    kind: Literal["sqlite", "postgres"] = "sqlite"
    url_env: str = ""
    schema: str = "mobius"


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """How the schema moves. `database`: an SQLite file, or the name of a `[[database]]`, which then is PostgreSQL.

    `program`: of Alembic or Django, () for the usual one. `up`, `down`, `pending`: commands of `kind = "command"`.
    `process`: whose environment these get, "" for the first web process. `lock_timeout_s`: how long a statement waits
    for a lock of PostgreSQL; then it is tried again, with growing pauses, for `retry_within_s`.
    """

    kind: MigrationKind = "sql"
    path: str = "migrations"
    database: str | None = None
    program: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    process: str = ""
    hold_s: float = 0.0
    lock_timeout_s: float = 5.0
    retry_within_s: float = 120.0


@dataclass(frozen=True, slots=True)
class CanarySettings:
    """`stages`: percent of requests that go to the new release, rising, and 100 always follows; () for no canary.

    Each stage lasts `stage_min_s` at least; without enough evidence by `stage_max_s` it is INCONCLUSIVE.
    """

    stages: tuple[int, ...] = ()
    stage_min_s: float = 60.0
    stage_max_s: float = 900.0


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Where `/metrics` and the web page are. `token_env`: the variable with the token that is asked for, "" for none.
    `hosts`: further names in the Host header that are answered."""

    listen: str = "127.0.0.1:8080"
    token_env: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """The front door: TLS, limits on what a client may send, and the bounds of a hold."""

    tls_cert: Path | None = None
    tls_key: Path | None = None
    header_bytes: int = 65_536
    body_bytes: int = 1_073_741_824
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 75.0
    upstream_timeout_s: float = 60.0
    drain_timeout_s: float = 30.0
    hold_max_s: float = 10.0
    hold_max_requests: int = 1_000
    hold_max_bytes: int = 67_108_864
    trusted_proxies: tuple[str, ...] = ()
    expose_release: bool = False


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """Who receives requests: our front door, or a proxy that is there already and is never reloaded to switch.

    `socket`: HAProxy's runtime API (its `stats socket`, level admin). `backend`: HAProxy's backend, "" for one
    named as service and environment are. `state_file`: where HAProxy reads the state of its servers when it starts.
    `config`: the proxy's own configuration file, which is only ever read and checked. `group`: the proxy's, which
    may come to our sockets, "" for the group that owns them. `access_log`: a signal of its own.
    """

    kind: TrafficKind = "door"
    config: Path | None = None
    group: str = ""
    socket: Path | None = None
    backend: str = ""
    state_file: Path | None = None
    access_log: Path | None = None
    access_log_format: LogFormat = "auto"
