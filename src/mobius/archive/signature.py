"""Signing a backup with OpenSSH: who made it can be proven by `ssh-keygen`, with nothing of ours.

What is signed is the content of the `.sha256` file, so that one signature covers the archive and its name. Who is
believed stands in a file of allowed signers, which must not lie in the folder of the backups: whoever can put an
archive there could otherwise put a key beside it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.publish import sidecar_of, signature_of
from mobius.errors import BackupInvalid, ConfigurationError, MobiusError

NAMESPACE = "backup@mobius"  # a signature given for anything else is none of a backup
TIMEOUT_S = 30.0  # an agent may ask a person, who may be away
_LIMIT_BYTES = 1 << 16
_ARMOR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n")
_ARMOR_COLUMNS = 70
_VERSION_1 = b"SSHSIG\0\0\0\1"
_NO_SSH_KEYGEN = "install OpenSSH's ssh-keygen (8.2 or newer; apt install openssh-client)"


@dataclass(frozen=True, slots=True)
class Signatures:
    """What signs (`key`), who is believed (`allowed`), and whether an unsigned backup is refused (`required`)."""

    key: Path | None = None
    allowed: Path | None = None
    required: bool = False

    def sign(self, content: bytes) -> bytes:
        """The signature of a `.sha256` file's content, in OpenSSH's armor. Never waits for a person at a prompt.
        Raises MobiusError where the key cannot be read, needs a passphrase that no agent has, or is none."""
        assert self.key is not None
        doing = f"the backup could not be signed with {self.key}"
        return sign_with(self.key, NAMESPACE, content, doing=doing, setting="backup.sign_key")

    def check(self, archive: Path) -> str:
        """Who signed the backup, as the file of allowed signers names them; "" where nobody did, or nobody is asked.

        Raises BackupInvalid for a signature that is missing though required, damaged, wrong, or of somebody who is
        not allowed; ConfigurationError where the file of allowed signers cannot be believed itself.
        """
        signature = signature_of(archive)
        if self.allowed is None:
            if self.required:
                raise _refused(archive, "nobody's signature is believed: backup.allowed_signers is not set")
            return ""
        self.refuse_unsafe(archive.parent)
        armored = _read(archive, signature)
        if armored is None:
            if self.required:
                what = f"it is not signed: {signature.name} is missing, and backup.require_signature is set"
                raise _refused(archive, what)
            return ""
        if not is_canonical(armored):
            raise _refused(archive, f"its signature {signature.name} is damaged")
        content = _read(archive, sidecar_of(archive))
        if content is None:
            raise _refused(archive, f"its checksum {sidecar_of(archive).name} is missing")
        return self._signer(archive, signature, content)

    def try_out(self, folder: Path) -> str:
        """Signs and checks a line of text, as it will be with the next backup in `folder`, and says how that went.
        Raises MobiusError for anything that would stop a backup, or make it one that is refused."""
        self.refuse_unsafe(folder)
        if self.required and self.allowed is None:
            raise ConfigurationError(
                "backup.require_signature is set, and nobody's signature is believed",
                "set backup.allowed_signers to a file outside of the folder of the backups",
            )
        if self.key is None:
            if self.required:
                raise ConfigurationError(
                    "backup.require_signature is set, and nothing signs: every new backup would be refused",
                    "set backup.sign_key to an OpenSSH key",
                )
            return f"signatures are checked against {self.allowed}; nothing signs here"
        signature = self.sign(b"a line to try out\n")
        if self.allowed is None:
            return f"{self.key} signs; nobody checks it here"
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch, "tried-out.zip")
            sidecar_of(archive).write_bytes(b"a line to try out\n")
            signature_of(archive).write_bytes(signature)
            return f"{self.key} signs as {self.check(archive)}"

    def refuse_unsafe(self, folder: Path) -> None:
        """Raises ConfigurationError when the allowed signers lie where the backups do, or cannot be read."""
        if self.allowed is None:
            return
        real = Path(os.path.realpath(self.allowed))
        for inside in (self.allowed, real):
            if inside.is_relative_to(folder) or inside.is_relative_to(os.path.realpath(folder)):
                raise ConfigurationError(
                    f"backup.allowed_signers must not lie in the folder of the backups: {self.allowed}",
                    f"move it out of {folder}: who can write there could add a key of their own",
                )
        try:
            with real.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ConfigurationError(
                f"the allowed signers cannot be read: {self.allowed}: {error.strerror or error}",
                'a line of it: name namespaces="backup@mobius" ssh-ed25519 AAAA…',
            ) from error

    def _signer(self, archive: Path, signature: Path, content: bytes) -> str:
        files = ["-f", str(self.allowed), "-s", str(signature)]
        doing = f"backup {archive.name} cannot be used: its signature could not be checked"
        found = ssh_keygen(["-Y", "find-principals", *files], content, doing)
        names = found.stdout.decode(errors="replace").splitlines() if found.returncode == 0 else []
        if not names:
            what = f"it is signed by somebody who is not in {self.allowed}"
            raise _refused(archive, what, found)
        for name in names:
            done = ssh_keygen(["-Y", "verify", "-n", NAMESPACE, "-I", name, *files], content, doing)
            if done.returncode == 0:
                return name
        raise _refused(
            archive, f"its signature {signature.name} is wrong: it is not one of this backup", done
        )


def sign_with(key: Path, namespace: str, content: bytes, *, doing: str, setting: str) -> bytes:
    """What `ssh-keygen -Y sign` gives for the content, in OpenSSH's armor. Raises MobiusError, which begins with
    `doing` and whose hint names the `setting` of the key."""
    done = ssh_keygen(["-Y", "sign", "-f", str(key), "-n", namespace], content, doing)
    if done.returncode == 0 and _ARMOR.fullmatch(done.stdout):
        return done.stdout
    raise MobiusError(f"{doing}: {_why_not(key, done)}", _cure(key, done, setting))


def _why_not(key: Path, done: subprocess.CompletedProcess[bytes]) -> str:
    said = what_it_said(done)
    if "passphrase" in said:
        return "the key has a passphrase, and no agent has the key"
    if not key.exists():
        return "there is no such file"
    return said or f"ssh-keygen ended with {done.returncode}"


def _cure(key: Path, done: subprocess.CompletedProcess[bytes], setting: str) -> str:
    if "passphrase" in what_it_said(done):
        return f"ssh-add {key}, or set {setting} to a key without a passphrase"
    if "UNPROTECTED" in done.stderr.decode(errors="replace"):
        return f"chmod 600 {key}"
    return f"set {setting} to an OpenSSH key that this user can read, or take it out"


def _refused(
    archive: Path, what: str, done: subprocess.CompletedProcess[bytes] | None = None
) -> BackupInvalid:
    details = (f"ssh-keygen says: {what_it_said(done)}",) if done is not None and what_it_said(done) else ()
    hint = "choose another: mobius backup list --verified"
    return BackupInvalid(f"backup {archive.name} cannot be used: {what}", hint, details=details)


def _read(archive: Path, path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(archive, f"{path.name} cannot be read: {error.strerror or error}") from error


def is_canonical(armored: bytes) -> bool:
    """Written exactly as ssh-keygen writes: it reads over blanks, spare bits and a version 0, where damage hides."""
    match = _ARMOR.fullmatch(armored)
    if match is None:
        return False
    try:
        blob = base64.b64decode(match[1].replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError):
        return False
    text = base64.b64encode(blob)
    lines = [text[at : at + _ARMOR_COLUMNS] for at in range(0, len(text), _ARMOR_COLUMNS)]
    return blob.startswith(_VERSION_1) and b"".join(line + b"\n" for line in lines) == match[1]


def ssh_keygen(words: Sequence[str], content: bytes, doing: str) -> subprocess.CompletedProcess[bytes]:
    """Without a terminal to ask at: an agent may answer, a person is not waited for."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "SSH_ASKPASS")}
    environ |= {"LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        return subprocess.run(
            ["ssh-keygen", *words],
            input=content,
            capture_output=True,
            env=environ,
            timeout=TIMEOUT_S,
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise _error(doing, "ssh-keygen is not installed", _NO_SSH_KEYGEN) from error
    except subprocess.TimeoutExpired as error:
        waited = f"ssh-keygen did not answer within {TIMEOUT_S:g} s"
        raise _error(doing, waited, "an agent may be waiting for somebody: ssh-add -l") from error
    except OSError as error:
        raise _error(doing, f"ssh-keygen cannot be run: {error.strerror or error}", _NO_SSH_KEYGEN) from error


def _error(doing: str, why: str, hint: str) -> MobiusError:
    """A signature that cannot be checked is none: the backup is refused as one without it would be."""
    kind = BackupInvalid if "cannot be used" in doing else MobiusError
    return kind(f"{doing}: {why}", hint)


def what_it_said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last thing ssh-keygen said that is no decoration."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line.strip("@ ")), "")
