"""A film looked at and listened to in one go: its facts, its loudness, and the frames shown at some times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error

from mobius.adapters.media.frames import Shown, frames_in
from mobius.adapters.media.loudness import Listener
from mobius.adapters.media.opening import opened, unreadable
from mobius.adapters.media.probing import corrupt_frames, probed
from mobius.errors import GateUnknown

if TYPE_CHECKING:
    from av.container import InputContainer


def looked_at(
    file: Path, times: Sequence[float] = (), *, deep: bool = False
) -> tuple[dict[str, Any], list[Shown]]:
    """The film, its loudness (None without sound; `sound_problem` where it cannot be measured), who measured, and the
    frames. Raises as `opened` and `frames_in` do."""
    with opened(file) as container:
        sound = Sound(file, container)
        film = probed(container, file, hear=sound.hear)
        shown = frames_in(container, file, times) if times else []
    loudness, problem = sound.told()
    if deep:
        film |= corrupt_frames(file)
    told = {"film": film, "loudness": loudness, "sound_problem": problem, "ffmpeg": av.ffmpeg_version_info}
    return told, shown


class Sound:
    """The first audio stream, if there is one, listened to while packets go by. Once it breaks off, that is it."""

    def __init__(self, file: Path, container: InputContainer) -> None:
        self._file = file
        self._index = container.streams.audio[0].index if container.streams.audio else None
        self._listener = Listener(file)
        self._problem = ""

    def hear(self, packet: Any) -> None:
        """Any packet of the film."""
        if packet.stream.index != self._index or self._problem:
            return
        try:
            self._listener.add(packet)
        except (av.error.FFmpegError, EOFError, ValueError, UnicodeError) as broken:
            self._problem = unreadable(self._file, broken).message
        except GateUnknown as unknown:
            self._problem = unknown.message

    def told(self) -> tuple[dict[str, Any] | None, str]:
        """The figures, or why there are none; neither for a film without sound."""
        if self._index is None or self._problem:
            return None, self._problem
        try:
            figures = asdict(self._listener.end())
        except GateUnknown as unknown:
            return None, unknown.message
        return {name: value for name, value in figures.items() if name != "curve"}, ""
