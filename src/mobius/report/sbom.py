"""What a service is made of, as CycloneDX 1.6: the packages of its lock files, with what each needs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mobius.model.scan import Package

HASHES = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}


def cyclonedx(
    packages: Sequence[Package],
    *,
    service: str,
    version: str,
    serial: str,
    at: str,
    tool_version: str,
    is_whole: bool = True,
) -> dict[str, Any]:
    """The document. Of the same packages it is the same, but for `serial` (a UUID) and `at` (ISO time). `is_whole`:
    that nothing of the service is known to be left out; otherwise it says that it is incomplete."""
    root = f"service:{service}@{version}" if version else f"service:{service}"
    refs = {package.place: _ref(package) for package in packages}
    components: dict[str, dict[str, Any]] = {}
    needs: dict[str, set[str]] = {}
    for package in sorted(
        packages, key=lambda each: (each.dev, each.place)
    ):  # needed by the service, if anywhere
        ref = refs[package.place]
        components.setdefault(ref, _component(package, ref))
        needs.setdefault(ref, set()).update(refs[place] for place in package.depends if place in refs)
    needed = {ref for each in needs.values() for ref in each}
    top = sorted(set(components) - needed)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": at,
            "tools": {"components": [{"type": "application", "name": "mobius", "version": tool_version}]},
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": service,
                **({"version": version} if version else {}),
            },
        },
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": [
            {"ref": root, "dependsOn": top},
            *({"ref": ref, "dependsOn": sorted(needs[ref] - {ref})} for ref in sorted(needs)),
        ],
        **({} if is_whole else {"compositions": [{"aggregate": "incomplete", "dependencies": [root]}]}),
    }


def _ref(package: Package) -> str:
    """The same package at two places of a lock file is one component."""
    kind = {"npm": "npm", "pypi": "pypi"}[package.ecosystem]
    scope, slash, name = package.name.rpartition("/")
    named = f"{quote(scope, safe='')}{slash}{quote(name, safe='')}"
    return f"pkg:{kind}/{named}" + (f"@{quote(package.version, safe='')}" if package.version else "")


def _component(package: Package, ref: str) -> dict[str, Any]:
    group, _, name = package.name.rpartition("/")
    made: dict[str, Any] = {"type": "library", "bom-ref": ref, "name": name}
    if group:
        made["group"] = group
    if package.version:
        made["version"] = package.version
    made["scope"] = "optional" if package.dev else "required"
    if hashes := _hashes(package.integrity):
        made["hashes"] = hashes
    if package.license:
        made["licenses"] = [{"license": {"name": package.license}}]
    made["purl"] = ref
    return made


def _hashes(integrity: str) -> list[dict[str, str]]:
    """Of `sha512-…` in base64, as lock files have it; what cannot be read is left out."""
    found: dict[str, str] = {}
    for each in integrity.split():
        name, _, digest = each.partition("-")
        try:
            content = base64.b64decode(digest, validate=True).hex()
        except (binascii.Error, ValueError):
            continue
        if name in HASHES and len(content) in (40, 64, 96, 128):
            found[HASHES[name]] = content
    return [{"alg": name, "content": found[name]} for name in sorted(found)]
