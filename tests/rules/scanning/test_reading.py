"""What scanners print is read with distrust: found, none, or no answer; never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.scan import Level
from mobius.rules.scanning.npm import read_npm
from mobius.rules.scanning.osv import read_osv
from mobius.rules.scanning.pip_audit import read_pip_audit
from mobius.rules.scanning.sarif import read_sarif
from mobius.rules.scanning.shapes import Unread, level_of_score
from mobius.rules.scanning.shapes import document as read_document
from rules.scanning.shapes import NPM, OSV, PIP, SARIF, npm_clean, text

VERSIONS = {"node_modules/lodash": "4.17.4"}


def npm(document: Any, code: int = 1) -> Any:
    return read_npm(text(document), code, VERSIONS)


def test_npm_names_a_vulnerability_once_and_not_again_where_it_only_reaches() -> None:
    found, looked_at = npm(NPM)
    assert looked_at == 2
    assert [(one.id, one.package, one.version, one.level, one.fixed_in) for one in found] == [
        ("GHSA-jf85-cpcp-j695", "lodash", "4.17.4", Level.CRITICAL, "4.17.21")
    ]


def test_npm_without_a_vulnerability_is_none_only_with_exit_code_0() -> None:
    assert npm(npm_clean(), 0) == ((), 2)
    for code in (1, 2, 127):
        with pytest.raises(Unread, match="exit code"):
            npm(npm_clean(), code)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("", "printed nothing"),
        ("found 0 vulnerabilities", "no JSON"),
        ('{"auditReportVersion": 2, "vulnerabil', "no JSON"),
        ("[]", "no object"),
        ('{"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": ""}}', "405"),
        (
            '{"error": {"code": "ENOLOCK", "summary": "This command requires a lockfile"}}',
            "requires a lockfile",
        ),
        ('{"actions": [], "advisories": {}, "metadata": {}}', "version that is not known"),
    ],
)
def test_what_npm_says_instead_of_an_answer_is_no_answer(output: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        read_npm(output, 0, {})


def test_a_report_of_npm_that_does_not_add_up_is_no_answer() -> None:
    fewer = copy.deepcopy(NPM)
    del fewer["vulnerabilities"]["lodash"]
    nothing = npm_clean()
    nothing["metadata"]["dependencies"]["total"] = 0
    for document, code in ((fewer, 1), (nothing, 0)):
        with pytest.raises(Unread):
            npm(document, code)


def test_a_report_of_npm_that_names_less_than_it_counts_is_no_answer() -> None:
    milder, elsewhere, without = (copy.deepcopy(NPM) for _ in range(3))
    milder["vulnerabilities"]["lodash"]["via"][0]["severity"] = "low"
    elsewhere["vulnerabilities"]["uses-lodash"]["via"] = ["something-else"]
    without["vulnerabilities"]["uses-lodash"]["via"] = []
    for document, why in (
        (milder, "counts critical ones"),
        (elsewhere, "does not say what is wrong with something-else"),
        (without, "does not say what is wrong with uses-lodash"),
    ):
        with pytest.raises(Unread, match=why):
            npm(document)


def pip(document: Any, code: int = 1, wanted: tuple[str, ...] = ("jinja2",)) -> Any:
    return read_pip_audit(text(document), code, wanted, "requirements.txt")


def test_pip_audit_says_of_none_how_bad_it_is() -> None:
    found, looked_at = pip(PIP)
    assert looked_at == 2
    assert [(one.id, one.level, one.fixed_in, one.place) for one in found] == [
        ("PYSEC-2019-217", Level.UNKNOWN, "2.10.1", "requirements.txt")
    ]
    assert "CVE-2019-10906" in found[0].names


def test_a_package_that_pip_audit_passed_over_or_left_out_is_no_answer() -> None:
    skipped = {"dependencies": [{"name": "jinja2", "skip_reason": "not found and could not be audited"}]}
    with pytest.raises(Unread, match="passed over jinja2"):
        pip(skipped, 0)
    with pytest.raises(Unread, match="did not look at flask"):
        pip(PIP, 1, ("jinja2", "Flask"))
    for code in (0, 2):
        with pytest.raises(Unread, match="exit code"):
            pip(PIP, code)


def test_osv_says_how_many_packages_of_each_file_it_saw() -> None:
    found, looked_at = read_osv(text(OSV), 1)
    assert looked_at == {"/p/yarn.lock": 2}
    assert [(one.id, one.level, one.fixed_in) for one in found] == [
        ("GHSA-jf85-cpcp-j695", Level.CRITICAL, "4.17.12")
    ]
    for code in (0, 127, 128):
        with pytest.raises(Unread):
            read_osv(text(OSV), code)


def test_an_osv_report_that_groups_what_it_does_not_name_is_no_answer() -> None:
    hidden = copy.deepcopy(OSV)
    _, left_pad = hidden["results"][0]["packages"]
    left_pad["groups"] = [{"ids": ["GHSA-not-named"], "max_severity": "9.8"}]
    with pytest.raises(Unread, match="groups GHSA-not-named of left-pad and does not describe it"):
        read_osv(text(hidden), 1)


def test_a_sarif_result_has_the_level_of_its_score() -> None:
    read = read_sarif(text(SARIF))
    assert [(one.id, one.level, one.place, one.line) for one in read.found] == [
        ("sql-injection", Level.HIGH, "src/db.js", 12)
    ]
    assert (read.results, read.tools) == (1, ("Semgrep OSS 1.90.0",))


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    document = copy.deepcopy(SARIF)
    change(document["runs"][0])
    return text(document)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"version": "2.0.0", "runs": []}', "no SARIF 2.1.0"),
        ('{"version": "2.1.0", "runs": []}', "no run"),
        (changed(lambda run: run.pop("results")), "no results"),
        (changed(lambda run: run.update(results=None)), "no results"),
        (changed(lambda run: run["invocations"][0].update(executionSuccessful=False)), "did not end well"),
        (changed(lambda run: run.update(invocations=[{}])), "did not end well"),
        (changed(lambda run: run.pop("tool")), "the tool of a run"),
        (changed(lambda run: run.update(externalPropertyFileReferences={"results": []})), "other files"),
        (
            changed(
                lambda run: run["invocations"][0].update(
                    toolExecutionNotifications=[
                        {"level": "error", "message": {"text": "rules were not found"}}
                    ]
                )
            ),
            "rules were not found",
        ),
    ],
)
def test_a_sarif_file_of_a_scanner_that_did_not_look_is_no_answer(content: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        read_sarif(content)


def test_a_sarif_file_whose_results_lie_beside_its_runs_is_no_answer() -> None:
    beside = copy.deepcopy(SARIF)
    beside["inlineExternalProperties"] = [{"results": beside["runs"][0]["results"]}]
    beside["runs"][0]["results"] = []
    with pytest.raises(Unread, match="put its results beside its runs"):
        read_sarif(text(beside))


SCORED = {"id": "sql-injection", "properties": {"security-severity": "9.8"}}
MILD = {"id": "style", "defaultConfiguration": {"level": "note"}}


@pytest.mark.parametrize(
    ("driver", "extensions", "result"),
    [
        ([MILD, SCORED], [], {"ruleIndex": 1}),
        ([MILD, SCORED], [], {"rule": {"index": 1}}),
        ([MILD], [[MILD, SCORED]], {"rule": {"index": 1, "toolComponent": {"index": 0}}}),
        ([MILD], [[MILD, SCORED]], {"ruleIndex": 1, "rule": {"toolComponent": {"index": 0}}}),
        ([SCORED], [], {"ruleId": "sql-injection/raw/python"}),
        ([SCORED], [], {"ruleId": "of another name", "ruleIndex": 0}),
        ([SCORED, {**MILD, "id": "sql-injection"}], [], {"ruleId": "sql-injection"}),
        ([{**MILD, "id": "sql-injection"}], [[SCORED]], {"ruleId": "sql-injection"}),
    ],
)
def test_a_sarif_result_is_as_bad_as_its_rule_however_it_names_it(
    driver: list[object], extensions: list[list[object]], result: dict[str, object]
) -> None:
    def change(run: dict[str, Any]) -> None:
        run["tool"] = {
            "driver": {"name": "x", "rules": driver},
            "extensions": [{"name": "more", "rules": rules} for rules in extensions],
        }
        run["results"] = [{"message": {"text": "here"}, **result}]

    assert [one.level for one in read_sarif(changed(change)).found] == [Level.CRITICAL]


def test_what_is_said_twice_among_very_much_is_found_in_a_moment() -> None:
    many = ",".join(f'"{number}":0' for number in range(200_000))
    with pytest.raises(Unread, match="it says '199999' twice"):
        read_document(f'{{{many},"199999":1}}', "the scanner")


def test_an_id_of_any_length_is_read_in_a_moment() -> None:
    long = changed(lambda run: run["results"][0].update(ruleId="/" * 2_000_000))
    assert [one.level for one in read_sarif(long).found] == [Level.HIGH]  # by its own word


def test_a_rule_of_a_sarif_file_that_was_set_to_error_for_this_run_is_one() -> None:
    def change(run: dict[str, Any]) -> None:
        run["tool"]["driver"]["rules"] = [MILD]
        run["results"] = [{"ruleId": "style", "message": {"text": "here"}}]
        override = {"descriptor": {"id": "style", "index": 0}, "configuration": {"level": "error"}}
        run["invocations"][0]["ruleConfigurationOverrides"] = [override]

    assert [one.level for one in read_sarif(changed(change)).found] == [Level.HIGH]


def test_a_sarif_result_that_is_no_problem_and_an_error_is_one() -> None:
    for kind, counts in (("pass", 1), ("informational", 1)):
        both = changed(lambda run, kind=kind: run["results"][0].update(kind=kind, level="error"))
        assert len(read_sarif(both).found) == counts
    for level in ("none", None):
        fine = changed(lambda run, level=level: run["results"][0].update(kind="pass", level=level))
        assert read_sarif(fine).found == ()


def test_what_was_suppressed_in_a_sarif_file_is_found_all_the_same() -> None:
    suppressed = changed(lambda run: run["results"][0].update(suppressions=[{"kind": "inSource"}]))
    assert len(read_sarif(suppressed).found) == 1


def test_a_score_that_is_none_weighs_more_than_the_worst() -> None:
    assert [level_of_score(each) for each in ("9.8", 7, 4.0, "0.1")] == [
        Level.CRITICAL, Level.HIGH, Level.MODERATE, Level.LOW,
    ]  # fmt: skip
    for each in (None, "", "high", True, -1, 11, "nan", [], "inf", 10**400, 0, "0.0"):
        assert level_of_score(each) is Level.UNKNOWN
        assert Level.UNKNOWN > Level.CRITICAL


READERS: dict[str, tuple[dict[str, Any], Callable[[str], Any]]] = {
    "npm": (NPM, lambda content: read_npm(content, 1, VERSIONS)),
    "pip": (PIP, lambda content: read_pip_audit(content, 1, ("jinja2",), "r.txt")),
    "osv": (OSV, lambda content: read_osv(content, 1)),
    "sarif": (SARIF, read_sarif),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_the_place_of_a_part_is_read_or_refused_and_never_breaks(
    name: str, data: st.DataObject
) -> None:
    document, read = copy.deepcopy(READERS[name][0]), READERS[name][1]
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(JSON)
        break
    try:
        read(text(document))
    except Unread:
        return


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None)
@given(content=st.text(max_size=40) | JSON.map(json.dumps))
def test_no_foreign_text_is_ever_an_answer(name: str, content: str) -> None:
    with pytest.raises(Unread):
        READERS[name][1](content)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_a_report_that_is_cut_anywhere_is_no_answer(name: str, cut: int) -> None:
    content = text(READERS[name][0])
    with pytest.raises(Unread):
        READERS[name][1](content[: cut % len(content)])


def test_what_says_something_twice_says_nothing_but_where_people_write_it() -> None:
    twice = '{"results": [{"level": "error"}], "results": []}'
    with pytest.raises(Unread, match="it says 'results' twice"):
        read_document(twice, "the scanner")
    assert read_document(twice, "package.json", by_hand=True) == {"results": []}
