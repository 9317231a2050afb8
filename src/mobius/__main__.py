"""The command's entry: one place prints errors and chooses the exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and leaves with the documented exit code."""
    from mobius.cli.console import speak_plainly
    from mobius.cli.main import run

    speak_plainly(sys.argv[1:])
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
