"""Health."""

from pydantic import Field

from interface.api.schemas.base import Wire


class Health(Wire):
    status: str
    dependencies: dict[str, str] = Field(default_factory=dict)
