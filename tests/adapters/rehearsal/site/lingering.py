"""Leaves a process behind that belongs to nobody and takes no signal, and then answers."""

import os
import runpy
import signal
import sys
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", os.environ["MARK"]])
    os._exit(0)
time.sleep(0.2)
runpy.run_path("web.py", run_name="__main__")
