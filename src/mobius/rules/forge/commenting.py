"""The text of the one comment: marked, bounded, with the head of the audit log, and nothing in it that calls people."""

from __future__ import annotations

import re

LONGEST = 65_536  # characters that GitHub takes
_MENTION = re.compile(r"(?<![A-Za-z0-9`/])@(?=[A-Za-z0-9])")
_COMMENT = re.compile(r"<!--|-->")


def marker_of(service: str, name: str) -> str:
    """What the comment begins with, which no reader sees."""
    return f"<!-- mobius {service} {name} -->"


def comment_text(marker: str, text: str, *, head: str = "", rest_at: str = "") -> str:
    """The whole comment. What does not fit is cut at a line, and the cut is said; `rest_at`: where all of it is.

    A file of a report may hold what strangers wrote: it makes no second marker, and calls nobody by name.
    """
    body = _MENTION.sub("@\N{ZERO WIDTH SPACE}", _COMMENT.sub("‹!-›", text.replace("\0", ""))).strip()
    foot = f"\n\n<sub>audit log {head}</sub>" if head else ""
    room = LONGEST - _size(marker) - _size(foot) - 2
    if _size(body) > room:
        where = f"; all of it: {rest_at}" if rest_at else ""
        fence = "\n```"  # closes a block that the cut has left open
        said = f"\n\n**Cut here: {len(body):,} characters do not fit into a comment{where}.**"
        kept = _cut(body, room - _size(said) - _size(fence))
        kept = kept[: kept.rfind("\n")] if "\n" in kept[-2000:] else kept
        is_open = len(re.findall(r"^ {0,3}```", kept, re.MULTILINE)) % 2 == 1
        body = kept + (fence if is_open else "") + said
    return f"{marker}\n{body}{foot}\n"


def _size(text: str) -> int:
    """In the units that a browser counts: a sign outside of the first 65,536 is two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _cut(text: str, size: int) -> str:
    return text.encode("utf-16-le", "replace")[: 2 * max(0, size)].decode("utf-16-le", "ignore")
