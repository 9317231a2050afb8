"""Measures films on a cluster of Dask: its workers do what `pool` does here, on the same files at the same paths."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobius.adapters.media import child, cluster_worker
from mobius.adapters.media.child import Limits
from mobius.adapters.media.pool import STOPPED, USUAL
from mobius.errors import GateUnknown, Interrupted, UsageError

INSTALL = "install it: pip install 'mobius[cluster]'"
TO_CONNECT_S = 20.0
LOOK_S = 2.0  # between two looks whether anybody is left to measure
ALONE_S = 60.0  # without a single worker, or a scheduler
ALIKE = "install the same mobius[media,cluster] and PyAV everywhere"


class ClusterExecutor:
    """`address`: of the scheduler, tcp://HOST:PORT or tls://HOST:PORT."""

    def __init__(self, address: str, limits: Limits = USUAL, *, alone_s: float = ALONE_S) -> None:
        self._address, self._limits, self._alone_s = address, limits, alone_s
        self._run = uuid.uuid4().hex
        self._is_over = False
        self._client = _connected(address)
        try:
            self.lanes = self._threads()
            if not self.lanes:
                raise GateUnknown(
                    f"the cluster at {address} has no workers", "start some: dask worker ADDRESS"
                )
        except BaseException:
            self._client.close()
            raise

    def meter(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = child.ask("meter", Path(), {}, self._limits)
        try:
            there = self._client.run(cluster_worker.versions, on_error="return")
        except Exception as problem:
            raise GateUnknown(
                f"the workers at {self._address} do not answer: {_words(problem)}", ALIKE
            ) from problem
        wrong = [f"{worker}: {why}" for worker, said in sorted(there.items()) if (why := _other(told, said))]
        if wrong:
            raise GateUnknown(
                f"{len(wrong)} of {len(there)} workers would measure in another way than this machine",
                ALIKE,
                details=tuple(wrong),
            )
        return told

    def ask(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        if not file.is_file():
            raise UsageError(f"{file.name}: no such file", f"looked for {file}")
        asked = {"run": self._run, "job": job, "file": str(file.absolute()), "options": dict(options)}
        asked |= {"cwd": str(Path.cwd()), "limits": asdict(self._limits)}
        try:
            return child.answer(job, file, 0, self._told(job, file, json.dumps(asked)).encode(), b"")
        except Exception as problem:
            if self._is_over:  # it was ended by us
                raise Interrupted(*STOPPED) from problem
            raise

    def __enter__(self) -> ClusterExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        try:
            self._client.run(cluster_worker.stop, self._run, on_error="ignore")
        except Exception:
            logging.getLogger(__name__).debug("the cluster is gone", exc_info=True)
        finally:
            self._client.close()

    def _told(self, job: str, file: Path, asked: str) -> str:
        """The answer, as soon as there is one. A worker that dies is replaced by another without our doing."""
        seen, future = time.monotonic(), None
        while True:
            try:
                if future is None:
                    key = f"mobius-{job}-{uuid.uuid4().hex}"
                    future = self._client.submit(cluster_worker.work, asked, key=key, pure=False)
                return str(future.result(timeout=LOOK_S))
            except TimeoutError:
                if self._is_over:
                    raise Interrupted(*STOPPED) from None
                if self._threads():
                    seen = time.monotonic()
                elif time.monotonic() - seen > self._alone_s:
                    why = f"{file.name}: the cluster at {self._address} has had no worker for {self._alone_s:g} s"
                    raise GateUnknown(
                        why, "look at its workers, then measure again: what was measured is known"
                    ) from None
            except Exception as problem:
                why = f"{file.name}: the cluster could not measure it: {_words(problem)}"
                raise GateUnknown(
                    why, "a film may be too much for its workers' memory; look at their logs"
                ) from problem

    def _threads(self) -> int:
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        except Exception:
            return 0
        return sum(int(worker["nthreads"]) for worker in workers.values())


def _connected(address: str) -> Any:
    try:
        import distributed
    except ImportError as missing:
        raise GateUnknown(
            "nothing can be measured on a cluster: Dask is not installed here", INSTALL
        ) from missing
    for name in ("distributed", "tornado"):  # what it says of lost workers is our affair
        logging.getLogger(name).setLevel(logging.CRITICAL)
    client: Any = distributed.Client
    try:
        return client(
            address,
            timeout=TO_CONNECT_S,
            set_as_default=False,
            name="mobius",
            deserializers=["dask", "msgpack"],
        )
    except ValueError as wrong:
        raise UsageError(f"--cluster {address}: {wrong}", "write it so: --cluster tcp://HOST:8786") from wrong
    except (OSError, TimeoutError, RuntimeError) as nobody:
        raise GateUnknown(
            f"no scheduler answers at {address}: {_words(nobody)}",
            "start one: dask scheduler; then: dask worker ADDRESS",
        ) from nobody


def _other(ours: Mapping[str, Any], said: Any) -> str:
    """What is different there; "" where nothing is."""
    if not isinstance(said, str):
        return f"mobius does not run there: {_words(said)}"
    told = json.loads(said)
    if problem := told.get("problem"):
        return str(problem)
    theirs = told["meter"]
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return ", ".join(f"{name} {_short(theirs.get(name))}, here {_short(ours.get(name))}" for name in names)


def _short(value: Any) -> str:
    return (
        " ".join(f"{name} {each}" for name, each in value.items()) if isinstance(value, dict) else str(value)
    )


def _words(problem: Any) -> str:
    return f"{type(problem).__name__}: {problem}".partition("\n")[0][:300]
