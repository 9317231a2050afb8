"""Small repositories as people have them, each as its files; made in a folder by the tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

NODE_API = """const http = require("node:http");
const { version } = require("../../package.json");

const port = process.env.PORT || 5001;

http.createServer((request, response) => {
  if (request.url === "/health") {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ status: "OK", version }));
  } else {
    response.statusCode = 404;
    response.end();
  }
}).listen(port, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
"""
PACKAGE = """{
  "name": "dhash",
  "version": "2.1.0",
  "private": true,
  "scripts": {
    "start": "node src/api/index.js"
  },
  "engines": { "node": ">=18" }
}
"""
LOCK = {
    "name": "dhash",
    "version": "2.1.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {"": {"name": "dhash", "version": "2.1.0"}},
}
NODE = {
    "package.json": PACKAGE,
    "package-lock.json": json.dumps(LOCK, indent=2) + "\n",
    "src/api/index.js": NODE_API,
    "data/.gitkeep": "",
    ".gitignore": "node_modules/\n",
}
DJANGO = {
    "manage.py": "import os\n",
    "requirements.txt": "Django==5.2\ngunicorn==23.0\n",
    "shop/settings.py": 'DATABASES = {"default": {"NAME": BASE_DIR / "var/shop.sqlite3"}}\n',
    "shop/wsgi.py": "application = get_wsgi_application()\n",
    "shop/urls.py": 'urlpatterns = [path("healthz/", health), path("admin/", admin)]\n',
    "shop/migrations/0001_initial.py": "",
    "var/.gitkeep": "",
    ".env.example": "DATABASE_URL=postgres://shop@localhost/shop\nPORT=8123\n",
}
SQLITE = {
    "app.py": """import os
from http.server import ThreadingHTTPServer
database = os.environ.get("NOTES_DB", "data/notes.db")
if path == "/health":
    answer({"status": "up"})
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "5400"))), Notes)
""",
    "data/notes.db": "",
    "migrations/001_notes.sql": "CREATE TABLE notes (body TEXT);\n",
}
FASTAPI = {
    "src/service/main.py": 'app = FastAPI()\n\n@app.get("/api/health")\ndef health(): ...\n',
    "pyproject.toml": '[project]\nname = "Quotes.API"\nversion = "1"\ndependencies = ["fastapi", "uvicorn"]\n',
}
PROCFILE = {
    "Procfile": "web: node index.js\nworker: node worker.js --queue=$QUEUE\nclock: node clock.js\nrelease: ./migrate\n",
    "package.json": '{"name": "@acme/Queue_Runner", "dependencies": {"express": "5"}, "scripts": {"build": "tsc"}}\n',
    "index.js": "require('express')().get('/status/health', h).listen(4100)\n",
}
SAMPLES = {
    "node": NODE,
    "django": DJANGO,
    "sqlite": SQLITE,
    "fastapi": FASTAPI,
    "procfile": PROCFILE,
}


def lay_out(folder: Path, files: dict[str, str], *, git: bool = True) -> Path:
    """The files in the folder, committed and tagged v1.0.0 unless `git` is off."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    folder.mkdir(parents=True, exist_ok=True)
    if git:
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin"), ("tag", "v1.0.0")):
            git_in(folder, *words)
    return folder


def git_in(folder: Path, *words: str) -> str:
    """Runs git as somebody, whatever this machine's own configuration says."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@localhost", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout
