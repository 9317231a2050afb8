"""The variables of templates, and the many names that people have for them."""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLES: Mapping[str, str] = {
    "service": "the service",
    "environment": "the environment",
    "release": "the tag that is shipped, or that is live again",
    "previous_release": "the release before it",
    "git_commit": "the commit of the release",
    "git_branch": "the branch, where it is known",
    "repository": "`notify.repository`",
    "pr": "the pull request, where it is known",
    "deploy_lead": "who leads the deployment",
    "operator": "who acted: a person, or the runner of the run",
    "deployment_id": "the number of the run",
    "status": "started, succeeded, failed …: the topic",
    "severity": "info, warning or critical",
    "title": "the headline",
    "message": "what happened, in one sentence",
    "timestamp": "when, in UTC",
    "unix_timestamp": "when, in seconds since 1970",
    "duration": "how long it took, where something ended",
    "reason": "why: what was seen, in one sentence",
    "error_message": "the same, where something failed",
    "failed_stage": "the step that failed",
    "exit_code": "as `mobius` ended, or would have",
    "way_back": "which way back was taken",
    "backup_file": "the backup that belongs to it",
    "gate_name": "the gate that said no",
    "metric": "what was measured",
    "threshold": "its limit",
    "actual_value": "what it was",
    "violation_duration": "how long it was over",
    "auto_rollback_status": "whether a bad verdict rolls back by itself",
    "health_check_status": "what the health checks say, where it is known",
    "smoke_test_status": "what the smoke tests say, where it is known",
    "error_rate": "percent, where it was measured",
    "p95": "milliseconds, where it was measured",
    "cpu": "percent, where it was measured",
    "memory": "percent, where it was measured",
    "url": "where the service is reached",
    "dashboard_url": "`notify.dashboard_url`",
    "runbook_url": "`notify.runbook_url`",
    "logs_url": "`notify.logs_url`",
    "artifacts_url": "`notify.artifacts_url`",
    "incident_url": "`notify.dashboard_url`, of the run",
    "choices": "what can be done now: one line each, or a section",
    "next_command": "what to look at now",
    "acknowledge": "the command that stops the escalation",
    "escalation": "who is asked, and who is next",
    "count": "how many messages went out as this one",
    "messages": "what each of them says: one line each, or a section",
    "head": "the head of the audit log, for `mobius audit verify --head`",
    "event_id": "the event in the journal",
}

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("env", "target_environment", "deploy_env", "deployment_environment"), "environment"),
    **dict.fromkeys(("lead", "deployment_lead", "release_lead"), "deploy_lead"),
    **dict.fromkeys(
        (
            "deploy_operator",
            "deployer",
            "deployed_by",
            "initiated_by",
            "triggered_by",
            "user",
            "actor",
            "who",
        ),
        "operator",
    ),
    **dict.fromkeys(
        ("version", "release_tag", "tag", "release_version", "new_version", "release_name"), "release"
    ),
    **dict.fromkeys(
        ("previous_version", "rollback_version", "rollback_to", "old_version", "previous_tag"),
        "previous_release",
    ),
    **dict.fromkeys(
        ("commit", "commit_hash", "commit_sha", "sha", "git_sha", "git_hash", "revision"), "git_commit"
    ),
    **dict.fromkeys(("branch", "git_ref"), "git_branch"),
    **dict.fromkeys(("repo", "git_repository"), "repository"),
    **dict.fromkeys(("pr_number", "pull_request", "pr_url", "pr_link"), "pr"),
    **dict.fromkeys(("service_name", "app", "app_name", "application", "project", "component"), "service"),
    **dict.fromkeys(
        ("run", "run_id", "deploy_id", "build_id", "rollback_id", "incident_id"), "deployment_id"
    ),
    **dict.fromkeys(("state", "result", "outcome", "deployment_status", "deploy_status", "event"), "status"),
    **dict.fromkeys(("level", "priority", "alert_level"), "severity"),
    **dict.fromkeys(("headline", "subject", "summary", "alert_name", "alert_title"), "title"),
    **dict.fromkeys(("description", "details", "text", "alert_message", "body"), "message"),
    **dict.fromkeys(
        (
            "time",
            "date",
            "date_time",
            "datetime",
            "when",
            "start_time",
            "started_at",
            "end_time",
            "deployment_time",
        ),
        "timestamp",
    ),
    **dict.fromkeys(("ts", "epoch", "timestamp_unix", "unix_time"), "unix_timestamp"),
    **dict.fromkeys(
        ("elapsed", "took", "total_duration", "deployment_duration", "deploy_duration", "rollback_duration"),
        "duration",
    ),
    **dict.fromkeys(
        ("rollback_reason", "cause", "because", "failure_reason", "trigger", "trigger_reason"), "reason"
    ),
    **dict.fromkeys(("error", "error_details", "failure_message", "failure"), "error_message"),
    **dict.fromkeys(("stage", "step", "failed_step", "phase", "failed_phase"), "failed_stage"),
    **dict.fromkeys(("code", "return_code"), "exit_code"),
    **dict.fromkeys(("rollback_method", "rollback_type"), "way_back"),
    **dict.fromkeys(("backup", "backup_name", "backup_path", "backup_id"), "backup_file"),
    **dict.fromkeys(("gate", "quality_gate", "check_name"), "gate_name"),
    **dict.fromkeys(("metric_name", "alert_metric", "signal"), "metric"),
    **dict.fromkeys(("limit", "threshold_value", "expected", "expected_value"), "threshold"),
    **dict.fromkeys(
        ("actual", "value", "current_value", "metric_value", "measured", "observed"), "actual_value"
    ),
    **dict.fromkeys(("alert_duration",), "violation_duration"),
    **dict.fromkeys(("auto_rollback", "auto_rollback_enabled"), "auto_rollback_status"),
    **dict.fromkeys(("health", "health_status", "health_check"), "health_check_status"),
    **dict.fromkeys(("smoke_tests", "smoke_test", "smoke_tests_status", "smoke_status"), "smoke_test_status"),
    **dict.fromkeys(("error_rate_pct", "errors"), "error_rate"),
    **dict.fromkeys(("p95_latency", "latency_p95", "p95_ms", "response_time", "latency"), "p95"),
    **dict.fromkeys(("cpu_usage", "cpu_pct"), "cpu"),
    **dict.fromkeys(("memory_usage", "mem", "memory_pct", "mem_usage"), "memory"),
    **dict.fromkeys(("api_url", "api_base_url", "service_url", "base_url", "health_url", "endpoint"), "url"),
    **dict.fromkeys(("dashboard", "monitoring_url", "dashboard_link", "monitor_url"), "dashboard_url"),
    **dict.fromkeys(("runbook", "runbook_link", "rollback_runbook_url"), "runbook_url"),
    **dict.fromkeys(("logs", "log_url", "logs_link", "ci_url", "workflow_url", "build_url"), "logs_url"),
    **dict.fromkeys(("artifacts", "artifact_url", "artifacts_link", "report_url"), "artifacts_url"),
    **dict.fromkeys(("incident", "incident_link"), "incident_url"),
    **dict.fromkeys(("audit_head",), "head"),
    **dict.fromkeys(("next_step", "next", "command"), "next_command"),
}

# Words that the operations guide has its readers replace by hand.
BARE: Mapping[str, str] = {"RELEASE_TAG": "release", "DEPLOY_LEAD": "deploy_lead", "DATE/TIME": "timestamp"}

NOT_KNOWN = "n/a"  # of a variable that has no value in this message


def canonical(written: str) -> str | None:
    """The variable that is meant: `RELEASE_TAG`, `releaseTag`, `release-tag` and `ctx.release_tag` are one. None for
    a name that stands for nothing."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", written.strip())
    name = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    for each in (name, re.sub(r"[^a-z0-9]+", "_", snake.rpartition(".")[2].lower()).strip("_")):
        if each in VARIABLES:
            return each
        if each in ALIASES:
            return ALIASES[each]
    return None
