"""The keys of evidence: made, read, used to sign and to verify. Private ones are for their owner alone."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mobius.archive.signature import is_canonical, sign_with, ssh_keygen
from mobius.errors import ConfigurationError, MobiusError, UsageError
from mobius.model.evidence import Envelope, Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAMESPACE = "evidence@mobius"  # of OpenSSH's signatures: one given for anything else is none of evidence
NAME = "evidence.pem"
_LIMIT_BYTES = 1 << 16
_DOING = "the evidence could not be signed"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who may be believed. `text`: PEM of an Ed25519 key, or a line of OpenSSH's."""

    keyid: str
    text: str
    source: Path
    kind: Literal["ed25519", "openssh"]

    def verifies(self, envelope: Envelope, signature: Signature) -> bool:
        """Whether this key made the signature. Raises MobiusError where ssh-keygen is needed and cannot be run."""
        if self.kind == "ed25519":
            return _verifies_raw(self.text, signature.sig, envelope.signed_bytes)
        return is_canonical(signature.sig) and _verifies_ssh(self.text, signature.sig, envelope.signed_bytes)


def make_key(path: Path, *, rotate: bool = False) -> PublicKey:
    """Makes an Ed25519 key (mode 0600) with its public half beside it (`.pub`), both durable before this returns.

    With `rotate` the key before is replaced; its public half stays as `evidence-….pub`, for what it signed. Raises
    UsageError where there is a key and `rotate` is not given, MobiusError where nothing can be written.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = public_of(path)
    if path.exists() or path.is_symlink():
        if not rotate:
            raise UsageError(
                f"there is a key already: {path}", "to replace it: mobius evidence key init --rotate"
            )
        old = read_public(public)[0]
        _write(public.with_name(f"{path.stem}-{_short(old.keyid)}.pub"), public.read_bytes(), 0o644)
    made = Ed25519PrivateKey.generate()
    private_text = made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public_text = made.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _write(path, private_text, 0o600)
    _write(public, public_text, 0o644)
    return read_public(public)[0]


def public_of(path: Path) -> Path:
    """Where the public half of a private key lies: `evidence.pub` of `evidence.pem`, `id.pub` of OpenSSH's `id`."""
    return path.with_suffix(".pub") if path.suffix == ".pem" else path.with_name(f"{path.name}.pub")


def sign(envelope: Envelope, path: Path) -> Signature:
    """Signs with the private key at `path`. Raises MobiusError saying why it cannot, never asks anybody anything."""
    content = _private(path)
    if b"OPENSSH PRIVATE KEY" in content or b"PRIVATE KEY" not in content:
        armored = sign_with(
            path, NAMESPACE, envelope.signed_bytes, doing=f"{_DOING} with {path}", setting="evidence.key"
        )
        return Signature(read_public(public_of(path))[0].keyid, armored)
    key = _ed25519(content, path)
    return Signature(_keyid_of(key.public_key()), key.sign(envelope.signed_bytes))


def read_public(path: Path) -> tuple[PublicKey, ...]:
    """The public keys in a file: PEM, or lines of OpenSSH's. Raises ConfigurationError for a file that has none."""
    try:
        with path.open("rb") as file:
            text = file.read(_LIMIT_BYTES).decode("utf-8", "replace")
    except OSError as problem:
        raise _no_key(path, problem.strerror or str(problem)) from problem
    if "PRIVATE KEY" in text:
        raise _no_key(path, "it is a private one, which nobody else should ever see")
    if "BEGIN PUBLIC KEY" in text:
        return (PublicKey(_keyid_of(_ed25519_public(text, path)), text, path, "ed25519"),)
    found = tuple(key for line in text.splitlines() if (key := _openssh(line, path)))
    if not found:
        raise _no_key(path, "there is no public key in it")
    return found


def _openssh(line: str, path: Path) -> PublicKey | None:
    words = line.split()
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:
        return None
    named = len(words[0]).to_bytes(4, "big") + words[0].encode()
    if not blob.startswith(named):
        return None
    return PublicKey(_fingerprint(blob), f"{words[0]} {words[1]}", path, "openssh")


def _verifies_raw(text: str, sig: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        _ed25519_public(text, Path()).verify(sig, content)
    except InvalidSignature:
        return False
    return True


def _verifies_ssh(text: str, armored: bytes, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        allowed, signature = Path(scratch, "allowed"), Path(scratch, "sig")
        allowed.write_text(f'evidence namespaces="{NAMESPACE}" {text}\n', encoding="ascii")
        signature.write_bytes(armored)
        words = ["-Y", "verify", "-n", NAMESPACE, "-I", "evidence", "-f", str(allowed), "-s", str(signature)]
        return ssh_keygen(words, content, "the evidence could not be verified").returncode == 0


def _private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LIMIT_BYTES)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise MobiusError(
            f"{_DOING}: {path}: {why}", "let this user read the key, or make one: mobius evidence key init"
        ) from problem
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise MobiusError(
            f"{_DOING}: others can read the key {path}",
            f"chmod 600 {path}; if they may have: mobius evidence key init --rotate",
        )
    return content


def _ed25519(content: bytes, path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    hint = "make one: mobius evidence key init; or set evidence.key to another"
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise MobiusError(
            f"{_DOING}: the key {path} has a passphrase, and nobody can be asked", hint
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise MobiusError(f"{_DOING}: {path} is no key that can be read", hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise MobiusError(f"{_DOING}: {path} is a key of another kind than Ed25519", hint)
    return key


def _ed25519_public(text: str, path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(path, "it cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "it is of another kind than Ed25519")
    return key


def _keyid_of(key: Ed25519PublicKey) -> str:
    """As `ssh-keygen -l` would say it of the same key."""
    from cryptography.hazmat.primitives import serialization as form

    line = key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return _fingerprint(base64.b64decode(line.split()[1]))


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _short(keyid: str) -> str:
    return "".join(c for c in keyid.partition(":")[2] if c.isalnum())[:12]


def _write(path: Path, content: bytes, mode: int) -> None:
    from mobius.adapters.releases.store import write_durably

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, content, mode=mode)
    except OSError as problem:
        raise MobiusError(
            f"the key could not be written: {path}: {problem.strerror or problem}",
            "see who may write there, and try again",
        ) from problem


def _no_key(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is no public key that can be believed: {why}",
        "give an Ed25519 key (PEM, as mobius evidence key init writes it) or a .pub of OpenSSH",
    )
