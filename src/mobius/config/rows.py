"""The settings that come in arrays of tables: processes, smoke tests, gates, signals and databases."""

from __future__ import annotations

from mobius.config.kinds import LARGEST, Choice, Duration, Flag, Number, Text
from mobius.config.shapes import Inside, Json, ListOf, MapOf
from mobius.config.table import Field, Rows, Section, with_defaults_of
from mobius.model.settings import (
    DatabaseSettings,
    GateCommand,
    ProcessSettings,
    SignalSettings,
    SmokeSettings,
)

ARGV = ListOf(Text("a word", empty=True), 'a command as a list of words, such as ["node", "app.js"]', least=1)
WORDS = ListOf(Text("an expression"), 'a list of expressions, such as ["status == 200"]')
ROUTE = Text('a route that starts with "/"', r"/[^\s?#]*")
LABEL = Text("a name of at most 100 characters", longest=100)
WHERE = Text('a path such as "/health", or a whole http or https address', r"(/|https?://[^\s/@]+)[^\s]*")
ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE = Text("a variable's name", ENV_NAME)
HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
STOP_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL")

PROCESSES = Rows(
    "process",
    with_defaults_of(
        ProcessSettings,
        Field(
            "name",
            Text("a name of A-Z, a-z, 0-9, ., - and _, at most 63", r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
            "The name, unlike any other's.",
            required=True,
        ),
        Field(
            "kind",
            Choice(("web", "worker", "singleton")),
            "`web` may run in two releases at once; `worker` and `singleton` never do.",
        ),
        Field("start", ARGV, "The command. A web process gets PORT and MOBIUS_SOCKET.", required=True),
        Field(
            "env",
            MapOf(
                ENV_NAME,
                Text("text", empty=True, longest=32_768, lines=True),
                'a table of text, such as { MODE = "fast" }',
            ),
            "Variables it is given. Keep secrets in `env_file` or `pass_env`.",
            {},
        ),
        Field("env_file", Inside(), "A file of NAME=value lines, found as `backup.paths` are."),
        Field(
            "pass_env",
            ListOf(VARIABLE, 'a list of variables, such as ["API_KEY"]'),
            "Variables handed on from whoever deploys.",
        ),
        Field("stop_signal", Choice(STOP_SIGNALS), "Asks it to stop."),
        Field("stop_timeout", Duration(), "Then it is killed."),
        Field("listen", Choice(("auto", "port", "socket")), "What the front door connects to."),
        Field(
            "ready",
            Choice(("health", "notify")),
            "Under systemd: when it has started. `notify`: once it said READY=1 by sd_notify.",
        ),
        Field(
            "schedule",
            Text('a calendar event of systemd, such as "*:0/5"', longest=200),
            "Under systemd: a timer starts it, and it is not kept running. Not for `web`.",
        ),
    ),
    "A process of the release. At least one is of kind `web`.",
)

SMOKE = Rows(
    "smoke",
    with_defaults_of(
        SmokeSettings,
        Field("name", LABEL, "The name, unlike any other's.", required=True),
        Field("get", WHERE, "GET this path of `url`, or this address of somebody else's."),
        Field("post", WHERE, "POST to it."),
        Field("head", WHERE, "HEAD of it."),
        Field(
            "database",
            Inside(),
            "Open this SQLite database, found as `backup.paths` are, and check that it is whole.",
        ),
        Field(
            "file",
            Text("a path"),
            "This file or folder, found as `backup.paths` are, is there and can be read.",
        ),
        Field("run", ARGV, "Run this command; exit code 0 is a pass."),
        Section(
            "tls",
            (
                Field("min_days", Number(0, 3650), "It is valid for this many more days.", 14.0),
                Field("url", WHERE, "Whose certificate.", default_words="`url` of the environment"),
            ),
            "The certificate is valid.",
            optional=True,
        ),
        Field(
            "expect", WORDS, "Expressions that must hold for the answer.", default_words='`["status == 200"]`'
        ),
        Field("body", Text("text", empty=True, longest=1_000_000, lines=True), "What to POST."),
        Field("json", Json(), "What to POST, as JSON."),
        Field(
            "headers",
            MapOf(HEADER_NAME, Text("text", empty=True), 'a table of text, such as { Accept = "text/html" }'),
            "Headers to send.",
            {},
        ),
        Field("timeout", Duration(), "Longest time for the whole test."),
        Field("writable", Flag(), "`file` can be written too."),
    ),
    "A smoke test: exactly one of `get`, `post`, `head`, `database`, `file`, `run`, `tls`.",
)

GATES = Rows(
    "gate",
    with_defaults_of(
        GateCommand,
        Field("name", LABEL, "The name, unlike any other's.", required=True),
        Field("run", ARGV, "The command; exit code 0 is a pass.", required=True),
        Field("timeout", Duration(), "Longest time; past it the gate could not be measured."),
        Field("when", Choice(("before", "window", "both")), "Before the deployment, in the window, or both."),
        Field(
            "file",
            Text('a pattern of files such as "out/*.mp4"'),
            '`when = "window"`: `{file}` in `run` is the newest that matches and has stopped growing.',
        ),
    ),
    "A quality gate: any command with an exit code.",
)

SIGNALS = Rows(
    "signal",
    with_defaults_of(
        SignalSettings,
        Field(
            "name",
            Text("a name of a-z, 0-9, - and _, at most 63", r"[a-z0-9][a-z0-9_-]{0,62}"),
            "The name, unlike any other's.",
            required=True,
        ),
        Field(
            "kind",
            Text('a kind of signal such as "json"', r"[a-z][a-z0-9_-]{0,62}"),
            "`prometheus`, `json`, `command`, `haproxy`, or one that an installed package adds.",
        ),
        Field(
            "url",
            Text("an http or https address", r"https?://[^\s/?#]+\S*", longest=2000),
            "`prometheus`: the server. `json`: what is asked. `haproxy`: the exporter's `/metrics`.",
        ),
        Field("file", Text("a path"), "`json`: a file instead of `url`, found as `backup.paths` are."),
        Field(
            "query",
            Text("text", longest=8000, lines=True),
            "`prometheus`: PromQL that gives one number. `haproxy`: a backend.",
            default_words="`haproxy`: `traffic.backend`",
        ),
        Field(
            "path",
            Text('a path such as "jobs.waiting"'),
            "`json`, `command`: where the number stands. `haproxy`: a metric, such as `current_queue`.",
            default_words="the whole output is the number; `haproxy`: percent of 5xx",
        ),
        Field("run", ARGV, "`command`: prints the number; exit code 0 means that it could be read."),
        Field("token_env", VARIABLE, "The variable with a bearer token for `url`."),
        Field("max", Number(-LARGEST), "Never above this…"),
        Field("for", Duration(zero=True), "…for longer than this; 0 is at once."),
        Field("compare", Flag(), "Held against the release before: more is worse."),
        Field("tolerance", Number(1, 1000), "It may be so many times the worst of the release before."),
        Field("interval", Duration(), "Time between two readings.", default_words="`monitor.interval`"),
        Field("timeout", Duration(), "Longest time for one reading."),
        Field("required", Flag(), "A window that could not read it is not a pass."),
    ),
    "A number that is read in the window, of which more is worse.",
)

SERVICES = ListOf(
    Text("the name of a service", r"[a-z0-9][a-z0-9_-]{0,62}"), 'a list of services, such as ["dhash"]'
)

DATABASES = Rows(
    "database",
    with_defaults_of(
        DatabaseSettings,
        Field(
            "name",
            Text("a name of a-z, 0-9, - and _, at most 63", r"[a-z0-9][a-z0-9_-]{0,62}"),
            "The name, unlike any other's.",
            required=True,
        ),
        Field("kind", Choice(("postgresql",)), "What it is."),
        Field(
            "url",
            Text('an address such as "postgresql:///dhash"', r"postgres(ql)?://\S*", longest=2000),
            "Where it is. No password: that belongs in `url_env`, or in a .pgpass file.",
        ),
        Field(
            "url_env",
            VARIABLE,
            "The variable that holds the address, given to mobius or in a process's `env_file`.",
        ),
        Field(
            "engine",
            Choice(("dump", "pgbackrest")),
            "`dump`: into the archive. `pgbackrest`: for one too large to dump, a restore point there.",
        ),
        Field("stanza", Text("a name", r"[A-Za-z0-9._-]{1,63}"), "pgBackRest's stanza."),
        Field("jobs", Number(1, 64, whole=True), "Tables dumped or restored at a time."),
        Field("timeout", Duration(), "Longest time for one dump or restore."),
        Field(
            "scratch_url",
            Text('an address such as "postgresql:///postgres"', r"postgres(ql)?://\S*", longest=2000),
            "A server where rehearsals may make databases of their own.",
            default_words="a temporary server on a Unix socket",
        ),
        Field("shared_with", SERVICES, "Services that use it too: data goes back only when they are named."),
    ),
    "A server's database that belongs to the release point. SQLite files need none of this.",
)
