"""Signed backups: who is believed, what is refused, and that nobody is ever waited for at a prompt."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mobius.archive import Source, Written, publish_alias, sidecar_of, sweep, write_archive
from mobius.archive import publish as publish_module
from mobius.archive.publish import signature_of
from mobius.archive.signature import NAMESPACE, Signatures
from mobius.errors import BackupInvalid, ConfigurationError, MobiusError

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def key(folder: Path, name: str, passphrase: str = "") -> Path:
    path = folder / name
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=30)
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the key `ours`, the key `theirs`, and the allowed signers, who are us."""
    folder = tmp_path / "keys"
    folder.mkdir()
    key(folder, "ours")
    key(folder, "theirs")
    public = (folder / "ours.pub").read_text()
    (folder / "signers").write_text(f'ops@example.org namespaces="{NAMESPACE}" {public}')
    return folder


def rules(keys: Path, signer: str = "ours", *, required: bool = True) -> Signatures:
    return Signatures(keys / signer, keys / "signers", required)


@pytest.fixture
def signed(project: Path, keys: Path) -> Written:
    sources = [Source("data", project / "data")]
    target = project / "backups" / "x.zip"
    return write_archive(target, sources, {}, checksum_root=project, sign=rules(keys).sign)


def refused(archive: Path, signatures: Signatures) -> str:
    with pytest.raises(BackupInvalid) as said:
        signatures.check(archive)
    assert said.value.exit_code == 11
    assert said.value.hint
    return said.value.message


def test_a_signed_backup_names_its_signer_and_ssh_keygen_alone_agrees(signed: Written, keys: Path) -> None:
    assert rules(keys).check(signed.path) == "ops@example.org"
    with sidecar_of(signed.path).open("rb") as content:
        argv = ["ssh-keygen", "-Y", "verify", "-f", str(keys / "signers"), "-I", "ops@example.org"]
        argv += ["-n", "backup@mobius", "-s", str(signature_of(signed.path))]
        done = subprocess.run(argv, stdin=content, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout[:9]) == (0, 'Good "bac')


def test_the_days_name_has_a_signature_of_its_own(signed: Written, keys: Path, project: Path) -> None:
    alias = signed.path.with_name("day.zip")
    publish_alias(signed.path, alias, checksum_root=project, sign=rules(keys).sign)
    assert rules(keys).check(alias) == "ops@example.org"


def test_without_a_signature_it_is_refused_only_where_one_is_required(signed: Written, keys: Path) -> None:
    signature_of(signed.path).unlink()
    assert rules(keys, required=False).check(signed.path) == ""
    assert refused(signed.path, rules(keys)) == (
        "backup x.zip cannot be used: it is not signed: x.zip.sig is missing, and backup.require_signature is set"
    )


def test_one_that_somebody_else_signed_is_refused_also_where_none_is_required(
    project: Path, keys: Path
) -> None:
    target = project / "backups" / "x.zip"
    sign = rules(keys, "theirs").sign
    write_archive(target, [Source("data", project / "data")], {}, checksum_root=project, sign=sign)
    told = f"backup x.zip cannot be used: it is signed by somebody who is not in {keys / 'signers'}"
    for required in (True, False):
        assert refused(target, rules(keys, required=required)) == told


def test_a_signature_of_another_backup_or_for_another_purpose_is_wrong(
    signed: Written, keys: Path, project: Path
) -> None:
    signature = signature_of(signed.path)
    wrong = "backup x.zip cannot be used: its signature x.zip.sig is wrong: it is not one of this backup"
    signature.write_bytes(rules(keys).sign(b"another\n"))
    assert refused(signed.path, rules(keys)) == wrong
    argv = ["ssh-keygen", "-Y", "sign", "-f", str(keys / "ours"), "-n", "file"]
    content = sidecar_of(signed.path).read_bytes()
    signature.write_bytes(subprocess.run(argv, input=content, capture_output=True, check=True).stdout)
    assert refused(signed.path, rules(keys)) == wrong


def test_where_one_is_required_and_nobody_believed_nothing_passes(signed: Written, keys: Path) -> None:
    assert refused(signed.path, Signatures(keys / "ours", None, True)) == (
        "backup x.zip cannot be used: nobody's signature is believed: backup.allowed_signers is not set"
    )


@pytest.mark.slow
def test_every_flipped_bit_of_checksum_and_signature_is_found(signed: Written, keys: Path) -> None:
    for path in (signature_of(signed.path), sidecar_of(signed.path)):
        whole = path.read_bytes()
        for bit in range(len(whole) * 8):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with pytest.raises(BackupInvalid):
                rules(keys).check(signed.path)
        path.write_bytes(whole)
    assert rules(keys).check(signed.path)


def test_what_is_cut_off_or_added_to_a_signature_is_found(signed: Written, keys: Path) -> None:
    signature = signature_of(signed.path)
    whole = signature.read_bytes()
    for damaged in (
        b"",
        whole[:-1],
        whole[:100],
        whole + b"\n",
        b"\n" + whole,
        whole.replace(b"\n", b"\r\n"),
    ):
        signature.write_bytes(damaged)
        assert (
            refused(signed.path, rules(keys))
            == "backup x.zip cannot be used: its signature x.zip.sig is damaged"
        )


