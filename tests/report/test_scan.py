"""A scan as people and programs read it, and what a service is made of."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from mobius.model.scan import Judged, Level, Package, Scan, Vulnerability, Waiver
from mobius.model.verdict import Outcome
from mobius.report.junit import junit
from mobius.report.sbom import cyclonedx
from mobius.report.scan import scan_checks, scan_json, scan_outcome, scan_sarif, scan_text
from mobius.rules.scanning.sarif import read_sarif

LODASH = Vulnerability(
    "GHSA-1",
    "lodash",
    "4.17.4",
    Level.CRITICAL,
    "Pollution\x1b[2J of prototypes",
    "4.17.21",
    ("CVE-1",),
    "package-lock.json",
)
WAIVER = Waiver("npm", "Ada", "the mirror is being moved", date(2026, 12, 1))
BAD = Judged(
    "npm", "package-lock.json", Outcome.FAIL, "1 known vulnerability, the worst critical: GHSA-1 in lodash 4.17.4",
    "take lodash 4.17.21", 0.0, 12, "npm 11", 2.0, (LODASH,),
)  # fmt: skip
UNKNOWN = Judged(
    "pip", "requirements.txt", Outcome.ERROR, "not known: pip-audit printed nothing", "try again"
)
WAIVED = replace(UNKNOWN, outcome=Outcome.PASS, waived=WAIVER)
OLD = Judged("osv", "go.mod", Outcome.PASS, "nothing that refuses, of 3 looked at", "", 3 * 86_400.0, 3)
SCAN = Scan("dhash", "production", "c" * 40, False, 1_795_305_600.0, (BAD, UNKNOWN, OLD), ("a remark",))


def test_the_text_names_what_refuses_and_the_age_of_the_data() -> None:
    assert scan_text(SCAN, 100).splitlines() == [
        "  FAILED   npm package-lock.json: 1 known vulnerability, the worst critical: GHSA-1 in lodash 4.17.4",
        "           critical GHSA-1 lodash 4.17.4: Pollution�[2J of prototypes",
        "           take lodash 4.17.21",
        "  unknown  pip requirements.txt: not known: pip-audit printed nothing",
        "           try again",
        "  ok       osv go.mod: nothing that refuses, of 3 looked at (data 3 d old)",
        "  note     a remark",
        "",
        "1 of 3 sources found nothing that refuses, 1 refuses, 1 unknown",
    ]


def test_what_is_waived_is_never_shown_as_good() -> None:
    scan = replace(SCAN, sources=(WAIVED,), remarks=())
    assert scan_outcome(scan) is Outcome.PASS
    assert scan_text(scan).startswith("  waived   pip")
    assert scan_text(scan).endswith("0 of 1 source found nothing that refuses, 1 unknown, and waived")
    (source,) = scan_json(scan)["sources"]
    assert (source["known"], source["waived"]["name"]) == (False, "Ada")


def test_the_json_has_what_readiness_goes_by() -> None:
    told = json.loads(json.dumps(scan_json(SCAN)))
    assert (told["schema_version"], told["commit"], told["at"]) == (1, "c" * 40, SCAN.at)
    assert [(each["name"], each["outcome"], each["data_age_s"]) for each in told["sources"]] == [
        ("npm", "FAIL", 0.0), ("pip", "ERROR", None), ("osv", "PASS", 259_200.0),
    ]  # fmt: skip
    assert told["sources"][0]["findings"][0]["id"] == "GHSA-1"


def test_its_own_sarif_is_read_back_as_no_answer_where_a_source_gave_none() -> None:
    document = scan_sarif(SCAN)
    assert [run["invocations"][0]["executionSuccessful"] for run in document["runs"]] == [True, False, True]
    only = {**document, "runs": document["runs"][:1]}
    (found,) = read_sarif(json.dumps(only)).found
    assert (found.id, found.level, found.place) == ("GHSA-1", Level.HIGH, "package-lock.json")


def test_an_unknown_source_is_an_error_in_junit() -> None:
    text = junit("known vulnerabilities", scan_checks(SCAN), at=SCAN.at)
    assert 'failures="1" errors="1"' in text


SHA512 = "sha512-" + "A" * 86 + "=="
PACKAGES = (
    Package("npm", "@babel/core", "7.0.0", "node_modules/@babel/core", False, SHA512, "MIT", ("node_modules/a",)),
    Package("npm", "a", "1.0.0+build", "node_modules/a", True, "sha1-not base64"),
    Package("npm", "a", "1.0.0+build", "node_modules/b/node_modules/a"),
    Package("pypi", "flask", "", "requirements.txt#flask@"),
)  # fmt: skip


def sbom(packages: tuple[Package, ...] = PACKAGES, **more: Any) -> dict[str, Any]:
    facts = {
        "service": "dhash",
        "version": "v2.1.0",
        "serial": "3e671687-395b-41f5-a30f-a58921a69b79",
        "at": "2026-11-22T00:00:00Z",
        "tool_version": "0.1.0",
    }
    return cyclonedx(packages, **{**facts, **more})


def test_the_bill_of_materials_is_valid_by_the_schema_of_cyclonedx() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for document in (sbom(), sbom(()), sbom(version=""), sbom(is_whole=False)):
        assert validator.validate_str(json.dumps(document)) is None


def test_the_bill_of_materials_is_the_same_for_the_same_packages_in_any_order() -> None:
    assert sbom() == sbom(tuple(reversed(PACKAGES)))
    assert [each["scope"] for each in sbom()["components"]] == ["required"] * 3


def test_each_package_is_there_once_with_what_it_needs() -> None:
    document = sbom()
    assert [each["purl"] for each in document["components"]] == [
        "pkg:npm/%40babel/core@7.0.0", "pkg:npm/a@1.0.0%2Bbuild", "pkg:pypi/flask",
    ]  # fmt: skip
    needs = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert needs["pkg:npm/%40babel/core@7.0.0"] == ["pkg:npm/a@1.0.0%2Bbuild"]
    assert needs["service:dhash@v2.1.0"] == ["pkg:npm/%40babel/core@7.0.0", "pkg:pypi/flask"]
    assert re.fullmatch("[0-9a-f]{128}", document["components"][0]["hashes"][0]["content"])
    assert "hashes" not in document["components"][1]
