"""What the scanners really print, as small as it can be."""

from __future__ import annotations

import copy
import json
from typing import Any

NPM: dict[str, Any] = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {
            "name": "lodash",
            "severity": "critical",
            "isDirect": True,
            "via": [
                {
                    "source": 1094499,
                    "name": "lodash",
                    "dependency": "lodash",
                    "title": "Prototype Pollution in lodash",
                    "url": "https://example.org/advisories/GHSA-jf85-cpcp-j695",
                    "severity": "critical",
                    "cwe": ["CWE-1321"],
                    "cvss": {"score": 9.1, "vectorString": None},
                    "range": "<4.17.12",
                }
            ],
            "effects": ["uses-lodash"],
            "range": "<=4.17.20",
            "nodes": ["node_modules/lodash"],
            "fixAvailable": {"name": "lodash", "version": "4.17.21", "isSemVerMajor": False},
        },
        "uses-lodash": {
            "name": "uses-lodash",
            "severity": "critical",
            "isDirect": True,
            "via": ["lodash"],
            "effects": [],
            "range": "*",
            "nodes": ["node_modules/uses-lodash"],
            "fixAvailable": True,
        },
    },
    "metadata": {
        "vulnerabilities": {"info": 0, "low": 0, "moderate": 0, "high": 0, "critical": 2, "total": 2},
        "dependencies": {"prod": 3, "dev": 0, "optional": 0, "peer": 0, "peerOptional": 0, "total": 2},
    },
}
PIP: dict[str, Any] = {
    "dependencies": [
        {
            "name": "Jinja2",
            "version": "2.10",
            "vulns": [
                {
                    "id": "PYSEC-2019-217",
                    "fix_versions": ["2.10.1"],
                    "aliases": ["CVE-2019-10906", "GHSA-462w-v97r-4m45"],
                    "description": "In Pallets Jinja before 2.10.1, str.format_map allows a sandbox escape.",
                }
            ],
        },
        {"name": "markupsafe", "version": "3.0.2", "vulns": []},
    ],
    "fixes": [],
}
OSV: dict[str, Any] = {
    "results": [
        {
            "source": {"path": "/p/yarn.lock", "type": "lockfile"},
            "packages": [
                {
                    "package": {"name": "lodash", "version": "4.17.4", "ecosystem": "npm"},
                    "vulnerabilities": [
                        {
                            "id": "GHSA-jf85-cpcp-j695",
                            "aliases": ["CVE-2019-10744"],
                            "summary": "Prototype Pollution in lodash",
                            "affected": [
                                {
                                    "package": {"name": "lodash", "ecosystem": "npm"},
                                    "ranges": [{"events": [{"introduced": "0"}, {"fixed": "4.17.12"}]}],
                                }
                            ],
                            "database_specific": {"severity": "CRITICAL"},
                        }
                    ],
                    "groups": [{"ids": ["GHSA-jf85-cpcp-j695"], "aliases": [], "max_severity": "9.1"}],
                },
                {"package": {"name": "left-pad", "version": "1.3.0", "ecosystem": "npm"}},
            ],
        }
    ]
}
SARIF: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "Semgrep OSS",
                    "semanticVersion": "1.90.0",
                    "rules": [{"id": "sql-injection", "properties": {"security-severity": "8.8"}}],
                }
            },
            "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-11-22T00:00:00Z"}],
            "results": [
                {
                    "ruleId": "sql-injection",
                    "level": "error",
                    "message": {"text": "a query is put together from what a user wrote"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "src/db.js"},
                                "region": {"startLine": 12},
                            }
                        }
                    ],
                }
            ],
        }
    ],
}


def npm_clean() -> dict[str, Any]:
    """The same without a vulnerability."""
    made = copy.deepcopy(NPM)
    made["vulnerabilities"] = {}
    made["metadata"]["vulnerabilities"] |= {"critical": 0, "total": 0}
    return made


def text(document: Any) -> str:
    return json.dumps(document)
