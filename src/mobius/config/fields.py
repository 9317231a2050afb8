"""Every setting of `mobius.toml`, once: its key, kind, default, variable and meaning.

Reading, `mobius config schema` and docs/reference/configuration.md are derived from this table.
"""

from __future__ import annotations

from mobius.config.figures import COUNT, QUALITY, THRESHOLDS
from mobius.config.fleet import FLEET, HOSTS
from mobius.config.github import GITHUB
from mobius.config.journal import JOURNAL
from mobius.config.kinds import Choice, Duration, Flag, Number, Size, Text
from mobius.config.media import MEDIA
from mobius.config.notifying import NOTIFYING
from mobius.config.premerge import BEFORE_A_MERGE
from mobius.config.proving import PROVING
from mobius.config.readying import READY
from mobius.config.rows import ARGV, DATABASES, GATES, PROCESSES, ROUTE, SERVICES, SIGNALS, SMOKE, WORDS
from mobius.config.shapes import Inside, ListOf, MapOf, OrOff, Url
from mobius.config.table import Field, Item, Named, Section, with_defaults_of
from mobius.config.watching import LISTEN, WATCHING
from mobius.model.settings import (
    BackupSettings,
    CommandSettings,
    DoorSettings,
    EnvironmentSettings,
    HealthSettings,
    MigrationSettings,
    RehearsalSettings,
    ReleaseSettings,
    StoreSettings,
    SystemdSettings,
    TrafficSettings,
)

SERVICE_NAME = Text('a name such as "dhash": a-z, 0-9, - and _, at most 63', r"[a-z0-9][a-z0-9_-]{0,62}")
NAME = Text("a name of A-Z, a-z, 0-9, - and _, at most 63", r"[A-Za-z0-9_-]{1,63}")
PATH = Text("a path")
UNIX_NAME = Text("a name of a-z, 0-9, - and _", r"[a-z_][a-z0-9_-]{0,31}")

