"""Whose figures hold for films: those of the environment that is named, or of all where they agree."""

from __future__ import annotations

from pathlib import Path

import pytest

import mobius
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.places import Places
from mobius.errors import UsageError
from mobius.wiring import App
from mobius.wiring.media import films_of
from mobius.wiring.media_signals import film_signals

CONFIG = """service = "films"
[[process]]
name = "web"
start = ["true"]
{top}
[environments.{one}]
url = "http://127.0.0.1:9"
{own}
[environments.staging]
url = "http://127.0.0.1:10"
"""


def made(folder: Path, *, top: str = "", one: str = "production", own: str = "") -> App:
    (folder / "mobius.toml").write_text(CONFIG.format(top=top, one=one, own=own))
    return mobius.open(folder)


def test_environments_that_agree_need_not_be_named(tmp_path: Path) -> None:
    app = made(tmp_path, top="[media]\nssim = 0.9", one="live")
    assert films_of(app.settings, None).how.wanted.tolerances.ssim == 0.9


def test_production_speaks_where_they_differ_and_without_one_it_is_a_question(tmp_path: Path) -> None:
    app = made(tmp_path, own="media = { ssim = 0.9 }")
    assert films_of(app.settings, None).how.wanted.tolerances.ssim == 0.9
    assert films_of(app.settings, "staging").how.wanted.tolerances.ssim == 0.995
    with pytest.raises(UsageError, match="which environment"):
        films_of(made(tmp_path, one="live", own="media = { ssim = 0.9 }").settings, None)


def test_without_a_configuration_the_figures_of_the_guide_hold() -> None:
    how = films_of(None, None).how
    assert (how.wanted.tolerances.ssim, how.gates.video.resolution_exact) == (0.995, "1920x1080")


def test_paths_are_those_of_the_project_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(tmp_path, top='[media]\nlatest = "shared/out/*.mp4"')
    films = films_of(app.settings, None)
    assert films.how.home.folder == tmp_path / "tests" / "golden"
    assert films.resolve("shared/out/a.mp4") == tmp_path / ".mobius/production/shared/out/a.mp4"
    assert films.archive().folder == tmp_path / "logs" / "quality"
    monkeypatch.chdir(tmp_path)
    assert films_of(app.settings, None).how.home.folder == Path("tests/golden")


def test_the_window_has_a_gate_for_each_kind_of_films_and_none_where_they_are_not_watched(
    tmp_path: Path,
) -> None:
    for game in ("chess", "sushi"):
        (tmp_path / "tests" / "golden" / game).mkdir(parents=True)
        (tmp_path / "tests" / "golden" / game / "golden.json").write_text("{}")

    def signals(top: str) -> int:
        app = made(tmp_path, top=top)
        settings = app.environment("production")
        places = Places(tmp_path, settings.root)
        return len(film_signals(app.settings, settings, places, SystemClock(), 0.0))

    assert signals('[media]\nlatest = "out/{game}/*.mp4"') == 2
    assert signals('[media]\nlatest = "out/*.mp4"\ngame = "sushi"') == 1
    assert signals('[media]\nlatest = "out/{game}/*.mp4"\nwatch = false') == 0
    assert signals("") == 0
