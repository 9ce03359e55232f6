"""All classes of rejections."""

from collections.abc import Iterator

from domain.errors import Rejection


def all_rejections(root: type[Rejection] = Rejection) -> Iterator[type[Rejection]]:
    for rejection in root.__subclasses__():
        yield rejection
        yield from all_rejections(rejection)