ENVIRONMENT: tuple[Item, ...] = with_defaults_of(
    EnvironmentSettings,
    Field("target", Choice(("process", "systemd", "ssh", "command", "observe")), "What runs the service."),
    Field("url", Url(), "Where the service is reached and probed.", required=True, environ="API_BASE_URL"),
    Field("listen", LISTEN, "What the front door binds.", default_words="host and port of `url`"),
    Field(
        "root", PATH, "Folder of releases, shared data and journal.", default_words="`.mobius/ENVIRONMENT`"
    ),
    Field(
        "policy",
        NAME,
        "When to roll back: `conservative`, `strict`, `adaptive` or one of `policies`.",
        "adaptive",
    ),
    Field(
        "window", Duration(), "How long after the switch a verdict can roll back.", environ="MONITOR_DURATION"
    ),
    Field("auto_rollback", Flag(), "A bad verdict rolls back by itself.", environ="AUTO_ROLLBACK"),
    Field("auto_restore", Flag(), "An automatic rollback may restore data, which loses what came after."),
    Field("rollback_within", Duration(), "The way back must not take longer."),
    Field("emergency_within", Duration(), "The emergency way back must not take longer."),
    Field("deploy_lead", Text(), "Who leads the deployment, for messages.", environ="DEPLOY_LEAD"),
    Field(
        "artifact_dir",
        PATH,
        "Folder of the artefacts of checks.",
        "premerge_artifacts",
        environ="ARTIFACT_DIR",
    ),
    Field(
        "critical_routes",
        ListOf(ROUTE, 'a list of routes, such as ["/api/render"]'),
        "Counted by themselves.",
    ),
    Section(
        "release",
        with_defaults_of(
            ReleaseSettings,
            Field("source", PATH, "`git`, or the path of a directory, a .zip or a .tar.gz."),
            Field(
                "build", ListOf(ARGV, 'a list of commands, such as [["make", "all"]]'), "Run in the release."
            ),
            Field("build_timeout", Duration(), "Longest time for one build command."),
            Field("link", ListOf(Inside(), "a list of paths"), "Paths that become links into `shared/`."),
            Field(
                "keep", Number(2, 1000, whole=True), "Releases kept besides the live and the previous one."
            ),
            Field("allow_dirty", Flag(), "Deploy although the git tree has changes that are not committed."),
        ),
        "How a release is made.",
    ),
    PROCESSES,
    Section(
        "health",
        with_defaults_of(
            HealthSettings,
            Field(
                "path", ROUTE, "Asked of a new release before it gets traffic, and all through the window."
            ),
            Field("expect", WORDS, "Expressions that must hold for the answer.", ("status == 200",)),
            Field("successes", Number(1, 1000, whole=True), "Good answers in a row."),
            Field("interval", Duration(), "Time between two questions, before the switch."),
            Field("timeout", Duration(), "Longest wait for one answer."),
            Field("deadline", Duration(), "Not healthy by then is a failed deployment."),
            Field("min_healthy", Duration(zero=True), "Least time from the first good answer to the switch."),
        ),
        "The gate before traffic.",
    ),
    SMOKE,
    GATES,
    SIGNALS,
    Section(
        "backup",
        with_defaults_of(
            BackupSettings,
            Field(
                "paths",
                ListOf(Inside(), "a list of paths"),
                "`shared/…` lies in `root`, a linked path in its `shared/`, any other beside mobius.toml.",
            ),
            Field(
                "databases",
                ListOf(Inside(), "a list of paths"),
                "SQLite files that lie in none of `paths`, found as they are.",
            ),
            Field(
                "folder",
                PATH,
                "Where archives go.",
                default_words="`backups`, elsewhere `backups/ENVIRONMENT`",
            ),
            Field(
                "retention_days", Number(1, 36_500, whole=True), "Days kept.", environ="BACKUP_RETENTION_DAYS"
            ),
            Field(
                "retention_count",
                Number(0, 10_000, whole=True),
                "The newest so many stay, whatever their age.",
            ),
            Field(
                "reuse_within",
                Duration(zero=True),
                "A verified backup of the same release serves again for this long, when no migration is pending.",
            ),
            Field("nice", Flag(), "Leave processor and disk to the service first."),
            Field(
                "shared_with",
                SERVICES,
                "Services that use the same data: it goes back only when they are named.",
            ),
            Field("sign_key", PATH, "An OpenSSH key that signs each backup (ssh-keygen -Y sign)."),
            Field("allowed_signers", PATH, "Whose signatures are believed, outside of `folder`."),
            Field("require_signature", Flag(), "Refuse a backup without a good signature."),
        ),
        "What is kept besides the release.",
    ),
    DATABASES,
    HOSTS,
    FLEET,
    Section(
        "rehearsal",
        with_defaults_of(
            RehearsalSettings,
            Field(
                "boot",
                OrOff(Flag(), "auto"),
                "Start the previous release on the restored copy, cut off, and smoke-test it; with migrations pending"
                " the new one, too, both on the migrated copy. `auto`: where migrations are pending.",
                default_words="auto",
            ),
            Field(
                "reuse_within", Duration(zero=True), "A rehearsal of the same backup counts for this long."
            ),
            Field(
                "show",
                ListOf(PATH, 'a list of paths, such as ["/opt/models"]'),
                "What the release may read there, besides the system's programs and what it is started with.",
            ),
            Field("timeout", Duration(), "A boot with its smoke tests must be done by then."),
            Field("memory_bytes", Size(), "Most data that each process may have in memory there."),
        ),
        "What is tried out before it counts.",
    ),
    Section(
        "store",
        with_defaults_of(
            StoreSettings,
            Field(
                "url",
                Text('"s3://bucket/prefix" or the path of a folder', longest=2000),
                "Where copies of backups go, off this machine.",
            ),
            Field(
                "endpoint", Text("an http or https address", r"https?://\S+"), "Of a store that speaks S3."
            ),
            Field("region", NAME, "Its region."),
            Field("required", Flag(), "A deployment stops when its backup could not be copied."),
            Field("timeout", Duration(), "Longest time for one copy."),
        ),
        "Copies of backups elsewhere.",
    ),
    JOURNAL,
    Section(
        "migrations",
        with_defaults_of(
            MigrationSettings,
            Field(
                "kind",
                Choice(("sql", "alembic", "django", "command")),
                "`sql`: files as numbered by hand, or of Flyway, golang-migrate, dbmate, Prisma.",
            ),
            Field(
                "path",
                Inside(here=True),
                "Folder in the release: of the files, of `alembic.ini`, of `manage.py`.",
                default_words='`"migrations"`, with Alembic and Django `"."`',
            ),
            Field(
                "database",
                Inside(),
                "An SQLite file, found as `backup.paths` are, or the name of a `[[database]]`.",
                default_words="the only one of `backup.databases` and `[[database]]`",
            ),
            Field(
                "program",
                ARGV,
                "Runs Alembic or Django; looked for in the release first.",
                default_words='`["alembic"]`, `["python", "manage.py"]`',
            ),
            Field("up", ARGV, '`kind = "command"`: migrates the database.'),
            Field("down", ARGV, '`kind = "command"`: takes back what the last `up` did.'),
            Field(
                "pending",
                ARGV,
                '`kind = "command"`: prints the name of each pending one on a line.',
                default_words="something is always pending",
            ),
            Field(
                "process",
                Text("the name of a process"),
                "Whose environment these programs get.",
                default_words="the first web process",
            ),
            Field("hold", Duration(zero=True), "Longest time requests may wait while the schema moves."),
            Field("lock_timeout", Duration(), "Longest wait of a statement for a lock of PostgreSQL."),
            Field(
                "retry_within", Duration(zero=True), "It is tried again for this long, with growing pauses."
            ),
        ),
        "How the schema moves; left out, it does not.",
        optional=True,
    ),
    *WATCHING,
    *BEFORE_A_MERGE,
    *NOTIFYING,
    *PROVING,
    Section("thresholds", tuple(THRESHOLDS), "Changes to the policy, for this environment."),
    Section(
        "door",
        with_defaults_of(
            DoorSettings,
            Field("tls_cert", PATH, "Certificate chain (PEM) with which the front door ends TLS."),
            Field("tls_key", PATH, "Its private key (PEM)."),
            Field("header_bytes", Size(), "Largest header of a request."),
            Field("body_bytes", Size(), "Largest body of a request."),
            Field("header_timeout", Duration(), "Longest time for a client to send the header."),
            Field("body_timeout", Duration(), "Longest pause within a body."),
            Field("idle_timeout", Duration(), "An idle connection is closed after this."),
            Field("upstream_timeout", Duration(), "Longest wait for the release to answer."),
            Field("drain_timeout", Duration(), "Longest wait for requests in flight when a release leaves."),
            Field("hold_max", Duration(), "Longest time a request is held."),
            Field("hold_max_requests", COUNT, "Most requests held at a time."),
            Field("hold_max_bytes", Size(), "Most bytes held at a time."),
            Field(
                "trusted_proxies", ListOf(Text(), "a list of addresses"), "Whose X-Forwarded-* are believed."
            ),
            Field("expose_release", Flag(), "Answer with X-Mobius-Release."),
        ),
        "The front door.",
    ),
    Section(
        "traffic",
        with_defaults_of(
            TrafficSettings,
            Field(
                "kind",
                Choice(("door", "haproxy", "nginx", "caddy")),
                "Who receives requests: our front door, or a proxy that is there already.",
            ),
            Field("config", PATH, "The proxy's configuration file; it is read and checked, never written."),
            Field(
                "group",
                UNIX_NAME,
                "The proxy's group, which may come to the sockets of nginx's and Caddy's services.",
                default_words="the one of the user that runs mobius",
            ),
            Field(
                "socket",
                PATH,
                "HAProxy's runtime API: its `stats socket` with `level admin`.",
                default_words="`/run/haproxy/admin.sock`",
            ),
            Field(
                "backend",
                NAME,
                "HAProxy's backend.",
                default_words="the name of the service, with `-ENVIRONMENT` except in production",
            ),
            Field(
                "state_file",
                PATH,
                "The `server-state-file-name` of HAProxy's backend: who is live, for its next start.",
                default_words="`run/haproxy.state` in the root",
            ),
            Field(
                "access_log", PATH, "The proxy's access log: real traffic as a signal, by release and route."
            ),
            Field("access_log_format", Choice(("auto", "combined", "json")), "How its lines are written."),
        ),
        "Who receives requests.",
    ),
    Section(
        "systemd",
        with_defaults_of(
            SystemdSettings,
            Field("user", UNIX_NAME, "Who the service runs as.", default_words="the owner of the project"),
            Field("group", UNIX_NAME, "Its group.", default_words="that of the user"),
            Field("harden", Flag(), "Take from the service what it does not need (docs/how-to/systemd.md)."),
            Field(
                "credentials",
                MapOf(r"[A-Za-z0-9._-]+", PATH, 'a table of files, such as { db = "/etc/dhash/db.secret" }'),
                "Secrets for LoadCredential=, found in $CREDENTIALS_DIRECTORY.",
                {},
            ),
            Field(
                "directives",
                MapOf(
                    r"[A-Z][A-Za-z0-9]*",
                    Text("one line", empty=True),
                    'a table, such as { MemoryMax = "1G" }',
                ),
                "Further lines of [Service], as they are.",
                {},
            ),
        ),
        'The units of `target = "systemd"`.',
    ),
    Section(
        "command",
        with_defaults_of(
            CommandSettings,
            Field("deploy", ARGV, 'Deploys the release MOBIUS_TAG (`target = "command"`).'),
            Field("rollback", ARGV, 'Goes back to the release MOBIUS_TAG (`target = "command"`).'),
            Field("start", ARGV, "Starts the service, after its data was restored."),
            Field("stop", ARGV, "Stops the service, before its data is restored."),
            Field("version", ARGV, "Prints the version that is live."),
            Field("timeout", Duration(), "Longest time for one of them."),
        ),
        "Somebody else's deployment inside our gates: `target` is `command` or `observe`.",
    ),
    Section("quality_gates", QUALITY, "The operations guide's gates, in its words and units."),
    MEDIA,
    GITHUB,
    READY,
)

TOP: tuple[Item, ...] = (
    Field("service", SERVICE_NAME, "The name of the service.", required=True),
    *ENVIRONMENT,
    Named(
        "environments", NAME, ENVIRONMENT, "Where the service runs. All that stands above may stand here too."
    ),
    Named(
        "policies",
        NAME,
        (Field("base", NAME, "The policy this one changes.", default_words="`conservative`"), *THRESHOLDS),
        "Policies of your own, or changes to `conservative` and `strict`.",
    ),
)
