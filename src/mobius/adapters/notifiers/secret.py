"""Addresses and passwords of channels: from a variable or a file, and in no message, record or error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mobius.errors import MobiusError
from mobius.model.notices import ChannelSettings

LARGEST_BYTES = 16_384


class Missing(MobiusError):
    """A secret is not there on this machine."""


def secret(variable: str, file: Path | None, environ: Mapping[str, str]) -> str:
    """The value, without spaces around it; "" where neither is configured. Raises Missing."""
    if variable:
        if value := environ.get(variable, "").strip():
            return value
        raise Missing(
            f"the variable {variable} is not set", f"export {variable}, or name a file in mobius.toml"
        )
    if file is None:
        return ""
    try:
        with file.open("rb") as stream:
            value = stream.read(LARGEST_BYTES).decode("utf-8").strip()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not text"
        raise Missing(f"{file} cannot be read: {reason}", "check its owner and mode") from problem
    if not value:
        raise Missing(f"{file} is empty", "write the secret into it")
    return value


def secrets_of_channels(channels: Iterable[ChannelSettings], environ: Mapping[str, str]) -> set[str]:
    """Every value that must appear nowhere: addresses with their paths, keys, passwords. What cannot be read is told
    where it is needed."""
    found: set[str] = set()
    for channel in channels:
        for variable, file in (
            (channel.url_env, channel.url_file),
            (channel.secret_env, channel.secret_file),
            (channel.password_env, channel.password_file),
        ):
            try:
                found |= parts_of(secret(variable, file, environ))
            except MobiusError:
                continue
    return found


def parts_of(value: str) -> set[str]:
    """The secret itself, and what of an address gives it away: its path and its query."""
    if not value:
        return set()
    try:
        split = urlsplit(value)
    except ValueError:
        return {value}
    if not split.scheme or not split.netloc:
        return {value}
    inside = {split.path.strip("/"), split.query, f"{split.path}?{split.query}" if split.query else ""}
    return {value} | {part for part in inside if len(part) >= 12}
