"""Films and their gates as one page that needs nothing else: pictures, tiles, loudness, and what to do next."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from mobius.model.quality import Reading
from mobius.model.verdict import Outcome, worst
from mobius.report.media_curve import Curve, curve_of
from mobius.report.page import page_template

MOST_PICTURES = 12 << 20  # bytes of all pictures of a page, as text
TITLES = {
    Outcome.FAIL: "a gate failed",
    Outcome.ERROR: "a gate could not be read",
    Outcome.INCONCLUSIVE: "not enough is known",
    Outcome.PASS: "all gates passed",
}
TEXTS = {Outcome.PASS: "good-text", Outcome.FAIL: "bad-text"}
LIKE, UNLIKE = 1.0, 0.8  # SSIM of a tile: nothing is drawn on it, and the most


@dataclass(frozen=True, slots=True)
class FilmShown:
    """One film for the page. `facts`: name and value; `shown`: as the job `shown` answers, empty without pictures;
    `limits`: the loudness wanted, and how far from it in LU (None: nothing is wanted)."""

    name: str
    readings: Sequence[Reading]
    facts: Sequence[tuple[str, str]] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    golden: str = ""
    least_tile: float = 0.95
    limits: tuple[float, float] | None = None
    next: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile, in pixels of the picture; `heat` from 0 (like) to 1."""

    x: float
    y: float
    wide: float
    high: float
    heat: float
    mean: float


@dataclass(frozen=True, slots=True)
class Slide:
    """One frame: both pictures (as text, "" for none), its tiles, the worst of them, and what is masked."""

    at: str
    film: str
    golden: str
    width: int
    height: int
    ssim: str
    masked: str
    tiles: Sequence[Tile]
    worst: Tile | None
    is_bad: bool
    masks: Sequence[Mapping[str, Any]]
    left_out: bool

    @property
    def has_both(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.film and self.golden)


@dataclass(frozen=True, slots=True)
class Card:
    """One film, ready to be drawn."""

    film: FilmShown
    outcome: Outcome
    slides: Sequence[Slide]
    curve: Curve | None

    @property
    def readings(self) -> list[Reading]:
        """Those first that did not pass."""
        return sorted(self.film.readings, key=lambda one: one.outcome is Outcome.PASS)

    @property
    def problem(self) -> str:
        """Why something is not shown, "" for nothing."""
        return str(self.film.shown.get("problem") or "")

    @property
    def title(self) -> str:
        """Its answer in words."""
        return TITLES[self.outcome]

    @property
    def text(self) -> str:
        """The colour of it."""
        return TEXTS.get(self.outcome, "unsure-text")


def films_page(title: str, films: Sequence[FilmShown], at: str, *, most_bytes: int = MOST_PICTURES) -> str:
    """The whole page. What others wrote is escaped; pictures past `most_bytes` are left out, and it says so."""
    script = resources.files("mobius.report").joinpath("templates", "media.js").read_text(encoding="utf-8")
    left = [most_bytes]
    cards = [_card(film, left) for film in sorted(films, key=_weight)]
    outcome = worst([card.outcome for card in cards])
    bad = sum(card.outcome is not Outcome.PASS for card in cards)
    many = f"{len(cards)} films, {bad} of them not passed" if len(cards) > 1 else cards[0].film.name
    return page_template("media").render(
        title=title,
        many=many,
        at=at,
        cards=cards,
        outcome=outcome,
        heading=TITLES[outcome],
        text=TEXTS.get(outcome, "unsure-text"),
        next=next((card.film.next for card in cards if card.film.next), ""),
        marks=MARKS,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


MARKS = {
    "PASS": ("✓ pass", "good-text"),
    "FAIL": ("✗ fail", "bad-text"),
    "INCONCLUSIVE": ("? skipped", "unsure-text"),
    "ERROR": ("? not read", "unsure-text"),
}


def _weight(film: FilmShown) -> int:
    """What is worst comes first."""
    return list(TITLES).index(worst([one.outcome for one in film.readings])) if film.readings else 0


def _card(film: FilmShown, left: list[int]) -> Card:
    slides = [_slide(row, film, left) for row in film.shown.get("frames", ())]
    curve = curve_of(film.shown.get("curve", ()), film.limits)
    return Card(film, worst([one.outcome for one in film.readings]), slides, curve)


def _slide(row: Mapping[str, Any], film: FilmShown, left: list[int]) -> Slide:
    wide, high = int(row.get("width", 16)), int(row.get("height", 9))
    pictures = {name: str(row.get(name) or "") for name in ("film", "golden")}
    size = sum(map(len, pictures.values()))
    left_out = size > left[0]
    left[0] -= 0 if left_out else size
    tiles = _tiles(row.get("tiles"), wide, high)
    least = min(tiles, key=lambda tile: tile.mean, default=None)
    ssim = row.get("ssim")
    masked = float(row.get("masked") or 0.0)
    return Slide(
        at=f"{row['at_s']:g} s",
        film="" if left_out else pictures["film"],
        golden="" if left_out else pictures["golden"],
        width=wide,
        height=high,
        ssim="" if ssim is None else f"{int(ssim * 10_000) / 10_000:.4f}",
        masked=f"{masked:.1%}" if masked else "",
        tiles=[tile for tile in tiles if tile.heat > 0.02],
        worst=least,
        is_bad=least is not None and least.mean < film.least_tile,
        masks=row.get("masks", ()),
        left_out=left_out,
    )


def _tiles(told: Mapping[str, Any] | None, wide: int, high: int) -> list[Tile]:
    if not told:
        return []
    rows, columns = [*told["rows"], high], [*told["columns"], wide]
    found = []
    for row, means in enumerate(told["means"]):
        for column, mean in enumerate(means):
            heat = min(1.0, max(0.0, (LIKE - mean) / (LIKE - UNLIKE)))
            x, y = columns[column], rows[row]
            found.append(Tile(x, y, columns[column + 1] - x, rows[row + 1] - y, round(heat, 3), mean))
    return found
