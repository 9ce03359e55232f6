"""The schema of health checks."""

from pydantic import Field

from interface.api.schemas.base import Wire


class Health(Wire):
    """The result of a health check."""

    status: str
    dependencies: dict[str, str] = Field(default_factory=dict)
