"""A store that is a bucket which speaks S3: obstore asks it, uploads are in `s3_upload`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.stores.agreed import (
    PIECE_BYTES,
    CopyDiffers,
    Deadline,
    checked_name,
    refuse_changed,
    same_or_taken,
    sha256_of_pieces,
    small,
)
from mobius.adapters.stores.s3_place import S3Place, s3_place
from mobius.adapters.stores.s3_requests import STALL_S, Refused, S3Requests
from mobius.adapters.stores.s3_upload import (
    PART_BYTES,
    NameIsThere,
    is_same,
    part_bytes_for,
    put_whole,
    told_of,
    upload,
)
from mobius.adapters.stores.s3_words import of_obstore, refused
from mobius.errors import MobiusError
from mobius.model.settings import StoreSettings
from mobius.model.stored import Created, Stored
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import NotStored

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

READ_BACK = "read back"
WHOLE = "begun anew: the keys of a machine's role cannot continue an upload; set AWS_ACCESS_KEY_ID for that"


class S3Store:
    """One bucket and prefix. Nothing is imported, read or asked before it is used."""

    def __init__(self, settings: StoreSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._ca_bundle = environ.get("AWS_CA_BUNDLE", "")

    def place(self, name: str = "") -> str:
        return self._place.url(name)

    # -- writing ----------------------------------------------------------------------------------------------

    def create(self, name: str, content: Path, *, sha256: str, progress: Callable[[int], None]) -> Created:
        """Larger than 16 MiB it goes in parts. A store that tells the SHA-256 which it computed of every part that it
        received is believed; of any other the content is read back."""
        deadline, doing = self._deadline(), f"{self.place(checked_name(name))} could not be written"
        if self.look(name) is not None:
            return self._there_already(name, content, sha256, deadline)
        size_bytes = content.stat().st_size
        try:
            if size_bytes <= PART_BYTES:
                composite, made = "", self._create_small(name, content, sha256, deadline, doing)
            elif self._requests is None:
                composite, made = "", self._create_whole(name, content, sha256, deadline, doing, progress)
            else:
                sent = upload(
                    self._requests,
                    self._key(name),
                    content,
                    sha256=sha256,
                    deadline=deadline,
                    progress=progress,
                )
                composite, made = (
                    sent.composite,
                    Created(sent.sent_bytes, sent.kept_bytes, "", False, sent.remark),
                )
        except Refused as no:
            raise refused(self._place, doing, no.refusal, now=time.time()) from None
        except NameIsThere:
            if self.look(name) is None:
                raise MobiusError(
                    f"{doing}: another upload of it was being completed", "do it again"
                ) from None
            return self._there_already(name, content, sha256, deadline)
        progress(size_bytes)
        return self._checked(name, sha256, composite, made, deadline)

    def _create_small(self, name: str, content: Path, sha256: str, deadline: Deadline, doing: str) -> Created:
        body = content.read_bytes()
        refuse_changed(content.name, expected=sha256, found=sha256_of_pieces([body]))
        if self._requests is not None:
            put_whole(self._requests, self._key(name), body, deadline=deadline, only_new=True)
            return Created(len(body), 0, "")
        import obstore.exceptions as known

        try:
            with self._in_words(doing):
                self._obstore.put(self._bucket, name, body, mode="create")
        except known.AlreadyExistsError:
            raise NameIsThere from None
        return Created(len(body), 0, "")

    def _create_whole(
        self,
        name: str,
        content: Path,
        sha256: str,
        deadline: Deadline,
        doing: str,
        progress: Callable[[int], None],
    ) -> Created:
        """Where only obstore gets at the keys. That the name was free has been looked at; the checksum file, which
        is created before any archive, stands for the condition."""
        import hashlib

        size_bytes, digest = content.stat().st_size, hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            at = 0
            with content.open("rb") as file:
                while piece := file.read(PART_BYTES):
                    deadline.check("the copy")
                    digest.update(piece)
                    yield piece
                    at += len(piece)
                    progress(at)
            refuse_changed(content.name, expected=sha256, found=digest.hexdigest())

        with self._in_words(doing):
            self._obstore.put(
                self._bucket,
                name,
                pieces(),
                use_multipart=True,
                chunk_size=part_bytes_for(size_bytes),
                max_concurrency=2,
            )
        return Created(size_bytes, 0, "", remark=WHOLE)

    def _checked(self, name: str, sha256: str, composite: str, made: Created, deadline: Deadline) -> Created:
        if composite and is_same(self._told_by_the_store(name, deadline), composite):
            count = composite.rpartition("-")[2]
            checked = f"the store's own SHA-256 of all {count} parts"
        else:
            found = self._read_back(name, deadline)
            if found != sha256:
                try:
                    self.remove(name)
                    left = "it was removed"
                except MobiusError as problem:
                    left = f"and could not be removed: {problem.message}"
                raise CopyDiffers(self.place(name), expected=sha256, found=found, left=left)
            checked = READ_BACK
        return Created(made.sent_bytes, made.kept_bytes, checked, remark=made.remark)

    def _told_by_the_store(self, name: str, deadline: Deadline) -> str:
        """The SHA-256, or that over the SHA-256 of the parts; "" where it tells none."""
        if self._requests is None:
            return ""
        headers, doing = {"x-amz-checksum-mode": "ENABLED"}, f"looking at {self.place(name)}"
        try:
            answer = self._requests.send(
                "HEAD", self._key(name), {}, headers=headers, deadline=deadline, doing=doing
            )
        except Refused:
            return ""  # then it is read back
        return answer.headers.get("x-amz-checksum-sha256", "")

    def _there_already(self, name: str, content: Path, sha256: str, deadline: Deadline) -> Created:
        size_bytes = content.stat().st_size
        if is_same(self._told_by_the_store(name, deadline), told_of(content, sha256)):
            return Created(0, size_bytes, "the store's own SHA-256", was_there=True)
        found = self._read_back(name, deadline)
        return same_or_taken(self.place(name), size_bytes, expected=sha256, found=found, checked=READ_BACK)

    def _read_back(self, name: str, deadline: Deadline) -> str:
        def pieces() -> Iterator[bytes]:
            for piece in self.read(name):
                deadline.check(f"reading {self.place(name)} back", "the copy is there, not checked")
                yield piece

        return sha256_of_pieces(pieces())

    def replace(self, name: str, content: bytes) -> None:
        doing = f"{self.place(checked_name(name))} could not be written"
        body = small(content, name)
        if self._requests is None:
            with self._in_words(doing):
                self._obstore.put(self._bucket, name, body)
            return
        try:
            put_whole(self._requests, self._key(name), body, deadline=self._deadline(), only_new=False)
        except Refused as no:
            raise refused(self._place, doing, no.refusal, now=time.time()) from None

    def remove(self, name: str) -> None:
        with self._in_words(f"{self.place(checked_name(name))} could not be removed"):
            try:
                self._obstore.delete(self._bucket, name)
            except FileNotFoundError as problem:
                if "NoSuchBucket" in str(problem):
                    raise

    # -- reading ----------------------------------------------------------------------------------------------

    def look(self, name: str) -> Stored | None:
        obstore, bucket = self._obstore, self._bucket
        try:
            seen = obstore.head(bucket, checked_name(name))
        except FileNotFoundError:
            return None
        except Exception as problem:
            self._raise_with_reason(f"{self.place(name)} could not be looked at", problem)
        return Stored(name, int(seen["size"]), seen["last_modified"].timestamp())

    def _raise_with_reason(self, doing: str, problem: Exception) -> None:
        """The answer to a HEAD has no body; the one to a listing says why."""
        if "status code" in str(problem):
            with self._in_words(doing):
                next(iter(self._obstore.list(self._bucket, chunk_size=1)), None)
        raise of_obstore(self._place, doing, problem, now=time.time()) from None

    def listed(self, start: str = "") -> Iterator[Stored]:
        """The store's order of names is that of their bytes, and it gives a thousand at a time."""
        folder = start.rpartition("/")[0]
        with self._in_words(f"{self.place(start)} could not be listed"):
            for page in self._obstore.list(self._bucket, prefix=folder or None, chunk_size=1000):
                for each in page:
                    if each["path"].startswith(start):
                        yield Stored(each["path"], int(each["size"]), each["last_modified"].timestamp())

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        seen = self.look(name)
        if seen is None:
            raise NotStored(f"there is no {self.place(name)}", "mobius backup list --store")
        end = seen.size_bytes if length is None else min(seen.size_bytes, offset + length)
        at = offset
        while at < end:
            piece = self._piece(name, at, min(PIECE_BYTES, end - at))
            if not piece:
                raise MobiusError(
                    f"{self.place(name)} could not be read: it became shorter while it was read",
                    "do it again",
                )
            at += len(piece)
            yield piece

    def _piece(self, name: str, at: int, length: int) -> bytes:
        """obstore asks again where no answer comes; not where the line is cut in the middle of one."""
        for wait_s in (0.5, 1.0, 2.0, None):
            try:
                with self._in_words(f"{self.place(name)} could not be read"):
                    return bytes(self._obstore.get_range(self._bucket, name, start=at, length=length))
            except NotStored:
                raise
            except MobiusError:
                if wait_s is None:
                    raise
                time.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def preflight(self) -> CheckResult:
        try:
            with self._in_words(f"{self.place()} cannot be used"):
                next(iter(self._obstore.list(self._bucket, chunk_size=1)), None)
        except MobiusError as problem:
            return CheckResult("store", Outcome.ERROR, str(problem), 0.0, problem.hint)
        return CheckResult("store", Outcome.PASS, f"{self.place()} can be listed", 0.0)

    # -- the two ways to ask ----------------------------------------------------------------------------------

    def _key(self, name: str) -> str:
        return f"{self._place.prefix}{name}"

    def _deadline(self) -> Deadline:
        return Deadline(self._settings.timeout_s)

    @cached_property
    def _place(self) -> S3Place:
        """Not before it is needed: a broken file of the AWS tools must not stop a way back."""
        return s3_place(self._settings, self._environ)

    @cached_property
    def _requests(self) -> S3Requests | None:
        """None where the keys are those of a machine's role: only obstore gets at them."""
        keys = self._place.keys
        return S3Requests(self._place, keys, ca_bundle=self._ca_bundle) if keys else None

    @cached_property
    def _obstore(self) -> Any:
        try:
            import obstore
        except ImportError:
            raise MobiusError(
                f"{self.place()} cannot be used: obstore is not installed",
                "pip install 'mobius[s3]'",
            ) from None
        return obstore

    @cached_property
    def _bucket(self) -> Bucket:
        from obstore.store import S3Store as Bucket

        keys = self._place.keys
        config: dict[str, Any] = {
            "endpoint": self._place.endpoint,
            "region": self._place.region,
            "checksum_algorithm": "SHA256",
        }
        if keys:
            config |= {"access_key_id": keys.access_key, "secret_access_key": keys.secret}
            config |= {"session_token": keys.token} if keys.token else {}
        options: dict[str, Any] = {
            "allow_http": self._place.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(10.0, self._settings.timeout_s)),
            "read_timeout": timedelta(seconds=min(STALL_S, self._settings.timeout_s)),
            "timeout": timedelta(seconds=self._settings.timeout_s),
        }
        if self._ca_bundle:
            options["root_certificate"] = Path(self._ca_bundle).read_bytes()
        return Bucket(
            self._place.bucket,
            prefix=self._place.prefix.rstrip("/") or None,
            config=config,  # type: ignore[arg-type]
            client_options=options,  # type: ignore[arg-type]
            retry_config={
                "max_retries": 5,
                "retry_timeout": timedelta(seconds=min(30.0, self._settings.timeout_s)),
            },
        )

    @contextmanager
    def _in_words(self, doing: str) -> Iterator[None]:
        self._obstore  # noqa: B018 its absence has words of its own
        import obstore.exceptions as known

        try:
            yield
        except (MobiusError, GeneratorExit, known.AlreadyExistsError):
            raise
        except FileNotFoundError as problem:
            if "NoSuchBucket" in str(problem):
                raise of_obstore(self._place, doing, problem, now=time.time()) from None
            raise NotStored(f"{doing}: it is not there", "mobius backup list --store") from None
        except Exception as problem:
            raise of_obstore(self._place, doing, problem, now=time.time()) from None
