"""Who measures: the versions that a reading may depend on."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from mobius.adapters.media.opening import INSTALL
from mobius.errors import GateUnknown
from mobius.model.golden import METER


def versions() -> dict[str, Any]:
    """Ours, PyAV's, those of FFmpeg's libraries, and numpy's. Raises `GateUnknown` where PyAV or numpy is missing."""
    try:
        import av
        import numpy
    except ImportError as missing:
        raise GateUnknown(f"media cannot be measured here: {missing}", INSTALL) from missing
    return {
        "mobius": importlib.metadata.version("mobius"),
        "meter": METER,
        "av": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
        "libraries": {name: ".".join(map(str, parts)) for name, parts in sorted(av.library_versions.items())},
        "numpy": numpy.__version__,
    }
