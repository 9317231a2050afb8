"""What an S3 store answered, in words with the next step. Nothing of a request gets into them, so no credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from mobius.adapters.stores.s3_place import S3Place
from mobius.errors import MobiusError

LONGEST = 200  # of what a store says itself

_KEYS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "InvalidSecurity",
    "MissingSecurityHeader",
)
_REGION = (
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraint",
)
_BUSY = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "TooManyRequests", "503")
_LOCKED = ("ObjectLocked", "WORMProtected", "InvalidObjectState")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not the one hoped for. `code` is S3's own word, "" where there was no body."""

    status: int
    code: str = ""
    message: str = ""
    date: str = ""  # the store's clock

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return (self.status >= 500 and self.status != 501) or self.status == 429 or self.code in _BUSY


def refusal_in(status: int, body: str, date: str = "") -> Refusal:
    """What an error document says."""
    code, message = (re.search(rf"<{tag}>([^<]*)</{tag}>", body) for tag in ("Code", "Message"))
    said = message[1].strip()[:LONGEST] if message else ""
    return Refusal(status, code[1].strip() if code else "", said, date)


def refused(place: S3Place, doing: str, refusal: Refusal, *, now: float) -> MobiusError:
    """`doing` begins the sentence: "s3://bucket/x could not be written"."""
    why, hint = _why(place, refusal, now)
    said = (refusal.code, refusal.message)
    details = (f"the store said: {': '.join(word for word in said if word)}",) if any(said) else ()
    return MobiusError(f"{doing}: {why}", hint, details=details)


def _why(place: S3Place, refusal: Refusal, now: float) -> tuple[str, str]:
    code, status = refusal.code, refusal.status
    if code in ("RequestTimeTooSkewed", "RequestExpired"):
        return (
            f"the clock here and the store's differ too much{_apart(refusal, now)}",
            "timedatectl set-ntp true",
        )
    if code in _KEYS or status == 401:
        source = f" ({place.found})" if place.keys else ""
        return (
            f"the store does not accept the access key{source}",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile, to a key that is valid",
        )
    if code == "NoSuchBucket":
        return f"there is no bucket {place.bucket}", "create it, or set store.url in mobius.toml"
    if code in _REGION or status in (301, 307):
        return (
            f"the bucket {place.bucket} is not in the region {place.region}",
            "set store.region in mobius.toml (and store.endpoint, if it is set)",
        )
    if code in _LOCKED:
        return "it is locked", "wait until its retention is over"
    if status == 403:
        return (
            f"this key may not do that in {place.bucket}",
            "allow it s3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject,"
            " s3:AbortMultipartUpload, s3:ListMultipartUploadParts, and s3:DeleteObject to prune",
        )
    if refusal.is_passing:
        return "the store is busy or failing, and was asked several times", "do it again later: it goes on"
    return f"the store refused ({status})", "look at what it said; then do it again"


def _apart(refusal: Refusal, now: float) -> str:
    try:
        apart = abs(parsedate_to_datetime(refusal.date).timestamp() - now)
    except (TypeError, ValueError, IndexError):
        return ""
    return f", by {apart / 60:.0f} min" if apart >= 60 else ""


def unreachable(place: S3Place, doing: str, why: str) -> MobiusError:
    """No answer at all, in several attempts. The system's own words, cut short."""
    return MobiusError(
        f"{doing}: {place.endpoint} cannot be reached: {why[:LONGEST]}",
        f"check the network and store.endpoint in mobius.toml: curl -sS {place.endpoint}",
    )


def no_keys(place: S3Place, doing: str) -> MobiusError:
    """Nobody said who we are."""
    return MobiusError(
        f"{doing}: there is no access key: tried AWS_ACCESS_KEY_ID, the AWS profile's files, and {place.found}",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    )


def of_obstore(place: S3Place, doing: str, problem: BaseException, *, now: float) -> MobiusError:
    """The same words for what obstore raises: it puts the store's answer into its text."""
    text = str(problem)
    if "169.254.169.254" in text or ("redential" in text and "<Code>" not in text):
        return no_keys(place, doing)
    if "redirect without LOCATION" in text:
        return refused(place, doing, Refusal(301), now=now)
    status = re.search(r"status code: (\d{3})", text)
    if status is None and "<Code>" not in text:
        return unreachable(place, doing, _of_the_line(text))
    return refused(place, doing, refusal_in(int(status[1]) if status else 400, text), now=now)


def _of_the_line(text: str) -> str:
    """What happened to the connection, out of a debug print."""
    if "timed out" in text.lower() or "TimedOut" in text:
        return "it did not answer in time"
    for said, meant in (
        ("Connection refused", "the connection was refused"),
        ("dns error", "its name is not known"),
        ("failed to lookup", "its name is not known"),
        ("certificate", "its certificate is not trusted"),
        ("reset by peer", "the connection was cut"),
        ("connection closed", "the connection was cut"),
        ("IncompleteMessage", "the connection was cut"),
    ):
        if said.lower() in text.lower():
            return meant
    return "no answer"
