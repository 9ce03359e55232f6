"""/keys: API keys, for administrators."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import Response

from application.access.key_management import Grant
from application.access.roles import Permission
from interface.api.dependencies import RECENTLY_SIGNED_IN, From, Keys, needs
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
    """Lists all keys ever created, the newest first. Their secrets are not stored."""
    return KeyList(items=[KeyDescription.of(key) for key in keys.all()])


@router.post(
    "",
    summary="Create an API key",
    status_code=HTTPStatus.CREATED,
    dependencies=[RECENTLY_SIGNED_IN],
    responses=documented(_INVALID),
)
def create_key(new: NewKey, keys: Keys, origin: From, response: Response) -> IssuedKey:
    """Creates a key. The answer contains its secret, which is shown only once."""
    lifetime = None if new.expires_in_days is None else timedelta(days=new.expires_in_days)
    grant = Grant(
        name=new.name,
        role=new.role,
        locations=tuple(new.locations),
        lifetime=lifetime,
        extra=tuple(new.may),
    )
    issued = keys.create(grant, origin)
    response.headers["Location"] = f"/keys/{issued.key.key_id}"
    return IssuedKey.of_issued(issued)


@router.get(
    "/{key_id}", summary="Get an API key", responses=documented(HTTPStatus.NOT_FOUND, _INVALID)
)
def get_key(key_id: str, keys: Keys, _: Reading) -> KeyDescription:
    """Returns the description of a key, without its secret."""
    return KeyDescription.of(keys.one(key_id))


@router.post(
    "/{key_id}/rotate",
    summary="Rotate an API key",
    status_code=HTTPStatus.CREATED,
    dependencies=[RECENTLY_SIGNED_IN],
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def rotate_key(
    key_id: str, rotation: Rotation, keys: Keys, origin: From, response: Response
) -> IssuedKey:
    """Replaces a key by one with the same rights. The old key stays valid for `graceHours`."""
    grace = timedelta(hours=rotation.grace_hours)
    issued = keys.rotate(key_id, grace, origin)
    response.headers["Location"] = f"/keys/{issued.key.key_id}"
    return IssuedKey.of_issued(issued)


@router.post(
    "/{key_id}/revoke",
    summary="Revoke an API key",
    dependencies=[RECENTLY_SIGNED_IN],
    responses=documented(HTTPStatus.NOT_FOUND, _INVALID),
)
def revoke_key(key_id: str, keys: Keys, origin: From) -> KeyDescription:
    """Revokes a key. Every process refuses it within seconds. Idempotent."""
    return KeyDescription.of(keys.revoke(key_id, origin))
