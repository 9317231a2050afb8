"""A channel in memory: a receiver that answers as it is told, and remembers what it got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mobius.model.notices import Message, NotSent, Sent

Answer = Callable[[Message], Sent | NotSent]


@dataclass(slots=True)
class MemoryNotifier:
    """`answer` says what becomes of each message; `got` has those it confirmed, `asked` all."""

    answer: Answer = lambda _: Sent("ok")
    lacks: str = ""
    got: list[Message] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)

    def missing(self) -> str:
        return self.lacks

    def deliver(self, message: Message) -> Sent | NotSent:
        self.asked.append(message)
        result = self.answer(message)
        if isinstance(result, Sent):
            self.got.append(message)
        return result
