"""The reference model of the contract, without events, databases and commits.

It decides a transaction by a replay of everything that is accepted (replay_oracle.py).
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from tests.support.replay_oracle import Replay, Sent

MOST: Final[Mapping[int, int]] = {0: 2**53 - 1, 1: 10**15 - 1}
"""Most steps on hand, by scale."""

NOW: Final = 1_000.0
"""The moment of what has no time of its own: behind all hours of the day, in order of arrival."""

Element = dict[str, Any]
Content = tuple[Any, ...]


@dataclass
class ModelItem:
    scale: int = 0
    floor: Decimal | None = Decimal(0)
    version: int = 1
    discontinued_at: float | None = None
    accepted: list[Sent] = field(default_factory=list)

    @property
    def on_hand(self) -> Decimal:
        return Replay(self.accepted).on_hand()

    def copy(self) -> "ModelItem":
        twin = copy(self)
        twin.accepted = [*self.accepted]
        return twin


@dataclass(frozen=True)
class Recorded:
    """A recorded transaction, and its answer."""

    content: Content
    element: Element
    on_hand: Decimal
    version: int


@dataclass(eq=False)
class Refused:
    """A refused transaction that is judged again by itself."""

    sent: Sent
    code: str
    place: int | None = None
    """Its place in the batch that is decided now."""

    @property
    def waits_for(self) -> str:
        element = self.sent.element
        if self.code == "UNKNOWN_TRANSACTION":
            return str(element.get("voids") or element["corrects"])
        return str(element["itemId"])


class Model:
    def __init__(self) -> None:
        self.items: dict[str, ModelItem] = {}
        self.recorded: dict[str, Recorded] = {}
        self.open: dict[Content, str] = {}
        """Codes of the open rejections that can be read."""
        self._waiting: dict[Content, Refused] = {}
        self._closed: set[Content] = set()
        self._first: dict[Content, Sent] = {}
        self._admitted: set[str] = set()

    def decide(self, batch: Sequence[Element], *, is_answered: bool = False) -> list[str]:
        """The expected status or code of each element. Records the accepted ones."""
        told: dict[int, str] = {}
        own: list[Refused] = []
        for place, element in enumerate(batch):
            if place in told:
                continue
            group = element.get("group")
            if group is not None:
                members = {n: one for n, one in enumerate(batch) if one.get("group") == group}
                told |= self._decide_group(members)
                continue
            told[place] = self._decide(element)
            refused = Refused(self._sent(element), told[place], place)
            if not is_answered and told[place] in WAITING and is_valid(element):
                own.append(refused)
        self._judge_again(own)
        told |= {one.place: one.code for one in own if one.place is not None}
        self._keep(batch, told, own)
        self._close_voided({one.sent.id for one in own})
        return [told[place] for place in range(len(batch))]

    def retry(self, element: Element, *, override: bool = False) -> str:
        """A person retries an open rejection."""
        told = self._decide(element, override=override)
        self._judge_again([])
        self._keep([element], {0: told}, [])
        self._close_voided({self._sent(element).id})
        return told

    def dismiss(self, element: Element) -> None:
        """A person dismisses an open rejection."""
        self._close(content_of(element))

    def changed(self, item: str) -> None:
        """The item was registered, reactivated, or got a wider floor."""
        self._admitted.add(item)
        self._judge_again([])
        self._close_voided()

    def discontinue(self, item: str) -> None:
        self.items[item].discontinued_at = NOW + len(self._first)

    def _decide(self, element: Element, *, override: bool = False) -> str:
        if not is_valid(element):
            return "INVALID"
        return self._judge(self._sent(element), override=override)

    def _decide_group(self, members: Mapping[int, Element]) -> dict[int, str]:
        before = {name: item.copy() for name, item in self.items.items()}
        recorded, admitted = dict(self.recorded), set(self._admitted)
        told: dict[int, str] = {}
        if not all(is_valid(one) for one in members.values()):
            told = {place: "INVALID" for place, one in members.items() if not is_valid(one)}
        else:
            told, breaker = self._judge_members(members)
            if breaker is None:
                return told
            told = {breaker: told[breaker]}
        self.items, self.recorded, self._admitted = before, recorded, admitted
        for place, one in members.items():
            if is_valid(one):
                self._sent(one)
                told[place] = self._duplicate(one) or told.get(place, "GROUP_FAILED")
        return told

    def _judge_members(self, members: Mapping[int, Element]) -> tuple[dict[int, str], int | None]:
        """Decides all in order, and what lacks stock or its original again after the others. Also
        returns the place of the one that breaks the group."""
        told: dict[int, str] = {}
        left = list(members)
        while left:
            codes = {place: self._decide(members[place]) for place in left}
            told |= codes
            refused = [place for place in left if codes[place] not in {"recorded", "duplicate"}]
            may_follow = {"INSUFFICIENT_STOCK", "UNKNOWN_TRANSACTION"}
            final = [place for place in refused if codes[place] not in may_follow]
            if final or (refused and len(refused) == len(left)):
                return told, (final or refused)[0]
            left = refused
        return told, None

    def _sent(self, element: Element) -> Sent:
        """The transaction at its first arrival."""
        hour = element.get("occurredAt")
        arrival = len(self._first)
        moment = NOW + arrival if hour is None else float(hour[11:13])
        return self._first.setdefault(content_of(element), Sent(element, arrival, moment))

    def _duplicate(self, element: Element) -> str | None:
        known = self.recorded.get(element["localId"])
        if known is None:
            return None
        return "duplicate" if known.content == content_of(element) else "LOCAL_ID_REUSED"

    def _judge(self, sent: Sent, *, override: bool = False) -> str:
        element = dict(sent.element)
        code = self._duplicate(element) or self._problem(sent)
        if code is not None:
            return code
        item = self.items[element["itemId"]]
        replay = Replay([*item.accepted, sent])
        code = problem_of_quantity(item, sent, replay, may_cross=override or sent.may_cross_floor)
        if code is not None:
            return code
        if not only_lowers(sent):
            self._admitted.add(element["itemId"])
        self._admitted.add(sent.id)
        item.accepted.append(sent)
        item.version += 1
        self.recorded[sent.id] = Recorded(
            content_of(element), element, replay.on_hand(), item.version
        )
        return "recorded"

    def _problem(self, sent: Sent) -> str | None:
        element = sent.element
        item = self.items.get(element["itemId"])
        if item is None:
            return "UNKNOWN_ITEM"
        original = element.get("voids") or element.get("corrects")
        if original is not None:
            known = self.recorded.get(original)
            if known is None:
                return "UNKNOWN_TRANSACTION"
            kinds = {"INBOUND", "OUTBOUND", "ADJUST"} if "voids" in element else {"COUNT"}
            is_fit = known.element["type"] in kinds
            if not is_fit or known.element["itemId"] != element["itemId"]:
                return "INVALID"
        is_over = item.discontinued_at is not None and sent.moment >= item.discontinued_at
        return "ITEM_DISCONTINUED" if is_over and sent.type in {"INBOUND", "OUTBOUND"} else None

    def _judge_again(self, own: Sequence[Refused]) -> None:
        """Judges what waits for something that has changed, until nothing more is accepted."""
        while self._admitted:
            admitted, self._admitted = self._admitted, set()
            waiting = [*own, *self._waiting.values()]
            due = [one for one in waiting if one.code in WAITING and one.waits_for in admitted]
            moments = {one.sent.id: one.sent.moment for one in due}
            for one in sorted(due, key=lambda one: self._order(one, moments)):
                one.code = self._judge(one.sent)
                if one.place is None:
                    self._update(one)

    def _order(self, refused: Refused, moments: Mapping[str, float]) -> tuple[float, int]:
        sent = refused.sent
        original = str(sent.element.get("voids") or sent.element.get("corrects"))
        if original in self.recorded:
            return self._first[self.recorded[original].content].moment, sent.arrival
        return moments.get(original, sent.moment), sent.arrival

    def _update(self, refused: Refused) -> None:
        content = content_of(dict(refused.sent.element))
        if refused.code not in WAITING:
            del self._waiting[content]
        if refused.code in {"recorded", "duplicate"}:
            self.open.pop(content, None)
        elif content not in self._closed:
            self.open[content] = refused.code

    def _keep(
        self, batch: Sequence[Element], told: Mapping[int, str], own: Iterable[Refused]
    ) -> None:
        """Keeps what is refused, as an open rejection."""
        for place, element in enumerate(batch):
            content = content_of(element)
            if told[place] in {"recorded", "duplicate"}:
                self.open.pop(content, None)
                self._waiting.pop(content, None)
                self._closed.discard(content)
            elif is_valid(element) and content not in self._closed:
                if content in self.open and element["itemId"] not in self.items:
                    continue  # Nobody can know its location, so its row is not changed.
                self.open[content] = told[place]
                if content in self._waiting:
                    self._waiting[content].code = told[place]
        for one in own:
            content = content_of(dict(one.sent.element))
            if one.code in WAITING and content not in self._closed:
                self._waiting[content] = Refused(one.sent, one.code)

    def _close_voided(self, sent_now: Container[str] = ()) -> None:
        """A void of an open rejection closes both, but goes on waiting. So does that of a
        transaction of an unknown item, when it is sent."""
        for content, one in list(self._waiting.items()):
            voided = one.sent.element.get("voids")
            is_early = one.code == "UNKNOWN_TRANSACTION" or (
                one.code == "UNKNOWN_ITEM" and one.sent.id in sent_now
            )
            if not is_early or voided is None:
                continue
            found = [
                other
                for other in self.open
                if other[0] == voided and other[2] == one.sent.element["itemId"]
            ]
            for other in found:
                self._close(other)
            if found:
                self.open.pop(content, None)
                self._closed.add(content)

    def _close(self, content: Content) -> None:
        self.open.pop(content, None)
        self._waiting.pop(content, None)
        self._closed.add(content)


WAITING: Final = frozenset(
    {"INSUFFICIENT_STOCK", "UNKNOWN_ITEM", "ITEM_DISCONTINUED", "UNKNOWN_TRANSACTION"}
)


def content_of(element: Element) -> Content:
    if element["type"] == "VOID":
        return element["localId"], "VOID", ""
    return (
        element["localId"],
        element["type"],
        element["itemId"],
        Decimal(str(element["quantity"])),
        element.get("occurredAt"),
        element.get("corrects"),
        element.get("group"),
    )


def is_valid(element: Element) -> bool:
    """Whether the element can be read."""
    if element["type"] == "VOID":
        return True
    quantity = Decimal(str(element["quantity"]))
    least = 0 if element["type"] in {"COUNT", "ADJUST"} else 1
    if element["type"] == "ADJUST":
        return 0 < abs(quantity) <= MOST[0]
    return (quantity > 0 or quantity == least) and quantity <= MOST[0]


def only_lowers(sent: Sent) -> bool:
    return sent.type == "OUTBOUND" or (sent.type == "ADJUST" and sent.change < 0)


def problem_of_quantity(
    item: ModelItem, sent: Sent, replay: Replay, *, may_cross: bool
) -> str | None:
    """The code of a quantity that does not fit; None if it fits."""
    step = Decimal(1).scaleb(-item.scale)
    most = MOST[item.scale] * step
    if sent.type != "VOID" and sent.quantity % step:
        return "INVALID"
    if sent.type == "COUNT":
        expected = replay.on_hand(before=sent)
        if max(abs(expected), abs(sent.quantity - expected)) > most:
            return "STOCK_LIMIT_EXCEEDED"
    before, after = item.on_hand, replay.on_hand()
    if abs(after) > most:
        return "STOCK_LIMIT_EXCEEDED"
    is_too_low = item.floor is not None and after < min(item.floor, before)
    return "INSUFFICIENT_STOCK" if is_too_low and not may_cross else None
