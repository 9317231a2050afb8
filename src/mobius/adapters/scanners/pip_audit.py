"""`pip-audit --strict` of one requirements file; first of a package that everybody knows to be vulnerable."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from mobius.adapters.scanners.calling import Calling, content_of
from mobius.model.scan import Known, Vulnerability
from mobius.rules.scanning.pip_audit import normal, read_pip_audit
from mobius.rules.scanning.requirements import includes_others, requirements, says_nothing
from mobius.rules.scanning.shapes import Unread

CANARY = ("jinja2", "2.10")  # its sandbox can be left: known since 2019
MISSING = "install it: pip install pip-audit; or name the program: [scan] pip"
WORDS = ("--strict", "--format", "json", "--progress-spinner", "off")
AS_WRITTEN = ("--no-deps", "--disable-pip")  # nothing is installed to find out what else there is


class PipAudit:
    """Asks pip-audit. `words`: how it is called."""

    def __init__(self, calling: Calling, words: Sequence[str], project: Path) -> None:
        self._calling = calling
        self._words = tuple(words)
        self._project = project

    def ask(self, path: str) -> Known:
        """Of the requirements file at this path in the project. Raises `Unread`."""
        file = self._project / path
        content = content_of(file)
        if says_nothing(content):
            return Known((), 0.0, 0)
        named = requirements(content)
        self._prove_it_knows()
        whole = all(one.hashed and one.version for one in named) and not includes_others(content)
        more = ("--require-hashes", "--disable-pip") if whole else ()
        found, looked_at = self._audit(file, more, {one.name for one in named if one.is_sure}, path)
        if not looked_at and not named:  # with lines that hold on other systems only, there may be none here
            raise Unread(f"pip-audit looked at no package of {path}, which is not empty")
        return Known(found, 0.0, looked_at, self._calling.version(self._words, cwd=self._project))

    def _prove_it_knows(self) -> None:
        name, version = CANARY
        with tempfile.TemporaryDirectory(prefix="mobius-scan-") as folder:
            file = Path(folder) / "requirements.txt"
            file.write_text(f"{name}=={version}\n", encoding="utf-8")
            found, _ = self._audit(file, AS_WRITTEN, {name}, "")
        if not any(normal(each.package) == name for each in found):
            raise Unread(
                f"pip-audit knows of no vulnerability in {name} {version}, which has several: it has no data",
                "look at what it asks: pip-audit --vulnerability-service",
            )

    def _audit(
        self, file: Path, more: Sequence[str], wanted: Collection[str], of: str
    ) -> tuple[tuple[Vulnerability, ...], int]:
        words = [*self._words, *WORDS, *more, "--requirement", str(file)]
        output, code = self._calling.tool(words, cwd=file.parent, missing=MISSING)
        return read_pip_audit(output, code, wanted, of)
