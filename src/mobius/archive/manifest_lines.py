"""The lines of `MANIFEST.jsonl` as they are written: put together by hand, since there is one for every path."""

from __future__ import annotations

import functools
import json
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mobius.archive.reading import group_name, user_name

quoted = json.JSONEncoder(ensure_ascii=False).encode


class Attributes(NamedTuple):
    """What a path is besides its content. `file_mode` holds the type's bits, too; `xattrs` are in base64."""

    file_mode: int
    mtime_ns: int
    uid: int
    gid: int
    xattrs: Mapping[str, str] = {}
    holes: Sequence[tuple[int, int]] = ()
    target: str = ""
    database: bool = False


def attributes_text(kind: str, size_bytes: int, attributes: Attributes) -> str:
    """The middle of a line: everything that is known before the content is packed."""
    mode = stat.S_IMODE(attributes.file_mode)
    text = (
        f',"kind":"{kind}","size":{size_bytes},"mode":"{mode:04o}","mtime_ns":{attributes.mtime_ns}'
        f"{_owner_text(attributes.uid, attributes.gid)}"
    )
    if attributes.target:
        text += f',"target":{quoted(attributes.target)}'
    if attributes.xattrs:
        text += f',"xattrs":{quoted(attributes.xattrs)}'
    if attributes.holes:
        text += ',"holes":[' + ",".join(f"[{at},{length}]" for at, length in attributes.holes) + "]"
    if attributes.database:
        text += ',"database":true'
    return text


def line_start(path: str, link: str = "") -> str:
    return f'{{"path":{quoted(path)}' + (f',"link":{quoted(link)}' if link else "")


def line_end(at: int, packed_bytes: int) -> str:
    """The end of the line of what has content: where its data is in the archive."""
    return f',"at":{at},"packed":{packed_bytes}}}\n'


@functools.lru_cache(maxsize=1024)
def _owner_text(uid: int, gid: int) -> str:
    user, group = quoted(user_name(uid)), quoted(group_name(gid))
    return f',"uid":{uid},"gid":{gid},"user":{user},"group":{group}'
