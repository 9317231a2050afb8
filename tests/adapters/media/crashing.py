"""A child that crashes, as a decoder may."""

import os
import signal

os.kill(os.getpid(), signal.SIGSEGV)
