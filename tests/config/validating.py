"""As much of JSON Schema as the schema of mobius.toml uses, to hold it against real files."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
}
_SAID = {"$schema", "title", "description", "default"}


def errors(schema: dict[str, Any], value: object, path: str = "") -> list[str]:
    """Where the value is not what the schema allows. Fails on a keyword it does not know."""
    found: list[str] = []
    for keyword, rule in schema.items():
        match keyword:
            case "type":
                is_flag = isinstance(value, bool) and rule != "boolean"
                if is_flag or not isinstance(value, _TYPES[rule]):
                    return [f"{path}: not {rule}"]
            case "enum":
                found += [] if value in rule else [f"{path}: not in enum"]
            case "const":
                found += [] if value == rule else [f"{path}: not const"]
            case "anyOf":
                found += (
                    [] if any(not errors(each, value, path) for each in rule) else [f"{path}: none of anyOf"]
                )
            case "pattern" if isinstance(value, str):
                found += [] if re.search(rule, value) else [f"{path}: pattern"]
            case "minLength" if isinstance(value, str):
                found += [] if len(value) >= rule else [f"{path}: too short"]
            case "minimum" | "maximum" | "exclusiveMinimum" if isinstance(value, (int, float)):
                good = (
                    value >= rule
                    if keyword == "minimum"
                    else value <= rule
                    if keyword == "maximum"
                    else value > rule
                )
                found += [] if good else [f"{path}: {keyword}"]
            case "minItems" if isinstance(value, list):
                found += [] if len(value) >= rule else [f"{path}: too few"]
            case "items" if isinstance(value, list):
                found += [each for i, item in enumerate(value) for each in errors(rule, item, f"{path}[{i}]")]
            case "required" if isinstance(value, dict):
                found += [f"{path}.{key}: missing" for key in rule if key not in value]
            case "propertyNames" if isinstance(value, dict):
                found += [each for key in value for each in errors(rule, key, f"{path}.{key}")]
            case "additionalProperties" if isinstance(value, dict):
                known = schema.get("properties", {})
                patterns = schema.get("patternProperties", {})
                for key in value:
                    if key in known:
                        found += errors(known[key], value[key], f"{path}.{key}")
                    elif inner := next((patterns[p] for p in patterns if re.search(p, key)), rule):
                        found += errors(inner, value[key], f"{path}.{key}")
                    else:
                        found.append(f"{path}.{key}: not allowed")
            case "properties" | "patternProperties":
                assert "additionalProperties" in schema
            case _:
                assert keyword in _SAID | {
                    "pattern",
                    "minLength",
                    "minimum",
                    "maximum",
                    "exclusiveMinimum",
                }, keyword
    return found
