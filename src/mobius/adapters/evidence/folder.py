"""The evidence of one environment: `evidence/run-N.dsse.json` in its root, written whole, never replaced."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobius.adapters.evidence import envelope as dsse
from mobius.adapters.evidence import keys
from mobius.adapters.journals import chain
from mobius.adapters.places import Places
from mobius.archive.durable import sync_folder
from mobius.errors import ConfigurationError, GateFailed, GateUnknown, MobiusError
from mobius.model.evidence import Envelope, EvidenceSettings, Written

SUFFIX = ".dsse.json"
_NAME = re.compile(r"run-([0-9]{1,18})(?:\.([0-9]{1,9}))?\.dsse\.json")
UNSIGNED = "there is no key: mobius evidence key init"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was believed: by whom it is signed, and the statement."""

    statement: Mapping[str, Any]
    signed_by: keys.PublicKey


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """Writes and reads evidence; what is written has passed `redact`."""

    places: Places
    settings: EvidenceSettings
    redact: Callable[[str], str]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.places.root / "evidence"

    @property
    def key(self) -> Path:
        """The private key that signs, whether or not it is there."""
        return self.settings.key or self.places.root / "keys" / keys.NAME

    def why_not_there(self, key: Path) -> str:
        """Why a private key must not lie at this place: it would be shipped with a release or committed; else ""."""
        real = Path(os.path.realpath(key))
        for one in (key, real):
            if one.is_relative_to(self.places.releases):
                return f"{key} lies in a release"
            if one.is_relative_to(self.places.project) and not one.is_relative_to(self.places.root):
                return f"{key} lies in the project, which is committed and shipped"
        return ""

    def write(self, run_id: int, seq: int, statement: Mapping[str, Any]) -> Written:
        """The statement in a file of its own, signed where there is a key, else saying why not. Repeating it for the
        same event returns the file that is there. Raises MobiusError where nothing can be written."""
        if found := self._there(run_id, seq):
            return found
        envelope = Envelope(chain.canonical(chain.plain(statement, self.redact)).encode())
        envelope, signed_by, why_not = self._signed(envelope)
        content = dsse.written(envelope)
        path = self._published(run_id, content)
        return Written(run_id, path, hashlib.sha256(content).hexdigest(), seq, signed_by, why_not)

    def files(self) -> tuple[Path, ...]:
        """All there are, by run."""
        found = [(match, path) for path in self._listed() if (match := _NAME.fullmatch(path.name))]
        ordered = sorted(found, key=lambda pair: (int(pair[0][1]), int(pair[0][2] or 1)))
        return tuple(path for _, path in ordered)

    def why_not_as_written(self, path: Path, sha256: str) -> str:
        """Why a file is not the one of which the audit log says that it was written; "" where it is."""
        try:
            found = hashlib.sha256(read_file(path)).hexdigest()
        except MobiusError:
            return "the audit log says that it was written, and it is gone"
        return "" if found == sha256 else "it is not the file of which the audit log says that it was written"

    def of_run(self, run_id: int) -> Path | None:
        """The newest of this run."""
        mine = [path for path in self.files() if (m := _NAME.fullmatch(path.name)) and int(m[1]) == run_id]
        return mine[-1] if mine else None

    def believed(self) -> tuple[keys.PublicKey, ...]:
        """The public keys that are believed here: the one of our own key, those it had before, and the trusted. Raises
        ConfigurationError for one that is named and cannot be read."""
        own = keys.public_of(self.key)
        before = sorted(own.parent.glob(f"{self.key.stem}-*.pub")) if self.settings.key is None else []
        files = [*([own] if own.exists() else []), *before, *self.settings.trusted]
        return tuple(key for file in files for key in keys.read_public(file))

    def _signed(self, envelope: Envelope) -> tuple[Envelope, str, str]:
        if self.settings.key is None and not self.key.exists():
            return envelope, "", UNSIGNED
        try:
            if why := self.why_not_there(self.key):
                raise ConfigurationError(why, "move it out: mobius evidence key init")
            signature = keys.sign(envelope, self.key)
        except MobiusError as problem:
            return envelope, "", f"{problem.message}; {problem.hint}" if problem.hint else problem.message
        return replace(envelope, signatures=(signature,)), signature.keyid, ""

    def _there(self, run_id: int, seq: int) -> Written | None:
        path = self.of_run(run_id)
        if path is None:
            return None
        try:
            content = read_file(path)
            envelope = dsse.read(content)
            told = dsse.statement_of(envelope)["predicate"].get("audit")
        except MobiusError:
            return None
        if not isinstance(told, Mapping) or told.get("seq") != seq:
            return None
        keyid = envelope.signatures[0].keyid if envelope.signatures else ""
        return Written(
            run_id, path, hashlib.sha256(content).hexdigest(), seq, keyid, "" if keyid else UNSIGNED
        )

    def _published(self, run_id: int, content: bytes) -> Path:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".run-{run_id}.", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                path = self._linked(Path(temporary), run_id)
            finally:
                Path(temporary).unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as problem:
            raise MobiusError(
                f"the evidence of run {run_id} could not be written: {problem.strerror or problem}",
                f"see who may write in {self.folder} and what is free there, then: mobius evidence write",
            ) from problem
        return path

    def _linked(self, temporary: Path, run_id: int) -> Path:
        """Under the first name that nobody has: what is written stays."""
        for number in range(1, 1000):
            path = self.folder / f"run-{run_id}{f'.{number}' if number > 1 else ''}{SUFFIX}"
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
                return path
        raise OSError(f"run {run_id} has a thousand files already")

    def _listed(self) -> Sequence[Path]:
        try:
            return list(self.folder.iterdir())
        except FileNotFoundError:
            return []


def verify(content: bytes, believed: Sequence[keys.PublicKey]) -> Verified:
    """The statement of an envelope that one of these keys signed.

    Raises GateFailed where it is damaged, altered, of another type or signed by somebody else, and GateUnknown where
    nobody can tell: it is unsigned, or there is no key to hold it against.
    """
    envelope = dsse.read(content)
    statement = dsse.statement_of(envelope)
    if not envelope.signatures:
        raise GateUnknown(
            "nobody signed this evidence: it could be anybody's",
            "make a key for the next: mobius evidence key init",
        )
    if not believed:
        raise GateUnknown(
            "there is no public key to hold this evidence against",
            "add --key PUBLIC_KEY, from where it was kept",
        )
    for signature in envelope.signatures:
        for key in believed:
            if key.verifies(envelope, signature):
                return Verified(statement, key)
    known = {key.keyid for key in believed}
    if any(signature.keyid in known for signature in envelope.signatures):
        raise GateFailed("this evidence was altered: its signature is not of what it says", dsse.HINT)
    named = ", ".join(one.keyid[:60] or "a key without a name" for one in envelope.signatures)
    raise GateFailed(
        f"this evidence is signed by {named}, who is not believed here",
        "if that is the right key: --key PUBLIC_KEY, or evidence.trusted in mobius.toml",
    )


def read_file(path: Path) -> bytes:
    """The content of a file of evidence. Raises GateUnknown where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(dsse.LARGEST_BYTES + 1)
    except OSError as problem:
        raise GateUnknown(
            f"{path} cannot be read: {problem.strerror or problem}", "list them: mobius evidence list"
        ) from problem
