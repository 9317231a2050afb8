"""One command a benchmark, each paired in one run: `python -m bench.switch`, `.door`, `.help`, `.rollback` …"""
