"""An upload in parts that goes on where the one before was cut, also by kill -9: the store itself remembers them.

obstore has no call for this: it can neither find the parts of an upload that was begun, nor complete one on the
condition that its name is free. Nor can it give the checksum that a bucket asks for which locks its objects.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.stores.agreed import Deadline, refuse_changed
from mobius.adapters.stores.s3_requests import Refused, S3Requests
from mobius.archive.durable import human
from mobius.errors import BackupInvalid, MobiusError

PART_BYTES = 16 << 20
MOST_PARTS = 10_000
IN_FLIGHT_BYTES = 48 << 20
_CANNOT = ("NotImplemented", "MethodNotAllowed", "AccessDenied", "AllAccessDisabled")


@dataclass(frozen=True, slots=True)
class Part:
    """One part as the store has it. `sha256` base64, "" where it tells none."""

    number: int
    etag: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload that is complete: how much went over, what was kept, and the SHA-256 over the parts' SHA-256."""

    sent_bytes: int
    kept_bytes: int
    composite: str  # as S3 writes it: base64, a dash, how many parts
    remark: str


class NameIsThere(Exception):
    """By the time all parts were there, something else had the name."""


def part_bytes_for(size_bytes: int) -> int:
    """16 MiB, or more where that would be too many parts; whole MiB, so that the next attempt cuts alike."""
    least = -(-size_bytes // MOST_PARTS)
    return max(PART_BYTES, -(-least // (1 << 20)) << 20)


def upload(
    requests: S3Requests,
    key: str,
    content: Path,
    *,
    sha256: str,
    deadline: Deadline,
    progress: Callable[[int], None],
) -> Sent:
    """Raises `NameIsThere`, `BackupInvalid` (the upload is given up then), `Refused`, or `MobiusError` with everything
    that was sent kept for the next attempt."""
    begun, kept, remark = _begun_before(requests, key, deadline)
    upload_id = begun or _begin(requests, key, deadline)
    sender = _Sender(requests, key, upload_id, kept, deadline, progress)
    try:
        parts = sender.send_all(content, sha256)
        _finish(requests, key, upload_id, parts, deadline)
    except (BackupInvalid, NameIsThere):
        abort(requests, key, upload_id, deadline)
        raise
    if begun and not sender.kept_bytes:
        remark = "the parts of the attempt before are of other content: all were sent again"
    return Sent(sender.sent_bytes, sender.kept_bytes, _composite(parts), remark)


def put_whole(requests: S3Requests, key: str, body: bytes, *, deadline: Deadline, only_new: bool) -> None:
    """One object in one request, with both of its checksums: a bucket that locks its objects asks for the MD5. Raises
    `NameIsThere` (`only_new`), `Refused` or `MobiusError`."""
    raw = hashlib.sha256(body).digest()
    headers = {
        "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        "x-amz-checksum-sha256": base64.b64encode(raw).decode(),
    }

    def put(condition: Mapping[str, str]) -> None:
        requests.send(
            "PUT",
            key,
            {},
            headers={**headers, **condition},
            body=body,
            payload_sha256=raw.hex(),
            deadline=deadline,
            doing=f"sending {key}",
        )

    try:
        put({"if-none-match": "*"} if only_new else {})
    except Refused as no:
        if only_new and no.refusal.status in (409, 412):
            raise NameIsThere from None
        if not only_new or (no.refusal.status != 501 and no.refusal.code != "NotImplemented"):
            raise
        put({})  # as in `_finish`


def _begun_before(requests: S3Requests, key: str, deadline: Deadline) -> tuple[str, dict[int, Part], str]:
    """The newest upload to this name and its parts. Older ones are given up: they cost, and nothing needs them."""
    try:
        found = list(_uploads(requests, key, deadline))
        if not found:
            return "", {}, ""
        for older in found[:-1]:
            abort(requests, key, older, deadline)
        return found[-1], _parts(requests, key, found[-1], deadline), ""
    except Refused as no:
        if no.refusal.code == "NoSuchUpload":  # another process has just completed it
            return "", {}, ""
        if no.refusal.code in _CANNOT or no.refusal.status in (403, 405, 501):
            why = no.refusal.code or no.refusal.status
            return "", {}, f"begun anew: the store does not say what an earlier attempt left ({why})"
        raise


def _uploads(requests: S3Requests, key: str, deadline: Deadline) -> Iterator[str]:
    """Ids of what was begun under exactly this name, oldest first."""
    found = list[tuple[str, str]]()
    marker = dict[str, str]()
    while True:
        asked = {"uploads": "", "prefix": key, **marker}
        root = requests.send("GET", "", asked, deadline=deadline, doing=f"looking for parts of {key}").root()
        for each in root.iter("Upload"):
            if each.findtext("Key") == key:
                found.append((each.findtext("Initiated") or "", each.findtext("UploadId") or ""))
        if root.findtext("IsTruncated") != "true":
            break
        marker = {
            "key-marker": root.findtext("NextKeyMarker") or "",
            "upload-id-marker": root.findtext("NextUploadIdMarker") or "",
        }
    yield from (upload_id for _, upload_id in sorted(found, key=lambda each: each[0]))


def _parts(requests: S3Requests, key: str, upload_id: str, deadline: Deadline) -> dict[int, Part]:
    parts, marker = dict[int, Part](), "0"
    while True:
        asked = {"uploadId": upload_id, "part-number-marker": marker}
        root = requests.send("GET", key, asked, deadline=deadline, doing=f"looking at parts of {key}").root()
        for each in root.iter("Part"):
            part = Part(
                int(each.findtext("PartNumber") or 0),
                each.findtext("ETag") or "",
                int(each.findtext("Size") or 0),
                each.findtext("ChecksumSHA256") or "",
            )
            parts[part.number] = part
        following = root.findtext("NextPartNumberMarker") or ""
        if root.findtext("IsTruncated") != "true" or following in ("", marker):
            return parts
        marker = following


def _begin(requests: S3Requests, key: str, deadline: Deadline) -> str:
    headers = {"x-amz-checksum-algorithm": "SHA256", "content-type": "application/zip"}
    doing = f"beginning the upload of {key}"
    answer = requests.send("POST", key, {"uploads": ""}, headers=headers, deadline=deadline, doing=doing)
    return answer.root().findtext("UploadId") or ""


def abort(requests: S3Requests, key: str, upload_id: str, deadline: Deadline) -> None:
    """Gives the upload up: its parts are gone. What cannot be given up is left to the bucket's lifecycle rule."""
    with suppress(Refused):
        requests.send("DELETE", key, {"uploadId": upload_id}, deadline=deadline, doing=f"giving up {key}")


class _Sender:
    """Sends what is not there yet, a few parts at a time; the file is read once, from start to end."""

    def __init__(
        self,
        requests: S3Requests,
        key: str,
        upload_id: str,
        kept: Mapping[int, Part],
        deadline: Deadline,
        progress: Callable[[int], None],
    ) -> None:
        self.sent_bytes = 0
        self.kept_bytes = 0
        self._requests = requests
        self._key = key
        self._upload_id = upload_id
        self._kept = kept
        self._deadline = deadline
        self._progress = progress

    def send_all(self, content: Path, sha256: str) -> list[Part]:
        part_bytes = part_bytes_for(content.stat().st_size)
        at_once = max(1, IN_FLIGHT_BYTES // part_bytes)
        digest, parts = hashlib.sha256(), list[Part]()
        waiting: deque[Future[tuple[Part, bool]]] = deque()
        with content.open("rb") as file, ThreadPoolExecutor(at_once) as pool:
            try:
                while piece := file.read(part_bytes):
                    digest.update(piece)
                    waiting.append(pool.submit(self._one, len(parts) + len(waiting) + 1, piece))
                    del piece  # the thread's alone: no more than `at_once` of them are in memory
                    if len(waiting) == at_once:
                        parts.append(self._arrived(waiting.popleft()))
                while waiting:
                    parts.append(self._arrived(waiting.popleft()))
            except BaseException as problem:
                pool.shutdown(cancel_futures=True)
                if isinstance(problem, MobiusError):
                    raise self._kept_so_far(problem, waiting) from None
                raise
        refuse_changed(content.name, expected=sha256, found=digest.hexdigest())
        return parts

    def _kept_so_far(self, problem: MobiusError, waiting: deque[Future[tuple[Part, bool]]]) -> MobiusError:
        """The same, with what the next attempt finds."""
        done = [
            each.result()[0]
            for each in waiting
            if each.done() and not each.cancelled() and not each.exception()
        ]
        there = self.sent_bytes + self.kept_bytes + sum(part.size_bytes for part in done)
        hint = f"do it again: {human(there)} are there and kept; {problem.hint}"
        return MobiusError(problem.message, hint, details=problem.details)

    def _arrived(self, waiting: Future[tuple[Part, bool]]) -> Part:
        part, was_kept = waiting.result()
        if was_kept:
            self.kept_bytes += part.size_bytes
        else:
            self.sent_bytes += part.size_bytes
        self._progress(self.sent_bytes + self.kept_bytes)
        return part

    def _one(self, number: int, piece: bytes) -> tuple[Part, bool]:
        raw = hashlib.sha256(piece).digest()
        sha256 = base64.b64encode(raw).decode()
        there = self._kept.get(number)
        if there is not None and _is_this(there, piece, sha256):
            return Part(number, there.etag, len(piece), sha256), True
        answer = self._requests.send(
            "PUT",
            self._key,
            {"partNumber": str(number), "uploadId": self._upload_id},
            headers={"x-amz-checksum-sha256": sha256},
            body=piece,
            payload_sha256=raw.hex(),
            deadline=self._deadline,
            doing=f"sending {self._key}",
        )
        return Part(number, answer.headers.get("etag", ""), len(piece), sha256), False


def _is_this(there: Part, piece: bytes, sha256: str) -> bool:
    """By the part's SHA-256 where the store tells it, else by the MD5 that is its ETag in most stores."""
    if there.size_bytes != len(piece):
        return False
    if there.sha256:
        return there.sha256 == sha256
    return there.etag.strip('"') == hashlib.md5(piece, usedforsecurity=False).hexdigest()


def _finish(requests: S3Requests, key: str, upload_id: str, parts: list[Part], deadline: Deadline) -> None:
    """The object has its name after this, if nothing else has it."""
    try:
        _complete(requests, key, upload_id, parts, deadline, {"if-none-match": "*"})
    except Refused as no:
        code, status = no.refusal.code, no.refusal.status
        if status in (409, 412) or code == "NoSuchUpload":
            # Or our own first request did it, and only its answer was lost: whoever called looks.
            raise NameIsThere from None
        if status != 501 and code != "NotImplemented":
            raise
        # A store that does not know the condition; that the name was free has been looked at.
        _complete(requests, key, upload_id, parts, deadline, {})


def _complete(
    requests: S3Requests,
    key: str,
    upload_id: str,
    parts: list[Part],
    deadline: Deadline,
    headers: Mapping[str, str],
) -> None:
    listed = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>{part.etag}</ETag>"
        f"<ChecksumSHA256>{part.sha256}</ChecksumSHA256></Part>"
        for part in parts
    )
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    typed = {"content-type": "application/xml", **headers}
    answer = requests.send(
        "POST",
        key,
        {"uploadId": upload_id},
        headers=typed,
        body=body,
        deadline=deadline,
        doing=f"completing {key}",
    )
    answer.root()


def _composite(parts: list[Part]) -> str:
    return _over([base64.b64decode(part.sha256) for part in parts])


def _over(digests: list[bytes]) -> str:
    return f"{base64.b64encode(hashlib.sha256(b''.join(digests)).digest()).decode()}-{len(digests)}"


def told_of(content: Path, sha256: str) -> str:
    """What a store tells that holds this file, when `upload` or one request brought it there. Raises `BackupInvalid`
    when the file is not what it should be."""
    part_bytes = part_bytes_for(content.stat().st_size)
    digest, digests = hashlib.sha256(), list[bytes]()
    with content.open("rb") as file:
        while piece := file.read(part_bytes):
            digest.update(piece)
            digests.append(hashlib.sha256(piece).digest())
    refuse_changed(content.name, expected=sha256, found=digest.hexdigest())
    return _over(digests) if len(digests) > 1 else base64.b64encode(digest.digest()).decode()


def is_same(told: str, expected: str) -> bool:
    """The count at the end is left out by some stores. Over parts or not, the two hashes are of different content."""
    return told.partition("-")[0] == expected.partition("-")[0] and bool(told)
