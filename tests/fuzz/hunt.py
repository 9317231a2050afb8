"""Looks for bytes that break a reader: `python -m tests.fuzz.hunt --seconds 20 [TARGET …]`, led by coverage (atheris).

What it finds is put beside the kept inputs, where `test_corpus.py` fails until it is mended, and stays as a case. How
far it came is kept in `build/fuzz`, so that the next hunt goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
SEEN = Path(__file__).parents[2] / "build" / "fuzz"
LONGEST_BYTES = 4096
SLOW_S = 10  # one input that takes so long is a fault, too
MOST_MB = 1024
SPARE_S = 600  # to begin, on a machine that does other things, too


def main() -> int:
    """1 where something was found."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=int, default=20, help="for each target")
    asked.add_argument("--alone", default="", help=argparse.SUPPRESS)
    asked.add_argument("targets", nargs="*")
    known, rest = asked.parse_known_args()
    if known.alone:
        return _hunt(known.alone, [*known.targets, *rest])
    from tests.fuzz.targets import TARGETS

    found = [name for name in known.targets or TARGETS if _finds(name, known.seconds)]
    print(f"found in: {', '.join(found)}" if found else "nothing was found")
    return 1 if found else 0


def _finds(name: str, seconds: int) -> bool:
    """Hunts in a process of its own: what breaks the interpreter breaks nothing else."""
    seen = SEEN / name
    seen.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mobius-hunt-") as folder:
        bounds = [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}", f"-timeout={SLOW_S}"]
        bounds += [f"-rss_limit_mb={MOST_MB}", f"-artifact_prefix={folder}/", "-verbosity=0"]
        words = [
            sys.executable,
            "-m",
            "tests.fuzz.hunt",
            "--alone",
            name,
            *bounds,
            str(seen),
            str(CORPUS / name),
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + SPARE_S)
        left = sorted(Path(folder).iterdir())
        for file in left:
            content = file.read_bytes()
            kept = CORPUS / name / f"found-{hashlib.sha256(content).hexdigest()[:8]}"
            kept.write_bytes(content)
            print(f"{name}: {kept}\n{done.stdout}{done.stderr[-3000:]}")
    if done.returncode and not left:
        print(f"{name}: ended with {done.returncode}\n{done.stdout}{done.stderr[-3000:]}")
    else:
        print(f"{name}: {'FOUND' if left else 'nothing'}, {len([*seen.iterdir()])} inputs seen", flush=True)
    return bool(done.returncode or left)


def _hunt(name: str, words: list[str]) -> int:
    try:
        import atheris
    except ImportError:
        print("atheris is not here: it is for Linux, and comes with `make fuzz`")
        return 1
    with atheris.instrument_imports(include=["mobius"]):
        from tests.fuzz.targets import tried
    atheris.Setup([sys.argv[0], *words], lambda data: tried(name, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
