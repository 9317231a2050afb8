"""Kills everything that it can see."""

import os
import signal

os.kill(-1, signal.SIGKILL)
