"""/locations: where the caller may be."""

from interface.api.dependencies import CanRead, Reads
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.locations import LocationList

router = strict_router(tags=["items"])


@router.get("/locations", summary="List locations", responses=documented())
def list_locations(caller: CanRead, reads: Reads) -> LocationList:
    """Lists the caller's own locations, in order. With access to all: those that have items, at
    most 10,000."""
    return LocationList(items=list(reads.locations(caller)))
