"""Never stops talking, on its own output and on that of whoever started it."""

import os

line = b"x" * 65536 + b"\n"
try:
    fd = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY)
except OSError:
    fd = 1
while True:
    os.write(fd, line)
