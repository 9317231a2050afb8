"""What a good mobius.toml means: defaults, inheritance, precedence, and where each value came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.config import load
from mobius.errors import ConfigurationError, UsageError
from mobius.model.policies import CONSERVATIVE, STRICT
from mobius.model.settings import (
    CanarySettings,
    EnvironmentSettings,
    HealthSettings,
    MigrationSettings,
    MonitorSettings,
    ServeSettings,
    Settings,
    SignalSettings,
    SmokeSettings,
)

from .conftest import Loads

GATES = Path(__file__).parents[1] / "vectors" / "config" / "quality-gates.json"
Mistakes = Callable[..., tuple[str, ...]]


def production(settings: Settings) -> EnvironmentSettings:
    return settings.environment("production")


def test_a_small_file_is_enough_and_the_defaults_are_those_of_the_design(
    loads: Loads, tmp_path: Path
) -> None:
    settings = loads()
    live = production(settings)
    assert (settings.service, settings.project, settings.file) == (
        "dhash",
        tmp_path,
        tmp_path / "mobius.toml",
    )
    assert (live.target, live.url, live.listen) == ("process", "http://127.0.0.1:5001", "127.0.0.1:5001")
    assert (live.window_s, live.auto_rollback, live.auto_restore) == (3600.0, True, False)
    assert (live.rollback_within_s, live.emergency_within_s) == (600.0, 300.0)
    assert live.root == tmp_path / ".mobius" / "production"
    assert live.health == HealthSettings()
    assert live.monitor == MonitorSettings(interval_s=30.0, failure_threshold=3, recovery_threshold=5)
    assert live.monitor.effective_warmup_s == 60.0
    assert live.migrations is None
    assert live.artifact_dir == tmp_path / "premerge_artifacts"


def test_the_default_policy_is_adaptive_with_the_fixed_limits_of_conservative(loads: Loads) -> None:
    policy = production(loads()).policy
    assert (policy.name, policy.base, policy.note) == ("adaptive", "adaptive", "")
    assert policy.max_p95_ms == CONSERVATIVE.max_p95_ms


def test_backups_of_other_environments_lie_in_a_folder_of_their_own(loads: Loads, tmp_path: Path) -> None:
    settings = loads()
    assert production(settings).backup.folder == tmp_path / "backups"
    assert settings.environment("staging").backup.folder == tmp_path / "backups" / "staging"
    moved = loads(top='backup.folder = "/srv/backups"')
    assert production(moved).backup.folder == Path("/srv/backups")
    assert moved.environment("staging").backup.folder == Path("/srv/backups/staging")


def test_an_environment_overrides_the_top_key_by_key_and_arrays_whole(loads: Loads) -> None:
    settings = loads(
        top='window = "30m"\nmonitor = { interval = 5, failure_threshold = 7 }\n'
        'smoke = [{ name = "a", get = "/a" }, { name = "b", head = "/b" }]',
        production='window = "90m"\nmonitor.interval = "500ms"\nsmoke = [{ name = "c", get = "/c" }]',
    )
    live, staging = production(settings), settings.environment("staging")
    assert (live.window_s, staging.window_s) == (5400.0, 1800.0)
    assert (live.monitor.interval_s, live.monitor.failure_threshold) == (0.5, 7)
    assert staging.monitor.interval_s == 5.0
    assert [test.name for test in live.smoke] == ["c"]
    assert [test.name for test in staging.smoke] == ["a", "b"]


def test_the_watch_is_set_at_the_top_and_per_environment(loads: Loads) -> None:
    settings = loads(
        top='monitor = { blip_tolerance = 0, blind_after = "5m", shadow = true }\n'
        'canary = { stages = [1, 10, 50, 100], stage_min = "30s" }\n'
        'serve = { listen = "0.0.0.0:9000", token_env = "WEB_TOKEN", hosts = ["ops.example.org"] }\n'
        "thresholds.max_issues = 2",
        production="canary.stages = []\nmonitor.shadow = false",
    )
    live, staging = production(settings), settings.environment("staging")
    assert live.monitor == MonitorSettings(blip_tolerance_s=0.0, blind_after_s=300.0, shadow=False)
    assert staging.monitor.shadow is True
    assert live.canary == CanarySettings((), 30.0, 900.0)
    assert staging.canary.stages == (1, 10, 50)  # 100 always follows
    assert live.serve == ServeSettings("0.0.0.0:9000", "WEB_TOKEN", ("ops.example.org",))
    assert live.policy.max_issues == 2
    assert settings.origins["environments.staging.canary.stages"].value_repr == "[1, 10, 50, 100]"
    assert settings.origins["environments.production.serve.token_env"].value_repr == '"WEB_TOKEN"'


def test_a_signal_says_where_its_number_is_read_and_what_it_is_held_against(loads: Loads) -> None:
    rows = """
