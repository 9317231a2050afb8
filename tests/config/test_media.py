"""`[media]`: one source of truth for the figures, with its origin, and a watch that may act on films."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Loads

GATES = '{"quality_gates": {"video": {"ssim_threshold": 0.9}, "audio": {"lufs_tolerance": 2.5}}}'


def test_the_figures_are_those_of_the_quality_gates_unless_media_says_otherwise(
    loads: Loads, tmp_path: Path
) -> None:
    (tmp_path / "quality-gates.json").write_text(GATES)
    top = '[quality_gates]\ninclude = "quality-gates.json"\n[media]\nlufs_tolerance = 0.5\n'
    settings = loads(top)
    media = settings.environment("production").media
    assert (media.ssim, media.lufs_tolerance, media.true_peak_tolerance) == (0.9, 0.5, 1.0)
    assert media.golden == tmp_path / "tests" / "golden"
    origin = settings.origins["environments.production.media.ssim"]
    assert origin.where == "quality-gates.json: quality_gates.video.ssim_threshold"
    assert settings.origins["environments.production.media.lufs_tolerance"].source == "file"


def test_a_watch_that_judges_films_acts_on_them_also_by_a_policy_without_a_limit_for_gates(
    loads: Loads,
) -> None:
    def limit(top: str) -> int | None:
        return loads(top).environment("production").policy.max_failed_gates

    assert limit("") is None
    assert limit('[media]\nlatest = "out/*.mp4"') == 3
    assert limit('[media]\nlatest = "out/*.mp4"\nwatch = false') is None
    assert limit('thresholds = { max_failed_gates = "off" }\n[media]\nlatest = "out/*.mp4"') is None
    assert limit('thresholds = { max_failed_gates = 1 }\n[media]\nlatest = "out/*.mp4"') == 1
    assert (
        limit('policies = { mine = { base = "strict", max_failed_gates = "off" } }\npolicy = "mine"') is None
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('latest = "../out/*.mp4"', 'expected a pattern without ".."'),
        ('latest = "out/{name}.mp4"', 'no other braces in it than those of "{game}"'),
        ('latest = "out/{game}.mp4"\ngame = "sushi-go"', 'means nothing with "{game}" in latest'),
        ('game = "sushi-go"', "means nothing without latest"),
        ('every = "10m"', "means nothing without latest"),
        ('required = ["colour"]', '"colour"'),
        ("ssim = nan", "found"),
        ("ssim = 1.5", "found 1.5"),
        ("workers = -1", "found -1"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(
    mistakes: Callable[..., tuple[str, ...]], lines: str, said: str
) -> None:
    assert any(said in mistake for mistake in mistakes(f"[media]\n{lines}"))
