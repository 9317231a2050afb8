"""The signed record of a run: an in-toto statement in a DSSE envelope, which anybody can verify with public tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:mobius:evidence:run:v1"


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """`key`: what signs, an Ed25519 key (PEM) or an OpenSSH key; None for `keys/evidence.pem` in the root, once it is
    there. `trusted`: public keys that are believed besides its own."""

    key: Path | None = None
    trusted: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: raw Ed25519, or what `ssh-keygen -Y sign` wrote. `keyid`: `SHA256:…`, as ssh-keygen -l says it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """DSSE: what is signed is the payload's type together with the payload's bytes."""

    payload: bytes
    payload_type: str = PAYLOAD_TYPE
    signatures: tuple[Signature, ...] = ()

    @property
    def signed_bytes(self) -> bytes:
        """The pre-authentication encoding: what signatures are of."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


@dataclass(frozen=True, slots=True)
class Written:
    """Evidence that lies in a file. `signed_by` is "" where nothing signed; then `why_not` says why."""

    run_id: int
    path: Path
    sha256: str
    seq: int  # the run's newest event that it knows of
    signed_by: str = ""
    why_not: str = ""
