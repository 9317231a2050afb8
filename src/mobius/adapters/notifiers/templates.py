"""The project's own templates: which file is for which message of which kind of channel, and what is wrong in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import ConfigurationError
from mobius.model.notices import Topic
from mobius.report.notices.json_templates import check_json
from mobius.report.notices.mail import one_line
from mobius.report.notices.naming import topic_named
from mobius.report.notices.templates import LARGEST, Wrong, parse

ENDINGS = {"slack": (".json",), "teams": (".json",), "webhook": (".json",), "email": (".txt", ".html", ".md")}
_FOLDERS = {"slack": "slack", "teams": "teams", "msteams": "teams", "email": "email", "mail": "email"}
_FOLDERS |= {"webhook": "webhook"}


@dataclass(frozen=True, slots=True)
class Template:
    """One file, and what it is for."""

    path: Path
    kind: str
    topic: Topic | None


class Templates:
    """Those in the folder, as they are now: `KIND/MESSAGE.json`, or with both in the name of the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, kind: str, topic: Topic) -> str:
        """The template for this message; "" where there is none, or it cannot be read: our form serves."""
        for found in self.all():
            if found.kind == kind and found.topic is topic:
                try:
                    return _text(found.path)
                except ConfigurationError:
                    continue
        return ""

    def all(self) -> Iterator[Template]:
        """Every file that is meant for a kind of channel, in order of their names."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("**/*")):
            kind = _kind_of(path.relative_to(self.folder))
            if kind and path.suffix.lower() in ENDINGS[kind] and path.is_file():
                yield Template(path, kind, topic_named(path.stem))

    def mistakes(self) -> tuple[str, ...]:
        """Each as `file:line: what`, of all templates."""
        return tuple(
            f"{self._named(found.path)}:{wrong.line}: {wrong.words}" for found, wrong in self._wrong()
        )

    def _wrong(self) -> Iterator[tuple[Template, Wrong]]:
        seen: dict[tuple[str, Topic], Path] = {}
        for found in self.all():
            if found.topic is None:
                words = f"no message is called {one_line(found.path.stem)!r}: {', '.join(Topic)}"
                yield found, Wrong(1, words)
                continue
            first = seen.setdefault((found.kind, found.topic), found.path)
            if first != found.path:
                yield found, Wrong(1, f"{self._named(first)} is for the same message, and is used")
            try:
                text = _text(found.path)
            except ConfigurationError as problem:
                yield found, Wrong(1, problem.message)
                continue
            for wrong in check_json(text) if found.path.suffix == ".json" else parse(text)[1]:
                yield found, wrong

    def _named(self, path: Path) -> str:
        return path.relative_to(self.folder.parent).as_posix()


def _kind_of(path: Path) -> str:
    words = [part.lower() for part in path.parts[:-1]]
    first = path.stem.lower().replace("-", "_").split("_")
    return next((_FOLDERS[word] for word in (*words, *first) if word in _FOLDERS), "")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(4 * LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(
            f"cannot be read: {getattr(problem, 'strerror', None) or 'it is not UTF-8'}",
            "let this user read it, and save it as UTF-8",
        ) from problem
