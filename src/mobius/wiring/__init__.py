"""Settings to App: the only place that knows adapters."""

from mobius.flows.follow import Viewer as Viewer
from mobius.wiring.app import App as App
from mobius.wiring.app import open_app as open_app
from mobius.wiring.app import version as version
