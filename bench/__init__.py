"""One command a benchmark, each paired in one run: `python -m bench.switch`, `bench.door`, `bench.help`."""