[[signal]]
name = "queue"
url = "http://127.0.0.1:9090/"
query = "sum(jobs_waiting)"
max = 1000
for = "0s"
[[signal]]
name = "depth"
kind = "json"
file = "data/depth.json"
path = "jobs.waiting"
compare = false
interval = "1m"
required = true
[[signal]]
name = "length"
kind = "command"
run = ["bin/queue-length"]
tolerance = 2
timeout = "30s"
"""
    settings = loads(top=rows)
    live = production(settings)
    assert live.signals == (
        SignalSettings(
            "queue", "prometheus", "http://127.0.0.1:9090/", query="sum(jobs_waiting)", max=1000.0, for_s=0.0
        ),
        SignalSettings(
            "depth",
            "json",
            file="data/depth.json",
            path="jobs.waiting",
            compare=False,
            interval_s=60.0,
            required=True,
        ),
        SignalSettings("length", "command", run=("bin/queue-length",), tolerance=2.0, timeout_s=30.0),
    )
    origin = settings.origins["environments.production.signal[1].max"]
    assert (origin.value_repr, origin.where) == ("1000", "mobius.toml: signal[1].max")


def test_a_gate_of_a_file_names_the_newest_that_the_service_made(loads: Loads) -> None:
    live = production(
        loads(
            top='gate = [{ name = "golden", run = ["check", "{file}"], file = "out/*.mp4", when = "window" }]'
        )
    )
    assert live.checks[0].file == "out/*.mp4"


PRECEDENCE = [
    # file, variable, flag -> value, source, where
    (None, None, None, 3600.0, "default", "default"),
    ("10m", None, None, 600.0, "file", "mobius.toml: environments.production.window"),
    ("10m", "120", None, 120.0, "environment", "MONITOR_DURATION"),
    ("10m", "2m", "90", 90.0, "flag", "--window"),
    (None, "120", None, 120.0, "environment", "MONITOR_DURATION"),
    (None, None, 90, 90.0, "flag", "--window"),
    ("10m", "", None, 600.0, "file", "mobius.toml: environments.production.window"),
]


@pytest.mark.parametrize(("file", "variable", "flag", "value_s", "source", "where"), PRECEDENCE)
def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(
    loads: Loads,
    file: str | None,
    variable: str | None,
    flag: object,
    value_s: float,
    source: str,
    where: str,
) -> None:
    settings = loads(
        production=f'window = "{file}"' if file else "",
        environ={"MONITOR_DURATION": variable} if variable is not None else {},
        flags={"window": flag},
    )
    origin = settings.origins["environments.production.window"]
    assert (production(settings).window_s, origin.source, origin.where) == (value_s, source, where)


VARIABLES = [
    ("AUTO_ROLLBACK", "false", "auto_rollback", False),
    ("AUTO_ROLLBACK", "1", "auto_rollback", True),
    ("API_BASE_URL", "http://10.0.0.1:80/", "url", "http://10.0.0.1:80"),
    ("DEPLOY_LEAD", "@ada", "deploy_lead", "@ada"),
    ("BACKUP_RETENTION_DAYS", "7", "retention_days", 7),
    ("ARTIFACT_DIR", "/tmp/artifacts", "artifact_dir", Path("/tmp/artifacts")),
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), VARIABLES)
def test_the_guides_variables_are_honoured(
    loads: Loads, name: str, text: str, attribute: str, value: object
) -> None:
    assert getattr(production(loads(environ={name: text})), attribute) == value


def test_the_release_tag_comes_from_its_variable_and_the_flag_wins(loads: Loads) -> None:
    assert loads().release_tag is None
    assert loads(environ={"RELEASE_TAG": "v1"}).release_tag == "v1"
    settings = loads(environ={"RELEASE_TAG": "v1"}, flags={"release_tag": "v2"})
    assert (settings.release_tag, settings.origins["release_tag"].where) == ("v2", "--tag")


def test_api_base_url_moves_the_probes_but_not_what_the_front_door_binds(loads: Loads) -> None:
    settings = loads(environ={"API_BASE_URL": "https://api.example.org"})
    assert production(settings).url == "https://api.example.org"
    assert production(settings).listen == "127.0.0.1:5001"


THRESHOLDS = [
    ("MOBIUS_MAX_ERROR_RATE", "max_error_rate_pct", "2.5", 2.5),
    ("MOBIUS_MAX_P95_MS", "max_p95_ms", "750", 750.0),
    ("MOBIUS_MIN_SUCCESS_RATE", "min_success_rate_pct", "80", 80.0),
    ("MOBIUS_MAX_FAILED_CHECKS", "max_failed_checks", "4", 4),
    ("MOBIUS_MAX_FAILED_GATES", "max_failed_gates", "off", None),
    ("MOBIUS_MAX_FAILED_SMOKE", "max_failed_smoke", "1", 1),
    ("MOBIUS_MAX_CPU", "max_cpu_pct", "85", 85.0),
    ("MOBIUS_MAX_MEMORY", "max_memory_pct", "90", 90.0),
    ("MOBIUS_ERROR_MIN_REQUESTS", "error_min_requests", "50", 50),
    ("MOBIUS_ERROR_WINDOW", "error_window_s", "30s", 30.0),
    ("MOBIUS_ERROR_FOR", "error_for_s", "0", 0.0),
    ("MOBIUS_P95_MIN_SAMPLES", "p95_min_samples", "9", 9),
    ("MOBIUS_P95_WINDOW", "p95_window_s", "30", 30.0),
    ("MOBIUS_P95_FOR", "p95_for_s", "1m", 60.0),
    ("MOBIUS_SUCCESS_MIN_CHECKS", "success_min_checks", "8", 8),
    ("MOBIUS_RESOURCES_FOR", "resources_for_s", "2m", 120.0),
]


@pytest.mark.parametrize(("variable", "attribute", "text", "value"), THRESHOLDS)
def test_each_threshold_has_a_variable_and_a_place_per_environment(
    loads: Loads, variable: str, attribute: str, text: str, value: object
) -> None:
    by_variable = production(loads(production='policy = "strict"', environ={variable: text}))
    assert getattr(by_variable.policy, attribute) == value
    literal = text if text.isdigit() or "." in text else f'"{text}"'
    settings = loads(production=f'policy = "strict"\nthresholds.{attribute} = {literal}')
    assert getattr(production(settings).policy, attribute) == value
    key = attribute.removesuffix("_s")
    assert settings.origins[f"environments.production.policy.{key}"].source == "file"
    assert settings.environment("staging").policy == loads().environment("staging").policy


def test_strict_is_the_operations_guide_and_conservative_the_framework_summary(loads: Loads) -> None:
    strict = production(loads(production='policy = "strict"')).policy
    assert strict == STRICT
    assert (strict.max_error_rate_pct, strict.error_for_s, strict.max_p95_ms) == (1.0, 300.0, 500.0)
    assert (strict.max_failed_checks, strict.max_failed_gates) == (3, 3)
    assert (strict.max_cpu_pct, strict.max_memory_pct) == (90.0, 95.0)
    summary = production(loads(production='policy = "conservative"')).policy
    assert summary == CONSERVATIVE
    assert (summary.max_error_rate_pct, summary.max_p95_ms, summary.min_success_rate_pct) == (
        5.0,
        5000.0,
        70.0,
    )
    assert (summary.success_min_checks, summary.max_failed_checks) == (5, 2)


def test_a_policy_of_ones_own_changes_its_base_and_the_environment_changes_it_again(loads: Loads) -> None:
    settings = loads(
        top="policies.careful = { base = 'mine', max_p95_ms = 300 }\n"
        "policies.mine = { base = 'strict', max_p95_ms = 400, max_cpu_pct = 'off' }",
        production='policy = "careful"\nthresholds.max_memory_pct = 80',
    )
    policy = production(settings).policy
    assert (policy.name, policy.base, policy.note) == ("careful", "strict", "")
    assert (policy.max_p95_ms, policy.max_cpu_pct, policy.max_memory_pct) == (300.0, None, 80.0)
    assert policy.max_error_rate_pct == 1.0
    origins = settings.origins
    assert (
        origins["environments.production.policy.max_p95_ms"].where
        == "mobius.toml: policies.careful.max_p95_ms"
    )
    assert (
        origins["environments.production.policy.max_cpu_pct"].where
        == "mobius.toml: policies.mine.max_cpu_pct"
    )
    assert origins["environments.production.policy.max_error_rate_pct"].where == "policy strict"


def test_a_change_to_conservative_changes_what_stands_in_for_adaptive(loads: Loads) -> None:
    assert production(loads(top="policies.conservative.max_p95_ms = 900")).policy.max_p95_ms == 900.0


def test_the_operations_guides_json_loads_as_it_is_and_feeds_the_monitor(
    loads: Loads, tmp_path: Path
) -> None:
    text = GATES.read_text(encoding="utf-8").replace('"check_interval": 30', '"check_interval": 15')
    (tmp_path / "quality-gates.json").write_text(text, encoding="utf-8")
    settings = loads(top='quality_gates.include = "quality-gates.json"\nmonitor.failure_threshold = 4')
    gates = production(settings).quality_gates
    assert (gates.audio.lufs_tolerance, gates.audio.units, gates.video.ssim_threshold) == (1.0, "dB", 0.995)
    assert gates.video.resolution_exact == "1920x1080"
    assert (gates.performance.response_time_max, gates.performance.error_rate_max) == (200.0, 0.1)
    monitor = production(settings).monitor
    assert (monitor.interval_s, monitor.failure_threshold, monitor.recovery_threshold) == (15.0, 4, 5)
    origin = settings.origins["environments.production.monitor.interval"]
    assert origin.where == "quality-gates.json: quality_gates.monitoring.check_interval"


def test_what_the_file_says_inline_wins_over_the_included_json(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(GATES.read_text(encoding="utf-8"), encoding="utf-8")
    live = production(loads(top='quality_gates = { include = "q.json", video = { ssim_threshold = 0.9 } }'))
    assert (live.quality_gates.video.ssim_threshold, live.quality_gates.video.frame_rate_tolerance) == (
        0.9,
        0.1,
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '{"quality_gates": {"video": {"ssim_threshold": NaN}}}',
            "q.json is not valid JSON: NaN is not a number",
        ),
        (
            '{"quality_gates": {"video": {"ssim_threshold": 1e999}}}',
            "found Infinity, expected a number from 0 to 1",
        ),
        ('{"quality_gates": {"video": {"ssim": 0.9}}}', 'unknown key; did you mean "ssim_threshold"?'),
        ("[]", "q.json: quality_gates: found an empty list, expected a table"),
        ("{", "q.json is not valid JSON"),
        (None, "there is no file"),
    ],
)
def test_a_bad_included_json_is_a_mistake_like_any_other(
    mistakes: Mistakes, tmp_path: Path, text: str | None, mistake: str
) -> None:
    if text is not None:
        (tmp_path / "q.json").write_text(text, encoding="utf-8")
    found = mistakes(top='quality_gates.include = "q.json"\nwindow = 0')
    assert len(found) == 2
    assert any(mistake in line for line in found)


@pytest.mark.parametrize(
    ("environ", "flags", "mistake"),
    [
        ({"AUTO_ROLLBACK": "maybe"}, {}, 'AUTO_ROLLBACK: found "maybe", expected true, false, 1 or 0'),
        (
            {"BACKUP_RETENTION_DAYS": "1e3"},
            {},
            'BACKUP_RETENTION_DAYS: found "1e3", expected a whole number from 1 to 36500',
        ),
        (
            {"MOBIUS_MAX_EROR_RATE": "2"},
            {},
            'MOBIUS_MAX_EROR_RATE: unknown variable; did you mean "MOBIUS_MAX_ERROR_RATE"?',
        ),
        ({}, {"windo": 1}, '--windo: no such setting; did you mean "window"?'),
        ({}, {"monitor.interval": -1}, "--monitor.interval: found -1, expected a duration"),
    ],
)
def test_a_malformed_variable_or_flag_is_a_mistake_too(
    mistakes: Mistakes, environ: dict[str, str], flags: dict[str, object], mistake: str
) -> None:
    (found,) = mistakes(environ=environ, flags=flags)
    assert found.startswith(mistake)


def test_a_key_with_brackets_and_dots_in_it_is_an_unknown_key_with_its_line(mistakes: Mistakes) -> None:
    assert mistakes(production='"a].[b" = 1') == ("environments.production.'a].[b' (line 10): unknown key",)


def test_smoke_tests_say_what_they_look_at(loads: Loads) -> None:
    tests = production(
        loads(
            production="""
