"""AWS Signature Version 4 of one request, as the S3 API reference describes it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from mobius.adapters.stores.s3_place import Keys

ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    method: str,
    url: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    payload_sha256: str,
    keys: Keys,
    region: str,
    now: float,
) -> tuple[str, dict[str, str]]:
    """The full address, and the headers to send with it. `url` has its path percent-encoded already, by
    `path_of`."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    parts = urlsplit(url)
    sent = {
        "host": parts.netloc,
        "x-amz-content-sha256": payload_sha256,
        "x-amz-date": moment,
        **{name.lower(): " ".join(value.split()) for name, value in headers.items()},
        **({"x-amz-security-token": keys.token} if keys.token else {}),
    }
    escaped = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    asked = "&".join(f"{name}={value}" for name, value in escaped)
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    request = "\n".join([method, parts.path or "/", asked, lines, names, payload_sha256])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + keys.secret.encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{keys.access_key}/{scope}"
    sent["authorization"] = (
        f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return f"{url}?{asked}" if asked else url, sent


def path_of(bucket: str, key: str) -> str:
    """The path of an object: every byte but the unreserved ones escaped, once; slashes stay."""
    return quote(f"/{bucket}/{key}", safe="/-_.~")
