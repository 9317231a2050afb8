"""An envelope is believed when it is wholly what was signed; in every other form it is refused, with what to do."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from mobius.adapters.evidence import envelope as dsse
from mobius.adapters.evidence import keys
from mobius.adapters.evidence.folder import verify
from mobius.errors import GateFailed, GateUnknown, MobiusError
from mobius.model.evidence import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, Envelope

STATEMENT = {
    "_type": STATEMENT_TYPE,
    "subject": [{"name": "release v2", "digest": {"sha256": "ab" * 32}}],
    "predicateType": PREDICATE_TYPE,
    "predicate": {"run": 7, "audit": {"head": "7:9:" + "ab" * 12}},
}
PAYLOAD = json.dumps(STATEMENT).encode()
MANY = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two keys: ours and another's."""
    folder = tmp_path_factory.mktemp("keys")
    keys.make_key(folder / "ours.pem")
    keys.make_key(folder / "other.pem")
    return folder


def believed(place: Path, name: str = "ours") -> tuple[keys.PublicKey, ...]:
    return keys.read_public(place / f"{name}.pub")


def signed(place: Path, payload: bytes = PAYLOAD, payload_type: str = PAYLOAD_TYPE) -> bytes:
    envelope = Envelope(payload, payload_type)
    return dsse.written(replace(envelope, signatures=(keys.sign(envelope, place / "ours.pem"),)))


def changed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    found = json.loads(content)
    change(found)
    return json.dumps(found).encode()


def test_what_was_signed_is_believed_and_says_by_whom(place: Path) -> None:
    found = verify(signed(place), believed(place))
    assert found.statement == STATEMENT
    assert found.signed_by.keyid == believed(place)[0].keyid
    assert found.signed_by.keyid.startswith("SHA256:")


def test_another_program_verifies_ours(place: Path) -> None:
    theirs = TheirEnvelope.from_dict(json.loads(signed(place)))
    ours, other = (
        SSlibKey.from_crypto(_crypto(place / f"{name}.pub"), believed(place)[0].keyid)
        for name in ("ours", "other")
    )
    assert list(theirs.verify([ours], 1)) == [believed(place)[0].keyid]
    with pytest.raises(VerificationError):
        theirs.verify([other], 1)


