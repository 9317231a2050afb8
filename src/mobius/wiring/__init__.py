"""Settings to App: the only place that knows adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mobius.flows.follow import Viewer as Viewer
    from mobius.wiring.app import App as App
    from mobius.wiring.app import open_app as open_app
    from mobius.wiring.app import version as version

_OF_APP = ("App", "Viewer", "open_app", "version")


def __getattr__(name: str) -> Any:
    """The App is loaded when it is asked for: who only needs a neighbour of it does not wait for all adapters."""
    if name not in _OF_APP:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mobius.wiring import app

    return getattr(app, name)
