"""Opens a media file: only the containers we know, only this one file, and only pictures of a bearable size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mobius.errors import GateUnknown, MobiusError, UsageError

if TYPE_CHECKING:
    from av.container import InputContainer

# A playlist or a list of files named .mp4 would make FFmpeg read other files, or the network (measured: it does).
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,avi,flv,wav,w64,flac,mp3,ogg,aiff,caf,au,aac,ac3,eac3"
)
MAX_PIXELS = 8192 * 4320  # a larger picture would take more memory than a child has
INSTALL = "install it: pip install 'mobius[media]'"


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container, while inside the `with`. Raises `UsageError` for a file that is not there, `GateUnknown` for one
    that cannot be read as media, now or while it is read."""
    try:
        import av
        import av.error
    except ImportError as missing:
        raise GateUnknown(
            "media cannot be measured here: PyAV and numpy are not installed", INSTALL
        ) from missing
    av.logging.set_level(None)
    if not path.is_file():
        raise UsageError(
            f"{path.name}: no such file", f"name a film or a sound that is there; looked for {path}"
        )
    if path.stat().st_size == 0:
        raise GateUnknown(
            f"{path.name} is empty", "it was never written, or its writer was killed: render it again"
        )
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        with av.open(f"file:{path.resolve()}", options=options) as container:
            for stream in container.streams.video:
                _bear(stream.codec_context.width * stream.codec_context.height, path)
                stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield container
    except (av.error.FFmpegError, EOFError) as broken:
        raise unreadable(path, broken) from broken
    except (ValueError, UnicodeError, MemoryError) as broken:  # PyAV's own, of what it read
        raise unreadable(path, broken) from broken


def _bear(pixels: int, path: Path) -> None:
    if pixels > MAX_PIXELS:
        raise GateUnknown(
            f"{path.name}: a picture of {pixels:,} pixels is not decoded (at most {MAX_PIXELS:,})",
            "the file is broken or hostile, or the service renders more than anybody can play",
        )


def unreadable(path: Path, why: BaseException) -> MobiusError:
    """What to say of a file whose reading broke off."""
    said = str(getattr(why, "strerror", "") or why).partition("\n")[0] or type(why).__name__
    return GateUnknown(
        f"{path.name} cannot be read as media: {said}",
        f"it is cut, broken, or of another kind; known containers: {CONTAINERS.replace(',', ', ')}",
    )
