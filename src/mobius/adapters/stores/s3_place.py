"""Where a bucket is and who we are there: from `[store]`, the AWS_* variables, and the files of the AWS tools."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mobius.errors import UsageError
from mobius.model.settings import StoreSettings

# Where one of these is set, or the machine itself has a role, obstore fetches the keys and renews them.
_ROLES = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key. Its secrets show up in no `repr`."""

    access_key: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class S3Place:
    """One bucket and the prefix in it. `keys` None: a role of the machine has them. `found`: where the keys were."""

    bucket: str
    prefix: str  # "" or ending in /
    endpoint: str  # scheme, host, port
    region: str
    keys: Keys | None
    found: str

    def url(self, name: str = "") -> str:
        """For people."""
        return f"s3://{self.bucket}/{self.prefix}{name}"


def s3_place(settings: StoreSettings, environ: Mapping[str, str]) -> S3Place:
    """Raises `UsageError` for an address that is none, and for one that holds a password."""
    parts = urlsplit(settings.url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(f"store.url is no address of a bucket: {_naked(settings.url)}", "s3://bucket/prefix")
    files = _Files(environ)
    endpoint = (
        settings.endpoint
        or environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or files.setting("endpoint_url")
    )
    for address in (settings.url, endpoint):
        if "@" in urlsplit(address).netloc:
            raise UsageError(
                f"{_naked(address)} holds a user or a password",
                "take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
    region = (
        settings.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or files.setting("region")
        or "us-east-1"
    )
    prefix = parts.path.strip("/")
    keys, found = _keys(environ, files)
    return S3Place(
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=(endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"),
        region=region,
        keys=keys,
        found=found,
    )


def _naked(address: str) -> str:
    """Without what may be a password."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _keys(environ: Mapping[str, str], files: _Files) -> tuple[Keys | None, str]:
    """As the AWS tools look: variables, then the files of the profile."""
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        token = environ.get("AWS_SESSION_TOKEN", "")
        made = Keys(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
        return made, "AWS_ACCESS_KEY_ID"
    access, secret = files.setting("aws_access_key_id"), files.setting("aws_secret_access_key")
    if access and secret:
        return Keys(access, secret, files.setting("aws_session_token")), f"{files.named}"
    role = next((name for name in _ROLES if environ.get(name)), "the role of this machine")
    return None, role


class _Files:
    """`~/.aws/credentials` and `~/.aws/config`, of the profile that AWS_PROFILE names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "/nonexistent")
        profile = environ.get("AWS_PROFILE") or "default"
        secret = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
        config = Path(environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
        section = profile if profile == "default" else f"profile {profile}"
        self._found = {**_section(config.expanduser(), section), **_section(secret.expanduser(), profile)}
        self.named = f"profile {profile} of {secret}"

    def setting(self, name: str) -> str:
        return self._found.get(name, "")


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    except configparser.Error:
        # Not with the line in it: it may be the secret.
        raise UsageError(
            f"{path} cannot be read as a file of AWS's tools",
            "look at it: aws configure list; or name another by AWS_CONFIG_FILE",
        ) from None
    return dict(parser[name]) if parser.has_section(name) else {}
