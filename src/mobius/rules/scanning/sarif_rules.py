"""How bad a result of SARIF is: by its own score or word, else by those of the rule that it names, in whatever way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mobius.model.scan import Level
from mobius.rules.scanning.shapes import level_of_score

WORDS = {"error": Level.HIGH, "warning": Level.MODERATE, "note": Level.LOW}
DEEPEST = 8  # parts of an id that may be of a rule within a rule
USUAL = "warning"  # of a result, and of a rule, that does not say

Rule = Mapping[str, Any]


class Rules:
    """The rules of one run. Where a result may mean several, the worst of them counts."""

    def __init__(self, run: Mapping[str, Any]) -> None:
        tool = _table(run.get("tool"))
        self._driver = _listed(tool.get("driver"))
        self._extensions = [_listed(each) for each in _list(tool.get("extensions"))]
        self._by_id: dict[str, list[Rule]] = {}
        for rule in (rule for rules in (self._driver, *self._extensions) for rule in rules):
            if isinstance(known := rule.get("id"), str):
                self._by_id.setdefault(known, []).append(rule)
        self._words: dict[int, list[object]] = {}  # by the identity of a rule, as overrides set it
        for invocation in _list(run.get("invocations")):
            for each in map(_table, _list(_table(invocation).get("ruleConfigurationOverrides"))):
                configured = _table(each.get("configuration"))
                for rule in self._named(_table(each.get("descriptor"))) if "level" in configured else ():
                    self._words.setdefault(id(rule), []).append(configured["level"])

    def named_by(self, result: Mapping[str, Any]) -> tuple[Rule, ...]:
        """The rules that it may mean."""
        reference = _table(result.get("rule"))
        return tuple(
            self._named(
                {
                    "id": result.get("ruleId") or reference.get("id"),
                    "index": reference.get("index", result.get("ruleIndex")),
                    "toolComponent": reference.get("toolComponent"),
                }
            )
        )

    def level(self, result: Mapping[str, Any]) -> Level:
        """By the score where there is one, then by the word; SARIF's own default is a warning."""
        rules = self.named_by(result)
        if (own := _score(result)) is not None:
            return own
        if scores := [score for rule in rules if (score := _score(rule)) is not None]:
            return max(scores)
        if "level" in result:
            return _level(result["level"])
        words = [_table(rule.get("defaultConfiguration")).get("level", USUAL) for rule in rules]
        words += [word for rule in rules for word in self._words.get(id(rule), ())]
        return max(map(_level, words or [USUAL]))

    def _named(self, reference: Mapping[str, Any]) -> Iterator[Rule]:
        """Of a reference by id, by place, or by both; a/b is rule a where there is no a/b."""
        said, index = reference.get("id"), reference.get("index")
        known = said if isinstance(said, str) else ""
        component = _table(reference.get("toolComponent"))
        if isinstance(index, int) and index >= 0:
            for rules in self._of(component):
                yield from rules[index : index + 1]
        for _ in range(DEEPEST):
            if found := self._by_id.get(known):
                yield from found
                return
            known = known.rpartition("/")[0]

    def _of(self, component: Mapping[str, Any]) -> list[Sequence[Rule]]:
        """The lists that a place may be counted in: that of the driver where no other part of the tool is named."""
        if not component:
            return [self._driver]
        number = component.get("index")
        if isinstance(number, int) and 0 <= number < len(self._extensions):
            return [self._extensions[number]]
        return [self._driver, *self._extensions]


def _score(holder: Mapping[str, Any]) -> Level | None:
    properties = _table(holder.get("properties"))
    return level_of_score(properties["security-severity"]) if "security-severity" in properties else None


def _level(word: object) -> Level:
    return WORDS.get(word, Level.UNKNOWN) if isinstance(word, str) else Level.UNKNOWN


def _listed(component: object) -> Sequence[Rule]:
    """Its rules, each in its place."""
    return [_table(rule) for rule in _list(_table(component).get("rules"))]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
