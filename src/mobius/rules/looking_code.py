"""What the code of a repository says of its port and its health endpoint, by the ways people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mobius.model.project import Repository, Started

SOURCE = re.compile(r"\.(m?[jt]s|cjs|jsx|tsx|py|rb|go|php)$")
PORTS = (
    r"\bPORT\s*=\s*[\"']?(\d{2,5})\b",
    r"env(?:iron)?(?:\.PORT|\[[\"']PORT[\"']\])\s*(?:\|\||\?\?|or)\s*[\"']?(\d{2,5})",
    r"(?:get|getenv)\(\s*[\"']PORT[\"']\s*,\s*[\"']?(\d{2,5})",
    r"--port[= ](\d{2,5})",
    r"\.listen\(\s*(\d{2,5})\b",
    r"\bport\s*[:=]\s*(\d{4,5})\b",
)
USUAL_PORTS = (
    ("uvicorn", 8000),
    ("gunicorn", 8000),
    ("manage.py", 8000),
    ("datasette", 8001),
    ("flask", 5000),
)
HEALTH = re.compile(r"[\"'`](/(?:[\w.-]{1,60}/){0,6}(?:health|healthz|healthcheck|livez|readyz)/?)[\"'`]")
DJANGO_HEALTH = re.compile(r"path\(\s*r?[\"']\^?((?:[\w-]{1,60}/){0,6}health\w*/?)\$?[\"']")
SAYS = re.compile(r"[\"']?status[\"']?\s*[:=]\s*[\"'](\w+)[\"']")
NEAR = 600  # characters after the route in which its answer is looked for


def find_port(seen: Repository, processes: Sequence[Started]) -> tuple[int, str]:
    """(port, where it was read). The example environment comes first, then the code that starts, then the rest."""
    started = {word for process in processes for word in process.start}
    command = " ".join(word for process in processes for word in process.start)
    if found := first_match(command, PORTS[3]):
        return int(found), "its start command"
    files = sorted(
        sources(seen), key=lambda pair: (not pair[0].startswith(".env"), pair[0] not in started, pair[0])
    )
    for path, text in files:
        if is_test(path):
            continue
        for pattern in PORTS:
            found = first_match(text, pattern)
            if found and 1 <= int(found) < 65_535:
                return int(found), path
    for word, port in USUAL_PORTS:
        if word in command:
            return port, f"nothing here: the usual one of {word}"
    return (
        (3000, "nothing here: the usual one of Node")
        if "package.json" in seen.files
        else (8000, "nothing here: a usual one")
    )


def find_health(seen: Repository) -> tuple[str, str, str]:
    """(route, what json.status is there, where it was read); "/" where none was found."""
    found = []
    for path, text in sources(seen):
        if is_test(path):
            continue
        found += [(match[1], text[match.end() : match.end() + NEAR], path) for match in HEALTH.finditer(text)]
        found += [(f"/{m[1]}", text[m.end() : m.end() + NEAR], path) for m in DJANGO_HEALTH.finditer(text)]
    if not found:
        return "/", "", ""
    route, after, path = min(found, key=lambda each: (len(each[0]), each[2]))
    says = SAYS.search(after)
    return route, says[1] if says else "", path


def sources(seen: Repository) -> Iterable[tuple[str, str]]:
    """The files that are code or an example environment, with their texts."""
    return [
        (path, text)
        for path, text in sorted(seen.texts.items())
        if SOURCE.search(path) or re.fullmatch(r"\.env(\.\w+)?", path)
    ]


def is_test(path: str) -> bool:
    """Whether the file is there to test, not to serve."""
    return bool(
        re.search(r"(^|/)(tests?|__tests__|spec|e2e)/|[._-](test|spec)\.|(^|/)test_|(^|/)scripts/", path)
    )


def first_match(text: str, pattern: str) -> str:
    """What the pattern's group holds at its first place, "" where there is none."""
    found = re.search(pattern, text)
    return found[1] if found else ""
