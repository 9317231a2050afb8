"""Two threads on the port that the slot was given, on loopback only."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 1
threads = 4
graceful_timeout = 10
control_socket_disable = True
