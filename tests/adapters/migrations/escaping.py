"""A "migration" that tries every way to what is live, says how each one went, and where its own ways lead."""

import json
import os
import socket
import sqlite3
from pathlib import Path

LIVE = json.loads(os.environ["LIVE"])  # where everything live is: a fair start
found: dict[str, object] = {}


def tried(name, act):
    """Whether it worked, or what the system said."""
    try:
        found[name] = ["worked", repr(act())[:300]]
    except BaseException as problem:
        found[name] = ["refused", f"{type(problem).__name__}: {problem}"[:300]]


def tcp(host, port):
    with socket.create_connection((host, port), timeout=3) as line:
        return line.getpeername()


def there(path):
    Path(path).stat()
    return path


def unix(path):
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(3)
        line.connect(path)
        return path


def written_in(path):
    with sqlite3.connect(path) as db:
        return db.execute("INSERT INTO word VALUES ('escaped')").rowcount


def same_server(*words, **more):
    """Connects, writes, and says whether that was the live server."""
    import psycopg

    with psycopg.connect(*words, connect_timeout=3, autocommit=True, **more) as db:
        (identifier,) = db.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        if str(identifier) != LIVE["identifier"]:
            raise LookupError("it is another server")
        db.execute("INSERT INTO note VALUES ('escaped')")


tried("tcp on loopback", lambda: tcp("127.0.0.1", LIVE["port"]))
tried("tcp on loopback by name", lambda: tcp("localhost", LIVE["port"]))
tried("tcp on loopback, IPv6", lambda: tcp("::1", LIVE["port"]))
tried("tcp to the internet", lambda: tcp("192.0.2.1", 443))
tried("the unix socket", lambda: unix(LIVE["socket"]))
for name in ("pgpass", "service", "neighbour", "env_file", "journal"):
    tried(f"read {name}", lambda name=name: Path(LIVE[name]).read_bytes())
    tried(f"write {name}", lambda name=name: Path(LIVE[name]).open("ab").close())
    tried(f"see {name} by another way", lambda name=name: there("/proc/1/root" + LIVE[name]))
tried("the neighbour's data", lambda: written_in(LIVE["neighbour"]))
tried("see the project", lambda: there(LIVE["env_file"]))
tried("another scratch copy", lambda: Path("/migrated/other.db").read_bytes()[0])
tried("to write another scratch copy", lambda: written_in("/migrated/other.db"))
if "identifier" not in LIVE:
    tried("remove the scratch file", lambda: os.unlink("/migrated/migrated.db"))  # noqa: PTH108
    tried("rename the scratch file", lambda: os.rename("/migrated/migrated.db", "/migrated/x"))  # noqa: PTH104
    found["link"] = ["tried", ""]
    for name in ("migrated.db-journal", "trial-down.db"):
        os.symlink(LIVE["real"], f"/migrated/{name}")  # noqa: PTH211
tried("to replace the release", lambda: Path(__file__).open("ab").close())
if "identifier" in LIVE:
    for name in ("url", "tcp_url", "dsn"):
        tried(f"by heart: {name}", lambda name=name: same_server(LIVE[name]))
    for name, value in sorted(os.environ.items()):
        if "=" in value or "://" in value:
            tried(f"by {name}", lambda value=value: same_server(value))
    tried("by what libpq takes from the environment", lambda: same_server(""))
    tried("by the service", lambda: same_server(service="live"))
    tried("by the service file", lambda: same_server(service="live", servicefile=LIVE["service"]))
    tried("by the password file", lambda: same_server(LIVE["tcp_url"], passfile=LIVE["pgpass"]))
    sql = {
        "run a program": "COPY (SELECT 1) TO PROGRAM 'cat'",
        "read a file": "SELECT pg_read_file('/etc/passwd')",
        "become the superuser": "SET ROLE mobius_scratch",
        "make a superuser": "CREATE ROLE more SUPERUSER",
        "an extension that dials": "CREATE EXTENSION dblink",
        "another that dials": "CREATE EXTENSION postgres_fdw",
        "change the server": "ALTER SYSTEM SET archive_command = 'false'",
        "load a library": "LOAD '/tmp/x.so'",
    }

    def asked(query):
        import psycopg

        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
            return db.execute(query).statusmessage

    for name, query in sql.items():
        tried(name, lambda query=query: asked(query))
    own = {"note": lambda: asked("INSERT INTO note VALUES ('of a rehearsal')")}
else:
    Path("/migrated/migrated.db-journal").unlink()
    own = {"word": lambda: written_in(os.environ["DATABASE"])}
for name, act in own.items():
    tried(f"its own {name}", act)
if "identifier" not in LIVE:
    os.symlink(LIVE["real"], "/migrated/migrated.db-journal")  # noqa: PTH211
worked = {name for name, (how, _) in found.items() if how == "worked"}
print(json.dumps({"found": found, "worked": sorted(worked), "env": dict(os.environ)}))
