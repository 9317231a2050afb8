"""How values stand in a unit file: quoted and escaped for systemd, or refused; never taken for more than they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mobius.errors import UsageError


def setting(name: str, value: str) -> str:
    """`Name=value` for a setting that takes the rest of the line: `%` is doubled, so that no specifier comes of it.

    Raises UsageError for what no quoting can carry: control characters, and a backslash or a space at the end,
    which would join the next line or get lost.
    """
    _refuse(name, value)
    if value != value.strip() or value.endswith("\\"):
        raise UsageError(
            f"{name} of a unit cannot be {value!r}", "it must not begin or end with a space or \\"
        )
    return f"{name}={value.replace('%', '%%')}"


def command(argv: Sequence[str], *, ours: Iterable[str] = ("%i",)) -> str:
    """The words of ExecStart=, each quoted; those of `ours` are specifiers that we mean. Raises UsageError for
    control characters and for a program that is not an absolute path."""
    if not argv or not argv[0].startswith("/"):
        raise UsageError(f"a unit cannot start {argv[0] if argv else 'nothing'!r}", "give the whole path")
    program = quoted(argv[0]).replace("$$", "$")  # its path is taken as it is, no variable is looked for
    return " ".join([program, *(word if word in ours else quoted(word) for word in argv[1:])])


def quoted(word: str) -> str:
    """One word in double quotes, in which nothing has a meaning of its own."""
    _refuse("ExecStart", word)
    for char in '\\"':
        word = word.replace(char, f"\\{char}")
    return f'"{word.replace("%", "%%").replace("$", "$$")}"'


def as_it_is(name: str, value: str) -> str:
    """`Name=value` as somebody wrote it, specifiers and quotes included, but one line of this section."""
    _refuse(name, value)
    if value.endswith("\\"):
        raise UsageError(f"{name} of a unit cannot end with \\", "it would swallow the next line")
    return f"{name}={value}"


def comment(text: str) -> str:
    """A comment of one line, whatever the text holds."""
    safe = "".join(char if char.isprintable() else "?" for char in text)
    return f"# {safe.rstrip(chr(92))}"


def _refuse(name: str, value: str) -> None:
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise UsageError(
            f"{name} of a unit cannot hold control characters: {value!r}", "rename it without a line break"
        )