def test_allowed_signers_beside_the_backups_are_not_believed(signed: Written, keys: Path) -> None:
    inside = signed.path.parent / "signers"
    shutil.copy(keys / "signers", inside)
    link = keys / "link"
    link.symlink_to(inside)
    for place in (inside, link):
        with pytest.raises(ConfigurationError) as unsafe:
            Signatures(keys / "ours", place, True).check(signed.path)
        assert unsafe.value.message == (
            f"backup.allowed_signers must not lie in the folder of the backups: {place}"
        )


def test_allowed_signers_that_are_not_there_are_named(signed: Written, keys: Path) -> None:
    (keys / "signers").unlink()
    with pytest.raises(ConfigurationError) as missing:
        rules(keys).check(signed.path)
    assert missing.value.message == (
        f"the allowed signers cannot be read: {keys / 'signers'}: No such file or directory"
    )


# Signing


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        try:
            yield
        finally:
            process.terminate()


def test_a_key_with_a_passphrase_fails_at_once_with_what_to_do(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SSH_ASKPASS", str(keys / "asks-a-person"))
    locked = key(keys, "locked", "a secret")
    with pytest.raises(MobiusError) as failed:
        Signatures(locked).sign(b"text\n")
    assert (failed.value.message, failed.value.hint) == (
        f"the backup could not be signed with {locked}: the key has a passphrase, and no agent has the key",
        f"ssh-add {locked}, or set backup.sign_key to a key without a passphrase",
    )


def test_an_agent_that_has_the_key_signs(agent: None, keys: Path, tmp_path: Path) -> None:
    asks = tmp_path / "asks"
    asks.write_text("#!/bin/sh\necho 'a secret'\n")
    asks.chmod(0o700)
    locked = key(keys, "locked", "a secret")
    environ = {**os.environ, "SSH_ASKPASS": str(asks), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(
        ["ssh-add", "-q", str(locked)], env=environ, check=True, stdin=subprocess.DEVNULL, timeout=30
    )
    assert Signatures(locked).sign(b"text\n").startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    locked.unlink()  # the public half is enough to say which key of the agent's it is
    assert Signatures(keys / "locked.pub").sign(b"text\n")


@pytest.mark.parametrize(
    ("name", "why", "cure"),
    [
        ("nowhere", "there is no such file", "set backup.sign_key to an OpenSSH key that this user can read"),
        ("open", 'No private key found for "{}"', "chmod 600 {}"),
        (
            "text",
            "Couldn't load public key {}",
            "set backup.sign_key to an OpenSSH key that this user can read",
        ),
    ],
)
def test_a_key_that_cannot_sign_says_why(name: str, why: str, cure: str, keys: Path) -> None:
    (keys / "text").write_text("no key\n")
    key(keys, "open").chmod(0o644)
    path = keys / name
    with pytest.raises(MobiusError) as failed:
        Signatures(path).sign(b"text\n")
    assert f"the backup could not be signed with {path}: " + why.format(path) in failed.value.message
    assert failed.value.hint.startswith(cure.format(path))


def test_without_ssh_keygen_nothing_is_signed_and_nothing_passes(
    signed: Written, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(keys))
    cure = "install OpenSSH's ssh-keygen (8.2 or newer; apt install openssh-client)"
    with pytest.raises(MobiusError) as unsigned:
        rules(keys).sign(b"text\n")
    assert (unsigned.value.exit_code, unsigned.value.hint) == (1, cure)
    assert refused(signed.path, rules(keys)) == (
        "backup x.zip cannot be used: its signature could not be checked: ssh-keygen is not installed"
    )


def test_ssh_keygen_that_does_not_answer_is_not_waited_for(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "bin" / "ssh-keygen"
    silent.parent.mkdir()
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setenv("PATH", str(silent.parent), prepend=os.pathsep)
    monkeypatch.setattr("mobius.archive.signature.TIMEOUT_S", 0.2)
    with pytest.raises(MobiusError, match=r"ssh-keygen did not answer within 0\.2 s"):
        rules(keys).sign(b"text\n")


def test_what_cannot_be_signed_is_not_published(
    backup: Callable[..., Written], project: Path, keys: Path
) -> None:
    target = project / "backups" / "x.zip"
    with pytest.raises(MobiusError, match="could not be signed"):
        write_archive(
            target, [Source("data", project / "data")], {}, checksum_root=project,
            sign=Signatures(keys / "nowhere").sign,
        )  # fmt: skip
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_dying_between_checksum_signature_and_archive_leaves_a_signed_backup_or_none(
    writes: int, project: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a child that is gone at once, as by kill -9: no `finally` is run."""
    target = project / "backups" / "x.zip"
    child = os.fork()
    if child == 0:
        real, seen = publish_module.sync_folder, []

        def die(folder: Path) -> None:
            real(folder)
            seen.append(folder)
            if len(seen) == writes:
                os._exit(9)

        publish_module.sync_folder = die
        sources = [Source("data", project / "data")]
        write_archive(target, sources, {}, checksum_root=project, sign=rules(keys).sign)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    if target.exists():
        assert rules(keys).check(target) == "ops@example.org"
    sweep(target.parent)
    names = {path.name for path in target.parent.iterdir()} - {"backups"}
    assert names == ({"x.zip", "x.zip.sha256", "x.zip.sig"} if writes == 3 else set())
