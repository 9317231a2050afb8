"""The agent as the one file that is sent, and the few lines that receive it."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import zipfile
from importlib.resources import files

PACKAGE = "mobius_agent"
FOLDER = "agent"  # below the root on a host
_MAIN = f"import sys\nfrom {PACKAGE}.program import main\nsys.exit(main())\n"
_DATE = (2000, 1, 1, 0, 0, 0)

# Runs on the host before anything of ours is there. It reads one line, and from then on exactly what is announced,
# so that nothing of what follows is lost when it becomes the agent.
_RECEIVER = """
import hashlib, json, os, sys
def exactly(size):
    found = b""
    while len(found) < size:
        piece = os.read(0, min(65536, size - len(found)))
        if not piece:
            sys.exit(0)
        found += piece
    return found
def say(**told):
    os.write(1, json.dumps(told).encode() + b"\\n")
def no(message, hint):
    say(ok=False, code="receive", message=message, hint=hint)
    sys.exit(1)
asked = json.loads(exactly(int(exactly(8))).decode())
if sys.version_info < (3, 8):
    no("Python %d.%d on this host is too old" % sys.version_info[:2], "3.8 or newer is needed: [fleet] python")
root = os.path.abspath(os.path.expanduser(asked["root"]))
folder = os.path.join(root, "agent")
path = os.path.join(folder, asked["sha256"] + ".pyz")
def whole():
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == asked["sha256"]
    except OSError:
        return False
try:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if whole():
        say(ok=True, has=True)
    else:
        say(ok=True, has=False)
        content = exactly(asked["size"])
        new = path + ".%d" % os.getpid()
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        if not whole():
            no("the agent did not arrive whole", "try again")
    link, unit = os.path.join(folder, ".current.%d" % os.getpid()), os.path.join(folder, "agent.pyz")
    if not os.path.islink(unit) or os.readlink(unit) != os.path.basename(path):
        os.symlink(os.path.basename(path), link)
        os.replace(link, unit)
except OSError as problem:
    hint = "the user that ssh arrives as must be able to write there"
    if problem.errno in (28, 122):
        hint = "free space there: df -h " + root
    no("%s: %s" % (problem.filename or folder, problem.strerror), hint)
words = [sys.executable, "-I", path, "serve", "--root", root]
os.execv(sys.executable, words)
"""


@functools.cache
def agent_file() -> bytes:
    """The file, the same bytes for the same sources."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _DATE), _MAIN)
        folder = files("mobius.adapters.fleet") / FOLDER
        for source in sorted(folder.iterdir(), key=lambda one: one.name):
            if source.name.endswith(".py"):
                archive.writestr(zipfile.ZipInfo(f"{PACKAGE}/{source.name}", _DATE), source.read_bytes())
    return made.getvalue()


@functools.cache
def agent_sha256() -> str:
    """Its digest, which is its name on a host."""
    return hashlib.sha256(agent_file()).hexdigest()


def receiver(python: str = "python3") -> str:
    """The one command that a host's shell is given: no word of it depends on anything but the program's name."""
    coded = base64.b64encode(_RECEIVER.encode()).decode()
    return f"exec {python} -I -c \"import base64;exec(base64.b64decode('{coded}'))\""
