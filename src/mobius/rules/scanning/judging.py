"""From what each source answered to whether a release may go: a finding refuses, and so does not knowing, until a
person answers for it by name, with a reason, and for a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from mobius.model.scan import (
    DEPENDENCIES,
    Asked,
    Judged,
    Known,
    Level,
    NotKnown,
    Scan,
    ScanSettings,
    Vulnerability,
    Waiver,
)
from mobius.model.verdict import Outcome
from mobius.rules.ready.people import is_placeholder
from mobius.rules.scanning.shapes import level_of

A_YEAR = timedelta(days=366)
AHEAD_S = 300.0  # clocks of two machines may differ by so much
NOTHING = "nothing in the project says what it depends on: there is nothing to ask about"
NOTHING_ADVICE = (
    'commit the lock file; or, where it needs nothing, say so: a [[scan.waiver]] of "dependencies"'
)


def judge(
    asked: Sequence[Asked], settings: ScanSettings, now: float
) -> tuple[tuple[Judged, ...], tuple[str, ...]]:
    """Each answer judged, and what must be said of waivers that count for nothing. No source at all is unknown."""
    today = datetime.fromtimestamp(now, UTC).date()
    counting = [waiver for waiver in settings.waivers if not why_not(waiver, today)]
    if not asked:
        asked = [Asked(DEPENDENCIES, "", NotKnown(NOTHING, NOTHING_ADVICE))]
    judged = tuple(_judged(each, settings, counting) for each in asked)
    return judged, (
        *_worthless(settings.waivers, today),
        *_needless(counting, judged),
        *_endless(counting, today),
    )


def why_not(waiver: Waiver, today: date) -> str:
    """Why the waiver counts for nothing; "" for one that counts."""
    if not waiver.name.strip():
        return "nobody's name is on it"
    if is_placeholder(waiver.name):
        return f"{waiver.name} is a placeholder, and nobody's name"
    if not waiver.reason.strip():
        return "it gives no reason"
    if waiver.until is None:
        return "it has no end: until is missing"
    return f"it expired on {waiver.until}" if waiver.until < today else ""


def _judged(asked: Asked, settings: ScanSettings, waivers: Sequence[Waiver]) -> Judged:
    answer = asked.answer
    refused, accepted, below = _sorted(answer.found, settings, waivers)
    why, advice = _doubt(answer, settings)
    judged = Judged(
        source=asked.source,
        of=asked.of,
        outcome=Outcome.ERROR,
        message=f"not known: {why}",
        advice=advice,
        data_age_s=answer.data_age_s if isinstance(answer, Known) else None,
        looked_at=answer.looked_at if isinstance(answer, Known) else 0,
        tool=answer.tool,
        seconds=asked.seconds,
        refused=refused,
        accepted=accepted,
        below=below,
    )
    if refused:
        told = f"{_counted(refused)}, the worst {_worst(refused)}: {_named(refused)}"
        told += f"; and not all is known: {why}" if why else ""
        return replace(judged, outcome=Outcome.FAIL, message=told, advice=_cure(refused))
    if isinstance(answer, Known) and not why:
        return replace(judged, outcome=Outcome.PASS, message=_good(answer, accepted, below), advice="")
    waiver = next((each for each in waivers if each.of == asked.source), None)
    if waiver is None:
        return judged
    told = f"not known: {why}; {waiver.name} answers for it until {waiver.until}: {waiver.reason}"
    return replace(judged, outcome=Outcome.PASS, message=told, waived=waiver)


def _sorted(
    found: Sequence[Vulnerability], settings: ScanSettings, waivers: Sequence[Waiver]
) -> tuple[tuple[Vulnerability, ...], tuple[tuple[Vulnerability, Waiver], ...], tuple[Vulnerability, ...]]:
    """(those that refuse, worst first; those that a person took on; those that are too light)."""
    limit = level_of(settings.severity)
    by_id = {waiver.of.casefold(): waiver for waiver in waivers}
    refused, accepted, below = [], [], []
    for each in found:
        waiver = next((by_id[name.casefold()] for name in each.names if name.casefold() in by_id), None)
        if waiver is not None:
            accepted.append((each, waiver))
        elif each.level < limit:
            below.append(each)
        else:
            refused.append(each)
    return tuple(sorted(refused, key=lambda one: -one.level)), tuple(accepted), tuple(below)


def _doubt(answer: Known | NotKnown, settings: ScanSettings) -> tuple[str, str]:
    """(why the answer is none, what to do); ("", "") for one that counts."""
    if isinstance(answer, NotKnown):
        return answer.why, answer.advice
    if answer.data_age_s < -AHEAD_S:
        return "its data is of the future", "set the clock: timedatectl set-ntp true"
    if answer.data_age_s > settings.max_age_s:
        old, most = _days(answer.data_age_s), _days(settings.max_age_s)
        return f"its data is {old} old, more than {most}", "fetch it anew, then: mobius scan"
    return "", ""


def _good(
    answer: Known, accepted: Sequence[tuple[Vulnerability, Waiver]], below: Sequence[Vulnerability]
) -> str:
    told = f"nothing that refuses, of {answer.looked_at} looked at"
    for one, waiver in accepted:
        told += f"; {one.id} is accepted by {waiver.name} until {waiver.until}: {waiver.reason}"
    return told + (f"; {len(below)} below the limit: {_named(below)}" if below else "")


def _worthless(waivers: Sequence[Waiver], today: date) -> Iterator[str]:
    for waiver in waivers:
        if why := why_not(waiver, today):
            yield f'the waiver of "{waiver.of}" counts for nothing: {why}'


def _needless(counting: Sequence[Waiver], judged: Sequence[Judged]) -> Iterator[str]:
    used = {each.waived for each in judged} | {waiver for each in judged for _, waiver in each.accepted}
    for waiver in counting:
        if waiver not in used:
            yield f'the waiver of "{waiver.of}" is not needed: nothing of this name is open'


def _endless(counting: Sequence[Waiver], today: date) -> Iterator[str]:
    for waiver in counting:
        if waiver.until is not None and waiver.until - today > A_YEAR:
            yield f'the waiver of "{waiver.of}" ends on {waiver.until}, in more than a year: that is hardly an end'


def _counted(found: Sequence[Vulnerability]) -> str:
    return "1 known vulnerability" if len(found) == 1 else f"{len(found)} known vulnerabilities"


def _worst(found: Sequence[Vulnerability]) -> str:
    """UNKNOWN is not worse than CRITICAL in words: it is said where all of them are."""
    rated = [each.level for each in found if each.level is not Level.UNKNOWN]
    return max(rated).name.lower() if rated else "not rated"


def _named(found: Sequence[Vulnerability]) -> str:
    names = [f"{each.id} in {each.package} {each.version}".rstrip() for each in found[:3]]
    return ", ".join(names) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _cure(refused: Sequence[Vulnerability]) -> str:
    fixed = next((each for each in refused if each.fixed_in), None)
    if fixed is None:
        return f'take it out; or a person answers for it: a [[scan.waiver]] of "{refused[0].id}"'
    return f"take {fixed.package} {fixed.fixed_in}"


def _days(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days" if seconds >= 86_400 else f"{seconds / 3600:.1f} hours"


def of_one_checkout(scan: Scan, moved: str, *, dirty: bool) -> Scan:
    """The same; where the checkout `moved` while it was scanned, no source says anything of this commit; a file that
    was changed meanwhile (`dirty`) is told."""
    if not moved:
        return replace(scan, dirty=scan.dirty or dirty)
    advice = "leave it as it is until mobius scan has ended"
    sources = (
        replace(each, outcome=Outcome.ERROR, message=moved, advice=advice, waived=None)
        if each.outcome is Outcome.PASS
        else each
        for each in scan.sources
    )
    return replace(scan, dirty=scan.dirty or dirty, sources=tuple(sources))
