"""/keys: API keys, for those who administer the ledger."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import Response

from application.access.keys import Grant
from application.access.roles import Permission
from interface.api.dependencies import From, Keys, needs
from interface.api.problems import documented
from interface.api.read_slots import Reading
from interface.api.route_classes import strict_router
from interface.api.schemas.access import IssuedKey, KeyDescription, KeyList, NewKey, Rotation

router = strict_router(
    prefix="/keys", tags=["access"], dependencies=[needs(Permission.MANAGE_KEYS)]
)

_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


@router.get("", summary="List API keys", responses=documented())
def list_keys(keys: Keys, _: Reading) -> KeyList:
    """Every key that there ever was, the newest first. The keys themselves are not kept."""
    return KeyList(items=[KeyDescription.of(key) for key in keys.all()])


@router.post(
    "",
    summary="Create an API key",
    status_code=HTTPStatus.CREATED,
    responses=documented(_INVALID),
)
def create_key(new: NewKey, keys: Keys, origin: From, response: Response) -> IssuedKey:
    """The answer holds the key, which is shown this once."""
    lifetime = None if new.expires_in_days is None else timedelta(days=new.expires_in_days)
    grant = Grant(name=new.name, role=new.role, locations=tuple(new.locations), lifetime=lifetime)
    issued = keys.create(grant, origin)
    response.headers["Location"] = f"/keys/{issued.key.key_id}"
    return IssuedKey.of_issued(issued)


@router.get(
    "/{key_id}", summary="One API key", responses=documented(HTTPStatus.NOT_FOUND, _INVALID)
)
def get_key(key_id: str, keys: Keys, _: Reading) -> KeyDescription:
    """The key, without what would let anybody use it."""
    return KeyDescription.of(keys.one(key_id))


@router.post(
    "/{key_id}/rotate",
    summary="Replace an API key",
    status_code=HTTPStatus.CREATED,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def rotate_key(
    key_id: str, rotation: Rotation, keys: Keys, origin: From, response: Response
) -> IssuedKey:
    """A key that is good for the same. The old one goes on being good for the grace period."""
    grace = timedelta(hours=rotation.grace_hours)
    issued = keys.rotate(key_id, grace, origin)
    response.headers["Location"] = f"/keys/{issued.key.key_id}"
    return IssuedKey.of_issued(issued)


@router.post(
    "/{key_id}/revoke",
    summary="End an API key",
    responses=documented(HTTPStatus.NOT_FOUND, _INVALID),
)
def revoke_key(key_id: str, keys: Keys, origin: From) -> KeyDescription:
    """Every process refuses the key within seconds. Nothing changes the second time."""
    return KeyDescription.of(keys.revoke(key_id, origin))