smoke = [
  { name = "up", get = "/health" },
  { name = "post", post = "https://other.example.org/x", json = { a = 1 }, timeout = "2s" },
  { name = "db", database = "shared/app.db" },
  { name = "disk", file = "shared", writable = true },
  { name = "cert", tls = { min_days = 21, url = "https://api.example.org" } },
  { name = "cmd", run = ["true"] },
]"""
        )
    ).smoke
    assert tests[0] == SmokeSettings("up", "http", "GET", "/health", ("status == 200",))
    assert (tests[1].method, tests[1].body, tests[1].timeout_s) == ("POST", '{"a": 1}', 2.0)
    assert tests[1].headers == {"Content-Type": "application/json"}
    assert [test.kind for test in tests] == ["http", "http", "database", "file", "tls", "command"]
    assert (tests[3].file, tests[3].writable) == ("shared", True)
    assert (tests[4].tls_min_days, tests[4].url, tests[4].expect) == (21.0, "https://api.example.org", ())


def test_a_source_other_than_git_is_a_path_of_the_project(loads: Loads, tmp_path: Path) -> None:
    assert production(loads()).release.source == "git"
    assert production(loads(top='release.source = "dist"')).release.source == str(tmp_path / "dist")


def test_a_duration_may_have_its_unit_in_the_key(loads: Loads) -> None:
    settings = loads(
        top="""migrations = { hold_s = 5, database = "data/app.db" }""", production="window_s = 90"
    )
    assert production(settings).window_s == 90.0
    assert production(settings).migrations is not None
    assert production(settings).migrations.hold_s == 5.0


def test_migrations_of_the_only_database_need_not_name_it(loads: Loads) -> None:
    server = '[[database]]\nname = "main"\nurl = "postgresql:///dhash"\n'
    one = production(loads(top=f'{server}[migrations]\nkind = "django"'))
    assert one.migrations == MigrationSettings(kind="django", path=".", database="main")
    two = production(loads(top=f'{server}[migrations]\nkind = "sql"\n[backup]\npaths = ["data"]'))
    assert two.migrations == MigrationSettings(database="main")
    with pytest.raises(
        ConfigurationError, match=r'database \(line \d+\): missing, expected one of "app.db", "main"'
    ):
        loads(top=f'{server}[migrations]\nkind = "sql"\n[backup]\ndatabases = ["app.db"]')


def test_what_migrates_is_read_with_its_environment_and_its_patience(loads: Loads) -> None:
    written = """
      [migrations]
      kind = "command"
      database = "data/app.db"
      up = ["npx", "knex", "migrate:latest"]
      down = ["npx", "knex", "migrate:rollback"]
      pending = ["npx", "knex", "migrate:list"]
      process = "api"
      lock_timeout = "300ms"
      retry_within = 0
    """
    found = production(loads(top=written)).migrations
    assert found is not None
    assert (found.up[-1], found.down[-1], found.pending[-1]) == (
        "migrate:latest",
        "migrate:rollback",
        "migrate:list",
    )
    assert (found.process, found.lock_timeout_s, found.retry_within_s) == ("api", 0.3, 0.0)


def test_a_file_further_up_is_found_and_no_file_at_all_is_said(
    loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads()
    below = tmp_path / "src" / "api"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load(None, environ={}).project == tmp_path
    (tmp_path / "mobius.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"^no mobius\.toml here or above ") as caught:
        load(None, environ={})
    assert "mobius config schema" in caught.value.hint


def test_an_unknown_environment_is_answered_with_the_known_ones(loads: Loads) -> None:
    with pytest.raises(UsageError, match='no environment "prod"') as caught:
        loads().environment("prod")
    assert caught.value.hint == "known environments: production, staging"


UNREADABLE = [
    (b"\xef\xbb\xbfservice = 'x'", "mobius.toml starts with a byte order mark"),
    (b"service = 'x'\n\n# \xff", "mobius.toml is not UTF-8 (line 3)"),
    (b"#" * (2**20 + 1), "mobius.toml is larger than 1 MiB"),
    (b"x = " + b"9" * 5000, "mobius.toml is not valid TOML: a number too long or brackets too deep"),
    (b"x = " + b"[" * 50_000, "mobius.toml is not valid TOML: a number too long or brackets too deep"),
    (b"service = 'x\x00'", "mobius.toml is not valid TOML: "),
]


@pytest.mark.parametrize(("content", "message"), UNREADABLE, ids=lambda value: str(value)[:30])
def test_a_file_that_is_no_such_text_is_said_to_be_so(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "mobius.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load(file, environ={})
    assert caught.value.message.startswith(message)


def test_a_folder_and_a_missing_file_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder, not a file") as caught:
        load(tmp_path, environ={})
    assert caught.value.hint == f"try: --config {tmp_path / 'mobius.toml'}"
    with pytest.raises(ConfigurationError, match="there is no file"):
        load(tmp_path / "other.toml", environ={})
    with pytest.raises(ConfigurationError):
        load(Path("nul\0byte"), environ={})
