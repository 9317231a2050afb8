"""A release that renders bad films is taken back by itself; one that renders good ones stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from adapters.media.films import film
from journeys.service import PYTHON, Service

pytestmark = [pytest.mark.journey, pytest.mark.slow]

SHARP = {"preset": "veryfast", "g": "30", "crf": "5"}
SETTINGS = f"""
[[process]]
name = "studio"
kind = "worker"
start = [{", ".join(json.dumps(word) for word in PYTHON)}, "studio.py"]
stop_timeout = "5s"

[quality_gates.video]
resolution_exact = "320x180"

[quality_gates.audio]
lufs_target = -29.8

[media]
latest = "shared/out/*.mp4"
required = ["container", "sound", "golden"]
"""


def plate(_: int, picture: np.ndarray) -> None:
    picture[100:130, 200:290] = (20, 160, 60)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    film(made / "good.mp4", seconds=4, options=SHARP)
    film(made / "again.mp4", seconds=4, options={**SHARP, "preset": "fast"})
    film(made / "quiet.mp4", seconds=4, options=SHARP, gain_db=-3.0)
    film(made / "plate.mp4", seconds=4, options=SHARP, draw=plate)
    return made


@pytest.fixture
def studio(new_service: Callable[..., Service], films: Path) -> Callable[..., Service]:
    """v1 renders good films and is live, its golden is recorded, and v2 renders those of this name."""

    def make(name: str, window: str) -> Service:
        service = new_service(window="1s", interval="1s", alone=False)
        service.config.write_text(service.config.read_text())
        shutil.copy(films / "good.mp4", service.folder / "good.mp4")
        words = ("--game", "films", "--in", "good.mp4", "--frames", "1,2", "--by", "Ada")
        service.mobius("media", "golden", "record", *words, expect=0, environ={"CI": ""})
        add(service, "v1", films / "good.mp4")
        service.config.write_text(service.config.read_text().replace("[backup]", f"{SETTINGS}\n[backup]", 1))
        quiet = service.config.read_text()
        service.config.write_text(quiet.replace("[media]", "[media]\nwatch = false"))
        service.mobius("deploy", "--tag", "v1", expect=0)
        service.config.write_text(quiet.replace('window = "1s"', f'window = "{window}"'))
        add(service, "v2", films / f"{name}.mp4")
        return service

    return make


def add(service: Service, tag: str, shown: Path) -> None:
    place = service.add_release(tag)
    shutil.copy(Path(__file__).parent / "studio.py", place)
    shutil.copy(shown, place / "film.mp4")


def answers(service: Service) -> list[tuple[int, str]]:
    return service.journal(
        "SELECT ok, note FROM samples WHERE signal = 'gate:media' AND ok IS NOT NULL ORDER BY id"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [("quiet", "(−29.93 LUFS ± 1 wanted)"), ("plate", "the least similar tile")],
)
def test_a_release_that_renders_bad_films_is_taken_back_by_itself(
    studio: Callable[..., Service], name: str, why: str
) -> None:
    service = studio(name, "15m")

    done = service.finish(service.start("deploy", "--tag", "v2"), timeout_s=420)

    assert done.code == 12, f"{done}\n{service.log()}"
    said = done.out + done.err
    assert "gate media failed 4 times in a row (more than 3)" in said
    assert service.get("/")["release"] == "v1"
    told = answers(service)
    assert [ok for ok, _ in told[:4]] == [0, 0, 0, 0]
    assert len({note.partition(":")[0] for _, note in told[:4]}) == 4  # four films, each judged once
    every = sorted((service.folder / "logs" / "quality").glob("*_quality.xml"))
    kept = [file for file in every if file.with_suffix(".html").exists()]
    assert len(kept) >= 4
    windows = [json.loads(file.with_suffix(".json").read_text()) for file in every if file not in kept]
    ended = next(one for one in windows if one["suite"].startswith("watch of v2"))
    assert {(one["name"], one["outcome"]) for one in ended["checks"]} >= {
        ("media", "FAIL"),
        ("window", "FAIL"),
    }
    messages = [str(one.get("message")) for one in ElementTree.parse(kept[0]).getroot().iter("failure")]
    assert any(why in message for message in messages), messages
    page = kept[0].with_suffix(".html").read_text()
    assert "heat map" in page and page.count("data:image/jpeg") >= 4
    assert json.loads(kept[0].with_suffix(".json").read_text())["outcome"] == "FAIL"


def test_a_release_that_renders_good_films_stays_also_when_they_are_encoded_otherwise(
    studio: Callable[..., Service],
) -> None:
    service = studio("again", "45s")

    done = service.finish(service.start("deploy", "--tag", "v2"), timeout_s=240)

    assert done.code == 0, f"{done}\n{service.log()}"
    assert service.get("/")["release"] == "v2"
    told = answers(service)
    assert told and {ok for ok, _ in told} == {1}


def test_a_window_without_a_single_film_is_not_passed(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(window="1s", interval="1s", alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    text = service.config.read_text().replace('window = "1s"', 'window = "8s"')
    service.config.write_text(text.replace("[backup]", '[media]\nlatest = "shared/out/*.mp4"\n[backup]', 1))
    service.add_release("v2")

    done = service.mobius("deploy", "--tag", "v2", expect=4, timeout_s=120)

    assert "gate media could not be measured" in done.out + done.err
    assert service.get("/")["release"] == "v2"
