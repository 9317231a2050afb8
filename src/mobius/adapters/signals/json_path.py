"""A number at a path of the JSON that an address answers with, or that a file holds."""

from __future__ import annotations

import stat
from pathlib import Path

from mobius.adapters.signals.asking import answer_of, why_refused
from mobius.model.settings import SignalSettings
from mobius.ports import Around, Unread
from mobius.rules.numbers import number_in, read_path

LARGEST_FILE = 5 * 1024 * 1024


class JsonNumber:
    """Implements `mobius.ports.Gauge`. Without a path, the whole text is the number."""

    def __init__(self, settings: SignalSettings, around: Around) -> None:
        self._settings, self._around = settings, around
        self._path = read_path(settings.path) if settings.path else ()

    def read(self) -> float:
        """The number. Raises Unread, or NotANumber where something else stands there."""
        settings = self._settings
        if not settings.file:
            answer = answer_of(settings, self._around)
            if answer.status != 200:
                raise Unread(why_refused(answer, settings))
            return number_in(answer.body, self._path)
        file = self._around.resolve(settings.file)
        try:
            text = _text(file)
        except OSError as error:
            raise Unread(f"{settings.file}: {error.strerror or error}") from error
        except ValueError as error:
            raise Unread(f"{settings.file}: {error}") from error
        return number_in(text, self._path)


def _text(file: Path) -> str:
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is no file")
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE // 1024 // 1024} MB")
    return data.decode("utf-8", "replace")
