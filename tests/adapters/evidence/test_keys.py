"""Keys are for their owner alone; what cannot sign says why, and asks nobody."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mobius.adapters.evidence import keys
from mobius.errors import ConfigurationError, MobiusError, UsageError
from mobius.model.evidence import Envelope

ENVELOPE = Envelope(b'{"a": 1}')
with_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def test_a_new_key_is_private_and_its_public_half_lies_beside_it(tmp_path: Path) -> None:
    made = keys.make_key(tmp_path / "keys" / "evidence.pem")
    private, public = tmp_path / "keys" / "evidence.pem", tmp_path / "keys" / "evidence.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    assert made.source == public
    signature = keys.sign(ENVELOPE, private)
    assert signature.keyid == made.keyid
    assert made.verifies(ENVELOPE, signature)
    assert not made.verifies(replace(ENVELOPE, payload=b'{"a": 2}'), signature)
    assert not made.verifies(replace(ENVELOPE, payload_type="text/plain"), signature)
    assert not made.verifies(ENVELOPE, replace(signature, sig=b""))


@with_ssh
def test_its_name_is_the_one_that_ssh_keygen_gives(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    made = keys.make_key(tmp_path / "evidence.pem")
    public = form.load_pem_public_key((tmp_path / "evidence.pub").read_bytes())
    line = public.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    (tmp_path / "as_ssh.pub").write_bytes(line)
    told = subprocess.run(["ssh-keygen", "-lf", tmp_path / "as_ssh.pub"], capture_output=True, text=True)
    assert told.stdout.split()[1] == made.keyid


def test_no_key_is_overwritten_and_a_rotated_one_leaves_its_public_half(tmp_path: Path) -> None:
    old = keys.make_key(tmp_path / "evidence.pem")
    before = keys.sign(ENVELOPE, tmp_path / "evidence.pem")
    with pytest.raises(UsageError, match="there is a key already"):
        keys.make_key(tmp_path / "evidence.pem")
    new = keys.make_key(tmp_path / "evidence.pem", rotate=True)
    assert new.keyid != old.keyid
    (kept,) = tmp_path.glob("evidence-*.pub")
    assert keys.read_public(kept)[0].verifies(ENVELOPE, before)
    assert not new.verifies(ENVELOPE, before)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (None, 0o600, "No such file"),
        ("good", 0o644, "others can read the key"),
        ("good", 0o640, "others can read the key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "no key that can be read"),
        ("other kind", 0o600, "of another kind than Ed25519"),
        ("locked", 0o600, "has a passphrase"),
    ],
)
def test_a_key_that_cannot_sign_says_why(
    tmp_path: Path, content: bytes | str | None, mode: int, why: str
) -> None:
    path = tmp_path / "evidence.pem"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else _made(content))
        path.chmod(mode)
    with pytest.raises(MobiusError) as refused:
        keys.sign(ENVELOPE, path)
    assert refused.value.message.startswith("the evidence could not be signed")
    assert why in refused.value.message
    assert refused.value.hint


@with_ssh
def test_an_openssh_key_signs_so_that_ssh_keygen_verifies(tmp_path: Path) -> None:
    key = _ssh_key(tmp_path / "id")
    signature = keys.sign(ENVELOPE, key)
    (public,) = keys.read_public(tmp_path / "id.pub")
    assert signature.keyid == public.keyid
    assert public.verifies(ENVELOPE, signature)
    assert not public.verifies(replace(ENVELOPE, payload=b"other"), signature)
    assert not public.verifies(ENVELOPE, replace(signature, sig=signature.sig + b"\n"))
    (other,) = keys.read_public(_ssh_key(tmp_path / "other").with_suffix(".pub"))
    assert not other.verifies(ENVELOPE, signature)

    (tmp_path / "sig").write_bytes(signature.sig)
    (tmp_path / "allowed").write_text(f"me {(tmp_path / 'id.pub').read_text()}")
    words = ["ssh-keygen", "-Y", "verify", "-n", "evidence@mobius", "-I", "me", "-f", "allowed", "-s", "sig"]
    done = subprocess.run(words, cwd=tmp_path, input=ENVELOPE.signed_bytes, capture_output=True)
    assert done.returncode == 0, done


@with_ssh
def test_a_signature_of_a_backup_is_none_of_evidence(tmp_path: Path) -> None:
    key = _ssh_key(tmp_path / "id")
    words = ["ssh-keygen", "-Y", "sign", "-f", key, "-n", "backup@mobius"]
    done = subprocess.run(words, input=ENVELOPE.signed_bytes, capture_output=True, check=True)
    (public,) = keys.read_public(tmp_path / "id.pub")
    assert not public.verifies(ENVELOPE, replace(keys.sign(ENVELOPE, key), sig=done.stdout))


def test_a_private_key_is_refused_as_a_public_one(tmp_path: Path) -> None:
    keys.make_key(tmp_path / "evidence.pem")
    with pytest.raises(ConfigurationError, match="it is a private one"):
        keys.read_public(tmp_path / "evidence.pem")
    with pytest.raises(ConfigurationError, match="No such file"):
        keys.read_public(tmp_path / "nowhere.pub")


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.one_of(
        some.binary(max_size=120),
        some.text(max_size=60).map(lambda text: f"ssh-ed25519 {text}".encode()),
        some.binary(max_size=60).map(
            lambda raw: b"-----BEGIN PUBLIC KEY-----\n" + raw + b"\n-----END PUBLIC KEY-----\n"
        ),
    )
)
def test_whatever_stands_in_a_file_is_a_public_key_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.pub"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        keys.read_public(file)
    assert refused.value.hint


def _made(kind: str) -> bytes:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "other kind"
        else ed25519.Ed25519PrivateKey.generate()
    )
    locked = form.BestAvailableEncryption(b"word") if kind == "locked" else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)


def _ssh_key(path: Path) -> Path:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]
    subprocess.run(words, check=True, capture_output=True)
    return path
