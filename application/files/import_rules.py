"""Rules between the rows of an item file."""

from collections.abc import Iterable, Iterator

from application.files.item_rows import DETAILS, ItemRow, ReadRow, RowProblem, details_given
from domain.errors import Invalid


class FileRules:
    """Rules between the rows of one item, whichever commits they are in. They know the file alone.

    A commit decides its items before its stock. So what stock fixes, such as the scale, must not
    come after it: it would count if both rows are in one commit, and not if they are in two.
    """

    def __init__(self, *, replace: bool) -> None:
        """`replace`: whether details of a row replace those that stand."""
        self._replace = replace
        self._stock: dict[int, int] = {}
        """The line with the stock of each item, by its id as a whole number."""
        self._final: dict[int, int] = {}
        """The line after which the details of each item can't change."""
        self._details: dict[int, tuple[int | None, ...]] = {}
        """The hashes of the details that the rows so far give to each item: less memory than the
        details."""

    def applied_to(self, rows: Iterable[ReadRow]) -> Iterator[ReadRow]:
        """Yields the rows; of one that breaks a rule, the problem."""
        for row in rows:
            try:
                if isinstance(row, ItemRow):
                    self._require_one_stock(row)
                    if self._replace:
                        self._require_details_before(row)
                yield row
            except Invalid as problem:
                yield RowProblem(row.line, problem)

    def _require_one_stock(self, row: ItemRow) -> None:
        if row.opening is None:
            return
        line = self._stock.setdefault(row.registration.item_id.int, row.line)
        if line != row.line:
            problem = f"line {line} has the stock of this item already: add them up"
            raise Invalid("onHand", problem)

    def _require_details_before(self, row: ItemRow) -> None:
        item_id, given = row.registration.item_id.int, details_given(row.registration)
        # Of texts, because the hash of -1 is that of -2.
        new = tuple(hash(str(given[name])) if name in given else None for name in DETAILS)
        before = self._details.get(item_id, (None,) * len(DETAILS))
        changes = any(one not in {None, old} for one, old in zip(new, before, strict=True))
        if changes and item_id in self._final:
            line = self._final[item_id]
            problem = (
                f"gives other details than line {line}, which has the stock of this item or "
                "discontinues it: give its details there"
            )
            raise Invalid("row", problem)
        both = zip(new, before, strict=True)
        self._details[item_id] = tuple(old if one is None else one for one, old in both)
        if row.opening is not None or row.is_active is False:
            self._final.setdefault(item_id, row.line)
