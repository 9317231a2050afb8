"""What only a person can know of a deployment: said once, with a name, kept as events that nobody can change."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.errors import UsageError
from mobius.model.ready import BY_PEOPLE, Confirmation, Point
from mobius.model.run import Event
from mobius.ports import Note, Ports
from mobius.rules.ready.people import is_placeholder

CONFIRMED, WITHDRAWN = "ready confirmed", "ready withdrawn"
LONGEST_NAME, LONGEST_NOTE = 100, 1000


def confirm(
    point: Point,
    tag: str,
    ports: Ports,
    *,
    by: str,
    note: str = "",
    who: str = "",
    withdrawn: bool = False,
) -> Confirmation:
    """Writes down what `by` says of the point, for this release and this environment; with `withdrawn` that it holds no
    more. Raises `UsageError` without a name, for a point that is measured, or for an unknown tag."""
    if point not in BY_PEOPLE:
        raise UsageError(
            f"{point} is measured, and nobody can confirm it by word",
            f"mobius ready -e {ports.settings.name} --tag {tag} says what it lacks",
        )
    name, words = _line(by, "a name", LONGEST_NAME), _line(note, "a note", LONGEST_NOTE)
    if not name:
        raise UsageError("who confirms it?", "add --by NAME: it is recorded")
    if is_placeholder(name):
        raise UsageError(f"{name} is a placeholder, and nobody's name", "add --by and who says so")
    source = ports.releases.find(tag)
    said = Confirmation(
        point, name, ports.clock.now(), tag, source.commit or source.digest, words, who, withdrawn
    )
    verb = "took back" if withdrawn else "confirmed"
    told = f"{name} {verb} {point} of {tag}" + (f": {words}" if words else "")
    data = {"point": str(point), "by": name, "note": words, "tag": tag, "content": said.content}
    note_of_it = Note("ready withdrawn", told, data) if withdrawn else Note("ready confirmed", told, data)
    ports.journal.say(None, ports.settings.name, note_of_it, now=said.at, who=who)
    return said


def confirmations(ports: Ports) -> tuple[Confirmation, ...]:
    """Everything that was said in this environment, oldest first. Raises `MobiusError` where the journal cannot be
    read."""
    return tuple(_read(ports))


def _read(ports: Ports) -> Iterator[Confirmation]:
    after = 0
    while True:
        events = ports.journal.events(
            environment=ports.settings.name, after=after, kinds=(CONFIRMED, WITHDRAWN)
        )
        for event in events:
            if (said := _of(event)) is not None:
                yield said
        if not events:
            return
        after = events[-1].seq


def _of(event: Event) -> Confirmation | None:
    """None for an event of another version, which confirms nothing."""
    data = {key: str(event.data.get(key) or "") for key in ("point", "by", "tag", "content", "note")}
    if data["point"] not in set(Point) or not data["by"] or not data["content"]:
        return None
    return Confirmation(
        Point(data["point"]),
        data["by"],
        event.at,
        data["tag"],
        data["content"],
        data["note"],
        event.who,
        event.kind == WITHDRAWN,
    )


def _line(text: str, called: str, longest: int) -> str:
    """One line of it, without what would draw on a reader's terminal."""
    line = " ".join(text.split())
    if len(line) > longest:
        raise UsageError(f"{called} is too long: {len(line)} characters", f"write {longest} at most")
    if not line.isprintable():
        raise UsageError(f"{called} has characters that cannot be printed", "write plain text")
    return line
