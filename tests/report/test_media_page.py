"""The page of films: nothing from outside, nothing that others wrote can draw, and not larger than it may be."""

from __future__ import annotations

import base64
import hashlib
import re

from mobius.model.quality import Reading
from mobius.model.verdict import Outcome
from mobius.report.media_curve import curve_of
from mobius.report.media_page import FilmShown, films_page

GOOD = Reading("resolution", Outcome.PASS, "1x1", "1x1", "resolution is 1x1")
BAD = Reading("frame_1s", Outcome.FAIL, 0.9, "at least 0.995", "SSIM 0.9", "look at the pictures")
TILES = {"means": [[1.0, 0.5]], "rows": [0], "columns": [0, 64]}
FRAME = {
    "at_s": 1.0,
    "film": "AAAA",
    "golden": "BBBB",
    "width": 128,
    "height": 64,
    "ssim": 0.99999,
    "masked": 0.05,
    "tiles": TILES,
    "masks": [{"shape": "circle", "x": 0, "y": 0, "width": 20, "height": 20, "reason": "<b>clock"}],
}
SHOWN = {"frames": [FRAME], "curve": [[3.0, -30.0], [4.0, -20.0]], "problem": ""}


def test_the_page_needs_nothing_else_and_runs_no_other_script() -> None:
    page = films_page("check", [FilmShown("a.mp4", [GOOD, BAD], shown=SHOWN, next="mend it")], "now")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script and page.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    )


def test_what_others_wrote_is_text() -> None:
    name = "<script>alert(1)</script>\u202e.mp4"
    hostile = Reading("x", Outcome.ERROR, None, "<i>", name, "<img src=x onerror=alert(1)>")
    page = films_page("check", [FilmShown(name, [hostile], [("Video", name)], SHOWN)], "now")
    assert page.count("<script") == 1
    assert "<img src=x" not in page and "\u202e" not in page and "<b>clock" not in page


def test_the_worst_tile_is_marked_and_the_masks_are_drawn() -> None:
    page = films_page("check", [FilmShown("a.mp4", [BAD], shown=SHOWN)], "now")
    assert "worst tile 0.500 at 64,0" in page
    assert 'class="worst-out" x="64" y="0" width="64" height="64"' in page
    assert '<ellipse class="mask" cx="10.0" cy="10.0"' in page
    assert "SSIM 0.9999" in page, "never rounded up to what it is not"
    assert re.search(r'value="heat" checked', page), "what is bad is shown at once"
    assert 'alt="The golden at 1 s"' in page


def test_what_did_not_pass_comes_first_and_says_what_to_do() -> None:
    page = films_page("check", [FilmShown("a.mp4", [GOOD, BAD], next="mend it")], "now")
    assert page.index("SSIM 0.9") < page.index("resolution is 1x1")
    assert "Now: mend it" in page and "a gate failed" in page


def test_pictures_past_the_limit_are_left_out_and_it_says_so() -> None:
    films = [FilmShown(f"{n}.mp4", [GOOD], shown={**SHOWN, "frames": [FRAME]}) for n in range(3)]
    page = films_page("check", films, "now", most_bytes=10)
    assert page.count("data:image/jpeg;base64,AAAA") == 1
    assert page.count("is left out: the page would become too large") == 2


def test_a_film_of_which_nothing_is_known_has_a_page_too() -> None:
    error = Reading("film", Outcome.ERROR, None, "", "a.mp4 is empty", "render it again")
    page = films_page("check", [FilmShown("a.mp4", [error], shown={"problem": "it broke"})], "now")
    assert "a gate could not be read" in page
    assert "Not everything can be shown: it broke" in page


def test_the_curve_has_its_band_in_the_box() -> None:
    curve = curve_of([[3.0, -40.0], [6.0, -16.0]], (-16.0, 1.0))
    assert curve is not None and curve.band is not None
    top, high = curve.band
    assert 0 <= top < top + high <= 100
    assert all(0 <= float(y) <= 100 for _, y in (point.split(",") for point in curve.line.split()))
    assert curve_of([], None) is None and curve_of([[1.0, -20.0]], None) is None
    flat = curve_of([[1.0, -99.0], [2.0, -99.0]], None)
    assert flat is not None and flat.band is None


def test_the_worst_film_comes_first() -> None:
    page = films_page("check", [FilmShown("good.mp4", [GOOD]), FilmShown("bad.mp4", [BAD])], "now")
    assert page.index(">bad.mp4</a>") < page.index(">good.mp4</a>")
    assert "2 films, 1 of them not passed" in page
