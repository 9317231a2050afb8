"""The local epoch: one small file beside the releases: from which token on anybody may act on this machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from mobius.adapters.journals.chain import canonical
from mobius.adapters.traffic.haproxy_kept import write_whole
from mobius.archive.durable import in_words
from mobius.errors import MobiusError
from mobius.model.emergency import Epoch


def read_epoch(path: Path) -> Epoch:
    """What was last raised here. Raises `MobiusError` for a file that is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Epoch()
    except (OSError, UnicodeDecodeError) as problem:
        raise _unreadable(path) from problem
    try:
        told = json.loads(text)
        epoch = Epoch(int(told["token"]), str(told["by"]), float(told["at"]))
        is_whole = told["checksum"] == _checksum(epoch)
    except (ValueError, KeyError, TypeError) as problem:
        raise _unreadable(path) from problem
    if not is_whole:
        raise _unreadable(path)
    return epoch


def write_epoch(path: Path, epoch: Epoch) -> None:
    """Replaces it as a whole, durably. Raises `MobiusError` where the disk takes it not."""
    with in_words(f"{path} cannot be written", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = canonical({**asdict(epoch), "checksum": _checksum(epoch)})
        write_whole(path, text + "\n", 0o600, durable=True)


def _checksum(epoch: Epoch) -> str:
    return hashlib.sha256(canonical(asdict(epoch)).encode()).hexdigest()


def _unreadable(path: Path) -> MobiusError:
    return MobiusError(
        f"{path} cannot be read: whether an emergency came before is not known",
        f"see logs/deployment.log for the last emergency; where there was none, remove {path}",
    )
