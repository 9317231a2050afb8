"""Makes the pictures of README.md from a real run of the demo: `make pictures` (needs chromium, takes two minutes)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "docs" / "pictures"
TERMINAL, REPORT = HERE / "demo.svg", HERE / "report.png"
WIDE, TALL = 1180, 860  # pixels of the report that are shown
COLUMNS, LINE_PX, LETTER_PX = 108, 19, 8.4
SHOWN_BEFORE_END = 46  # lines: the third release, and what happened
INK = {
    "verdict: ": "#ff7b72",
    "rollback begun: ": "#ffa657",
    "rolled back: ": "#7ee787",
    " passed": "#7ee787",
    "switched: ": "#79c0ff",
    "live now": "#7ee787",
}


def main() -> int:
    """Runs the demo, and draws what it printed and the report that it wrote. Returns the exit code."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("there is no chromium to draw the report with: apt install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mobius-pictures-") as scratch:
        project = Path(scratch) / "demo"
        program = [sys.executable, "-m", "mobius", "demo", "--keep", str(project)]
        ran = subprocess.run(
            program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if ran.returncode != 0:
            print(ran.stdout, file=sys.stderr)
            return 1
        HERE.mkdir(exist_ok=True)
        told = ran.stdout.replace(str(project), "/tmp/mobius-demo")
        TERMINAL.write_text(drawn(told.splitlines()[-SHOWN_BEFORE_END:]), "utf-8")
        report = project / ".mobius" / "production" / "reports" / "run-3.html"
        photograph(browser, report, REPORT, Path(scratch))
    print(f"{TERMINAL} and {REPORT} are written", file=sys.stderr)
    return 0


def photograph(browser: str, page: Path, picture: Path, scratch: Path) -> None:
    """The first screen of the page as PNG. Root's Chromium runs without its sandbox: the page is our own."""
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    argv = [browser, "--headless", *alone, "--hide-scrollbars", f"--window-size={WIDE},{TALL}"]
    argv += [f"--user-data-dir={scratch / 'browser'}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)


def drawn(lines: list[str]) -> str:
    """A terminal that shows these lines, as an SVG that needs no font or picture of others."""
    fitted = [line[:COLUMNS] for line in lines]
    wide, tall = int(COLUMNS * LETTER_PX + 40), len(fitted) * LINE_PX + 60
    dots = "".join(f'<circle cx="{22 + 20 * n}" cy="20" r="6" fill="#484f58"/>' for n in range(3))
    rows = "".join(_row(line, 58 + n * LINE_PX) for n, line in enumerate(fitted))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" role="img"'
        f' viewBox="0 0 {wide} {tall}">'
        "<title>What mobius demo prints: v3 turns bad, and v2 is live again</title>"
        f'<rect width="{wide}" height="{tall}" rx="10" fill="#0d1117"/>{dots}'
        f'<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" fill="#c9d1d9">{rows}</g></svg>\n'
    )


def _row(line: str, y: int) -> str:
    ink = next((f' fill="{colour}"' for words, colour in INK.items() if words in line), "")
    return f'<text x="20" y="{y}" xml:space="preserve"{ink}>{escape(line)}</text>\n' if line.strip() else ""


if __name__ == "__main__":
    sys.exit(main())
