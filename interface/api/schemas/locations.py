"""Schemas of locations."""

from interface.api.schemas.base import Wire, example


class LocationList(Wire):
    """A list of locations."""

    model_config = example(items=["annex", "main"])

    items: list[str]
