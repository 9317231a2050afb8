"""Our signatures are those of AWS's own library, whatever the request."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.adapters.stores.s3_place import Keys
from mobius.adapters.stores.s3_signing import path_of, signed

NOW = 1_795_000_000.0
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Cs", "Cc")), min_size=1
)
KEYS = st.lists(WORDS.filter(lambda word: word not in (".", "..")), min_size=1, max_size=4).map("/".join)
QUERIES = st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4)


def theirs(method: str, url: str, headers: dict[str, str], keys: Keys, digest: str) -> str:
    request = AWSRequest(method=method, url=url, headers={**headers, "X-Amz-Content-SHA256": digest})
    signer = S3SigV4Auth(Credentials(keys.access_key, keys.secret, keys.token or None), "s3", "eu-central-1")
    moment = datetime.fromtimestamp(NOW, UTC)
    body: Any = mock.patch.object(signer, "payload", return_value=digest)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment), body:
        signer.add_auth(request)
    return str(request.headers["Authorization"])


@settings(max_examples=150, deadline=None)
@given(KEYS, QUERIES, st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]), st.booleans())
def test_it_is_signed_as_botocore_does(key: str, query: dict[str, str], method: str, token: bool) -> None:
    keys = Keys("AKIATEST", "a secret", "a token" if token else "")
    digest = hashlib.sha256(key.encode()).hexdigest()
    url = "http://127.0.0.1:9000" + path_of("bucket", key)
    headers = {"x-amz-checksum-sha256": "abc=", "if-none-match": "*"}
    full, sent = signed(
        method, url, query, headers, payload_sha256=digest, keys=keys, region="eu-central-1", now=NOW
    )
    expected = theirs(method, full, headers, keys, digest)
    assert sent["authorization"] == expected
    assert full.startswith(url)


def test_a_path_is_escaped_once_and_keeps_its_slashes() -> None:
    assert path_of("b", "a b/ü+%.zip") == "/b/a%20b/%C3%BC%2B%25.zip"
    assert quote("ü") == "%C3%BC"
