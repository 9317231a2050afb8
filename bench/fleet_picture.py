"""Draws docs/pictures/scale.svg from the newest entry of fleet_sim in bench/RESULTS.md: time and questions by hosts.

python -m bench.fleet_picture
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.common import REPOSITORY, RESULTS

PICTURE = REPOSITORY / "docs" / "pictures" / "scale.svg"
WIDTH, HEIGHT, LEFT, TOP, INNER = 384, 300, 52, 40, 212
HOSTS = (3, 10, 100, 1000)
STYLE = """<style>
text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;fill:#24292f}
.grid{stroke:#d0d7de;stroke-width:.6}.line{fill:none;stroke-width:2}.goal{stroke-dasharray:5 4;stroke-width:1.2}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.grid{stroke:#3d444d}}
</style>"""
Row = Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """One line of a panel, with its name at its end."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


def main() -> None:
    """Writes the picture."""
    PICTURE.write_text(picture(RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(REPOSITORY)}")


def picture(page: str) -> str:
    """As SVG. A fleet changes a tenth of its hosts at once, where that was measured, and five at least."""
    entry = page.split("## fleet_sim\n", 1)[1].split("\n### ", 2)[1].split("\n## ")[0]
    times, price = (_rows(entry, column) for column in ("deployed", "questions a host"))

    def line(name: str, colour: str, rows: Sequence[Row], of: Callable[[Row], float]) -> Line:
        return Line(name, colour, [(_hosts(row), of(row)) for row in rows])

    seconds = [
        line("deployed", "#8250df", times, lambda row: _seconds(row["deployed"])),
        line("back, cold", "#bf8700", times, lambda row: _seconds(row["back, cold"].split(", all ")[1])),
        line("emergency", "#cf222e", times, lambda row: _seconds(row["emergency"].split(", all ")[1])),
        line("requests are back", "#1a7f37", times, lambda row: _seconds(row["emergency"].split(",")[0])),
    ]
    asked = [
        line("deployed", "#8250df", price, lambda row: _hosts(row) * float(row["questions a host"])),
        line("emergency", "#cf222e", price, lambda row: _hosts(row) * float(row["back"])),
    ]
    panels = [
        _panel(0, "seconds, by hosts", seconds, (1, 10, 100, 1000), goals=((300, "5 min"), (600, "10 min"))),
        _panel(WIDTH + 40, "questions to all hosts, by hosts", asked, (10, 100, 1000, 10_000, 100_000)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH + 40} {HEIGHT}" role="img"'
        f' aria-label="Time and questions against the number of hosts">\n{STYLE}\n{"".join(panels)}</svg>\n'
    )


def _rows(entry: str, column: str) -> list[Row]:
    """Of the table with this column; of each number of hosts the row with the most at once."""
    lines = entry.splitlines()
    first = next(place for place, line in enumerate(lines) if f" {column} " in line and line.startswith("|"))
    names = _cells(lines[first])
    found: dict[int, Row] = {}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        row = dict(reversed(list(zip(names, _cells(line), strict=True))))  # of two of one name the first
        if _hosts(row) not in found or int(row["max_parallel"]) >= int(found[_hosts(row)]["max_parallel"]):
            found[_hosts(row)] = row
    return list(found.values())


def _panel(
    left: int,
    title: str,
    lines: Sequence[Line],
    marks: Sequence[int],
    goals: Sequence[tuple[float, str]] = (),
) -> str:
    def x(hosts: float) -> float:
        return left + LEFT + INNER * math.log(hosts / HOSTS[0]) / math.log(HOSTS[-1] / HOSTS[0])

    def y(value: float) -> float:
        return TOP + INNER * (1 - math.log(value / marks[0]) / math.log(marks[-1] / marks[0]))

    parts = [f'<text class="title" x="{left + LEFT}" y="20">{title}</text>\n']
    for mark in marks:
        parts.append(_rule("grid", x(HOSTS[0]), y(mark), x(HOSTS[-1]), y(mark)))
        parts.append(f'<text x="{left + LEFT - 6}" y="{y(mark) + 4:.0f}" text-anchor="end">{mark:,}</text>\n')
    for hosts in HOSTS:
        parts.append(
            f'<text x="{x(hosts):.0f}" y="{TOP + INNER + 18}" text-anchor="middle">{hosts:,}</text>\n'
        )
    for value, name in goals:
        parts.append(_rule("grid goal", x(HOSTS[0]), y(value), x(HOSTS[-1]), y(value)))
        parts.append(f'<text x="{x(HOSTS[0]) + 4:.0f}" y="{y(value) - 4:.0f}">goal {name}</text>\n')
    ends = sorted(lines, key=lambda line: -y(line.points[-1][1]), reverse=True)
    lowest = 0.0
    for line in ends:
        points = " ".join(f"{x(hosts):.1f},{y(value):.1f}" for hosts, value in line.points)
        lowest = max(lowest + 13, y(line.points[-1][1]) + 4)
        parts.append(f'<polyline class="line" stroke="{line.colour}" points="{points}"/>\n')
        at = f'x="{x(HOSTS[-1]) + 5:.0f}" y="{lowest:.0f}"'
        parts.append(f'<text {at} style="fill:{line.colour}">{line.name}</text>\n')
    return "".join(parts)


def _rule(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.0f}" y1="{y1:.1f}" x2="{x2:.0f}" y2="{y2:.1f}"/>\n'


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _hosts(row: Row) -> int:
    return int(row["hosts"].replace(",", ""))


def _seconds(words: str) -> float:
    value, unit = words.split()
    return float(value) * (60 if unit == "min" else 1)


if __name__ == "__main__":
    main()
