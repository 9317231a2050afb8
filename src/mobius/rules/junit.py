"""What a project's own tests wrote as JUnit XML: read with distrust, and judged. Zero tests are no pass, and neither is
a report that contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from mobius.errors import GateUnknown
from mobius.model.verdict import CheckResult, Outcome

DEEPEST = 100
LONGEST = 200  # characters of a name, and of a message
FAILED, ERROR, SKIPPED = "failure", "error", "skipped"
NOT_RUN = ("notrun", "suppressed", "disabled", "skipped")  # as some write it in an attribute
WRITE_ANEW = "let the tests write it anew, whole"


@dataclass(slots=True)
class Counts:
    """Of one suite: those of its own, and those of the suites in it."""

    own: int = 0
    below: int = 0
    bad: int = 0
    said: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class ReadJunit:
    """`bad`: what failed or could not be run, as `name: message`; `doubts`: where the report contradicts itself."""

    tests: int = 0
    skipped: int = 0
    bad: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def judge_junit(name: str, read: ReadJunit) -> CheckResult:
    """A test that failed is a no; what contradicts itself is not known, and neither is what ran nothing."""
    ran = read.tests - read.skipped
    if read.bad:
        more = f" and {len(read.bad) - 1} more" if len(read.bad) > 1 else ""
        told = f"{len(read.bad)} of {read.tests} failed: {read.bad[0]}{more}"
        return CheckResult(name, Outcome.FAIL, told, 0.0, "mend them", "\n".join(read.bad[:20]))
    if read.doubts:
        return CheckResult(name, Outcome.ERROR, read.doubts[0], 0.0, WRITE_ANEW)
    if not ran:
        told = f"all {read.skipped} tests were skipped" if read.tests else "it holds no test: nothing ran"
        return CheckResult(name, Outcome.INCONCLUSIVE, told, 0.0, "see which tests the command finds")
    told = f"{ran} passed" + (f", {read.skipped} skipped" if read.skipped else "")
    return CheckResult(name, Outcome.PASS, told, 0.0)


def read_junit(content: bytes) -> ReadJunit:
    """Raises `GateUnknown` for what is no JUnit XML, was cut, or declares anything of its own (a document type, an
    entity): no report of tests needs that, and a few lines of it fill all memory."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as problem:
        raise GateUnknown(f"it is no XML: {problem}", WRITE_ANEW) from problem
    return reader.read


def _refuse(*_: object) -> None:
    raise GateUnknown("it declares a document type: no report of tests needs one", WRITE_ANEW)


class _Reader:
    """Follows the elements; keeps counts and what failed, and no tree."""

    def __init__(self) -> None:
        self.read = ReadJunit()
        self._path: list[str] = []
        self._suites: list[Counts] = []
        self._case, self._found, self._told = "", "", ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        above = self._path[-1] if self._path else ""
        if not above and tag not in ("testsuites", "testsuite"):
            raise GateUnknown(f"it is no JUnit: it begins with <{tag[:40]}>", WRITE_ANEW)
        if len(self._path) >= DEEPEST:
            raise GateUnknown(f"it is nested more than {DEEPEST} deep", WRITE_ANEW)
        self._path.append(tag)
        if tag in ("testsuites", "testsuite"):
            self._suites.append(Counts(said=_said(attributes)))
        elif tag == "testcase":
            self._begin_case(above, attributes)
        elif tag in (FAILED, ERROR, SKIPPED) and above in ("testcase", "testsuite", "testsuites"):
            self._found = ERROR if above != "testcase" else max(self._found, tag, key=_weight)
            self._told = self._told or attributes.get("message", "")

    def text(self, text: str) -> None:
        if self._path[-1] in (FAILED, ERROR) and len(self._told) < LONGEST:
            self._told += text

    def end(self, tag: str) -> None:
        tag = self._path.pop()
        above = self._path[-1] if self._path else ""
        if tag == "testcase":
            self._end_case()
        elif tag in (FAILED, ERROR, SKIPPED) and above in ("testsuite", "testsuites"):
            self._bad(above)
        elif tag in ("testsuites", "testsuite"):
            counts = self._suites.pop()
            self._compare(counts)
            if self._suites:
                self._suites[-1].below += counts.own + counts.below
                self._suites[-1].bad += counts.bad

    def _begin_case(self, above: str, attributes: Mapping[str, str]) -> None:
        if above not in ("testsuite", "testsuites"):
            raise GateUnknown(f"it is no JUnit: a test stands in <{above[:40]}>", WRITE_ANEW)
        words = {attributes.get(name, "").lower() for name in ("status", "result")}
        self._found = SKIPPED if words & set(NOT_RUN) else FAILED if words & {"failed", "error"} else ""
        self._case, self._told = attributes.get("name") or "a test without a name", ""

    def _end_case(self) -> None:
        self._suites[-1].own += 1
        self.read.tests += 1
        self.read.skipped += self._found == SKIPPED
        if self._found in (FAILED, ERROR):
            self._bad(self._case)
        self._found = self._told = ""

    def _bad(self, name: str) -> None:
        told = " ".join(self._told.split())[:LONGEST]
        self.read.bad.append(f"{' '.join(name.split())[:LONGEST]}: {told}" if told else name[:LONGEST])
        self._suites[-1].bad += 1
        self._found = self._told = ""

    def _compare(self, counts: Counts) -> None:
        """What the suite says of itself with what is in it; some count the suites in it, too, and some do not."""
        said = counts.said
        if "tests" in said and said["tests"] not in (counts.own, counts.own + counts.below):
            there = counts.own + counts.below
            self.read.doubts.append(f"a suite announces {said['tests']} tests, and {there} are there")
        announced = max(said.get("failures", 0), said.get("errors", 0))
        if announced > counts.bad:
            self.read.bad.append(f"a suite counts {announced} that failed, and names {counts.bad}")
            counts.bad = announced


def _weight(kind: str) -> int:
    return ("", SKIPPED, FAILED, ERROR).index(kind)


def _said(attributes: Mapping[str, str]) -> dict[str, int]:
    """The counts of a suite. Raises `GateUnknown` for one that is none."""
    made = {}
    for name in ("tests", "failures", "errors"):
        if name in attributes:
            word = attributes[name].strip()
            if not word.isascii() or not word.isdecimal() or len(word) > 12:
                raise GateUnknown(f"{name}={word[:40]!r} is no count", WRITE_ANEW)
            made[name] = int(word)
    return made