def test_we_verify_what_another_program_signed(place: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key((place / "ours.pem").read_bytes(), None)
    theirs = TheirEnvelope(PAYLOAD, PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(private))
    assert verify(json.dumps(theirs.to_dict()).encode(), believed(place)).statement == STATEMENT


def test_an_altered_payload_is_refused(place: Path) -> None:
    forged = PAYLOAD.replace(b'"run": 7', b'"run": 8')
    content = changed(signed(place), lambda e: e.update(payload=base64.b64encode(forged).decode()))
    with pytest.raises(GateFailed, match="was altered: its signature is not of what it says"):
        verify(content, believed(place))


def test_one_signed_by_another_key_is_refused_and_named(place: Path) -> None:
    with pytest.raises(GateFailed) as refused:
        verify(signed(place), believed(place, "other"))
    assert believed(place)[0].keyid in refused.value.message
    assert "--key" in refused.value.hint


def test_one_that_only_says_it_is_by_our_key_is_refused(place: Path) -> None:
    envelope = Envelope(PAYLOAD)
    theirs = keys.sign(envelope, place / "other.pem")
    lie = replace(theirs, keyid=believed(place)[0].keyid)
    with pytest.raises(GateFailed, match="was altered"):
        verify(dsse.written(replace(envelope, signatures=(lie,))), believed(place))


def test_nobodys_signature_is_unknown_and_never_a_yes(place: Path) -> None:
    with pytest.raises(GateUnknown, match="nobody signed this evidence"):
        verify(dsse.written(Envelope(PAYLOAD)), believed(place))
    with pytest.raises(GateUnknown, match="no public key to hold this evidence against"):
        verify(signed(place), ())


def test_another_type_is_refused_although_it_is_well_signed(place: Path) -> None:
    with pytest.raises(GateFailed, match="its payload is 'text/plain'"):
        verify(signed(place, payload_type="text/plain"), believed(place))
    content = changed(signed(place), lambda e: e.update(payloadType="text/plain"))
    with pytest.raises(GateFailed, match="its payload is 'text/plain'"):
        verify(content, believed(place))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{",
        PAYLOAD[:-1],
        PAYLOAD.replace(b'"run": 7', b'"run": 7, "run": 8'),
        PAYLOAD.replace(b'"run": 7', b'"run": NaN'),
        PAYLOAD.replace(PREDICATE_TYPE.encode(), b"urn:mobius:evidence:other:v1"),
        PAYLOAD.replace(b'"subject"', b'"subject": [], "more"'),
        json.dumps({**STATEMENT, "subject": []}).encode(),
        json.dumps({**STATEMENT, "subject": [{"name": "x", "digest": {}}]}).encode(),
        json.dumps({**STATEMENT, "predicate": 1}).encode(),
        b'{"_type":' + b"[" * 100_000,
    ],
)
def test_a_payload_that_is_no_such_statement_is_refused_although_it_is_well_signed(
    place: Path, payload: bytes
) -> None:
    with pytest.raises(GateFailed, match="this evidence cannot be believed"):
        verify(signed(place, payload), believed(place))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('"payloadType"', '"payload": "e30=", "payloadType"'),  # twice
        lambda text: text.replace('"sig"', '"sig": "AAAA", "sig"'),
        lambda text: text.replace('"keyid"', '"cert": "x", "keyid"'),
        lambda text: text.replace('"payload": "', '"payload": " '),
        lambda text: text.replace('"payload": "', '"payload": "='),
        lambda text: text.replace('"signatures": [', '"signatures": ["x", '),
        lambda text: text.replace('"signatures"', '"more": 1, "signatures"'),
        lambda text: text[:-10],
        lambda text: text + "{}",
        lambda text: "[" * 100_000,
        lambda text: "",
        lambda text: text.replace(": [", ": {", 1),
    ],
)
def test_an_envelope_that_two_programs_could_read_differently_is_refused(
    place: Path, spoil: Callable[[str], str]
) -> None:
    with pytest.raises(GateFailed, match="this evidence cannot be believed") as refused:
        verify(spoil(signed(place).decode()).encode(), believed(place))
    assert refused.value.hint


def test_url_safe_base64_is_read_too_and_a_mixture_is_not(place: Path) -> None:
    def to_url_safe(found: dict[str, Any]) -> None:
        for one in found["signatures"]:
            one["sig"] = one["sig"].replace("+", "-").replace("/", "_")

    assert verify(changed(signed(place), to_url_safe), believed(place)).statement == STATEMENT
    mixed = changed(
        signed(place), lambda e: e["signatures"][0].update(sig="-+" + e["signatures"][0]["sig"][2:])
    )
    with pytest.raises(GateFailed, match="is no base64"):
        verify(mixed, believed(place))


@MANY
@given(at=some.integers(0, 10_000), bit=some.integers(0, 7))
def test_any_flipped_bit_is_refused_or_changes_nothing_that_was_signed(
    place: Path, at: int, bit: int
) -> None:
    content = bytearray(signed(place))
    content[at % len(content)] ^= 1 << bit
    try:
        found = verify(bytes(content), believed(place))
    except MobiusError as refused:
        assert refused.hint and refused.exit_code in (3, 4)
    else:  # the name of a key is a hint, and blanks say nothing
        assert found.statement == STATEMENT


@MANY
@given(cut=some.integers(0, 10_000))
def test_a_truncated_file_is_refused_at_every_length(place: Path, cut: int) -> None:
    content = signed(place)
    with pytest.raises(MobiusError):
        verify(content[: cut % (len(content) - 2)], believed(place))


@MANY
@given(content=some.one_of(some.binary(max_size=200), some.text(max_size=200).map(str.encode)))
def test_whatever_lies_there_is_never_believed_and_never_a_crash(place: Path, content: bytes) -> None:
    with pytest.raises(GateFailed):
        verify(content, believed(place))


@MANY
@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=8),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(
                some.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_no_evidence(place: Path, value: Any) -> None:
    with pytest.raises(MobiusError):
        verify(json.dumps(value).encode(), believed(place))


def _crypto(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(path.read_bytes())
