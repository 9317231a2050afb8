"""The settings as data: frozen, with the documents' figures as defaults."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mobius.errors import UsageError
from mobius.model.policies import ADAPTIVE, CONSERVATIVE, PRESETS, STRICT
from mobius.model.quality import QualityGates
from mobius.model.settings import EnvironmentSettings, MonitorSettings, Settings

LIVE = EnvironmentSettings("production", "http://127.0.0.1:5001", Path("/srv/dhash"))
SETTINGS = Settings("dhash", Path("/srv"), {"production": LIVE})


def test_an_environment_is_found_by_its_name_and_an_unknown_one_is_a_usage_error() -> None:
    assert SETTINGS.environment("production") is LIVE
    with pytest.raises(UsageError) as caught:
        SETTINGS.environment("staging")
    assert (caught.value.message, caught.value.hint) == (
        'no environment "staging" in mobius.toml',
        "known environments: production",
    )


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LIVE.window_s = 5.0  # type: ignore[misc]


def test_a_monitor_warms_up_for_two_intervals_unless_it_says_otherwise() -> None:
    assert MonitorSettings().effective_warmup_s == 60.0
    assert MonitorSettings(interval_s=1.0).effective_warmup_s == 2.0
    assert MonitorSettings(warmup_s=0.0).effective_warmup_s == 0.0


def test_the_figures_of_the_two_documents_are_the_presets() -> None:
    assert set(PRESETS) == {"conservative", "strict", "adaptive"}
    assert (CONSERVATIVE.max_error_rate_pct, CONSERVATIVE.error_min_requests) == (5.0, 100)
    assert (CONSERVATIVE.max_p95_ms, CONSERVATIVE.p95_for_s, CONSERVATIVE.p95_window_s) == (
        5000.0,
        180.0,
        60.0,
    )
    assert (STRICT.max_error_rate_pct, STRICT.error_for_s, STRICT.error_window_s) == (1.0, 300.0, 60.0)
    assert (STRICT.max_cpu_pct, STRICT.max_memory_pct, STRICT.resources_for_s) == (90.0, 95.0, 300.0)
    assert dataclasses.replace(ADAPTIVE, name="conservative", base="conservative") == CONSERVATIVE


def test_the_quality_gates_default_to_the_guides_json() -> None:
    gates = QualityGates()
    assert (gates.performance.response_time_max, gates.performance.cpu_usage_max) == (200.0, 70.0)
    assert (gates.monitoring.check_interval, gates.monitoring.recovery_threshold) == (30.0, 5)
