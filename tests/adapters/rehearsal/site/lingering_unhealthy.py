"""Leaves a process behind that takes no signal, and never becomes healthy."""

import os
import signal
import sys
import time

if os.fork() == 0:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", os.environ["MARK"]])
time.sleep(600)
