"""API keys for devices and programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from application.access.audit import Action, AuditTrail, Origin
from application.access.errors import KeyNotActive, UnknownKey
from application.access.key_format import digest, mint
from application.access.roles import GRANTS, ExtraPermission, Permission, Role
from application.persistence.recorder import LedgerRecorder
from application.persistence.unit_of_work import UnitOfWork
from application.server_clock import Clock, utc_now
from application.tables.access import API_KEYS, ApiKey
from application.tables.table import Insert, Update
from domain.actor import Actor
from domain.errors import Invalid
from domain.labels import label

MAX_LOCATIONS_PER_KEY: Final = 100
MAX_LIFETIME: Final = timedelta(days=3_650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights and the lifetime of a key to create.

    Raises:
        Invalid: a text or the lifetime lies outside its bounds, or the locations or the extra
            permissions do not fit the role.
    """

    name: str
    role: Role
    locations: tuple[str, ...] = ()
    lifetime: timedelta | None = None
    extra: tuple[ExtraPermission, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", label("name", self.name))
        kept = tuple(label("locations", location) for location in self.locations)
        object.__setattr__(self, "locations", kept)
        if Permission.EVERYWHERE in GRANTS[self.role]:
            if self.locations:
                raise Invalid("locations", f"can't be given: the role {self.role} has all of them")
        elif not 1 <= len(self.locations) <= MAX_LOCATIONS_PER_KEY:
            raise Invalid(
                "locations", f"the role {self.role} needs 1 to {MAX_LOCATIONS_PER_KEY} locations"
            )
        for one in self.extra:
            if self.role is not Role.DEVICE:
                raise Invalid("may", f"{one} is for the role {Role.DEVICE}, not for {self.role}")
        if self.lifetime is not None and not timedelta() < self.lifetime <= MAX_LIFETIME:
            raise Invalid("expires", f"must lie in the future, by at most {MAX_LIFETIME.days} days")


class Issued(NamedTuple):
    """A new key. `secret` is the key itself: shown once, never stored."""

    key: ApiKey
    secret: str


class KeyService:
    """Creates, lists, revokes and rotates keys. Every method may raise StoreUnavailable."""

    def __init__(self, recorder: LedgerRecorder, audit: AuditTrail, clock: Clock = utc_now) -> None:
        self._recorder = recorder
        self._audit = audit
        self._clock = clock

    def all(self) -> Sequence[ApiKey]:
        """Returns all keys, newest first, with those that are revoked or have expired."""
        return self._recorder.select_keys()

    def one(self, key_id: str) -> ApiKey:
        """Returns a key. Raises UnknownKey: there is no such key."""
        key = self._recorder.select_key(key_id)
        if key is None:
            raise UnknownKey(key_id)
        return key

    def create(self, grant: Grant, origin: Origin) -> Issued:
        """Creates a key."""
        with self._recorder.unit_of_work() as unit_of_work:
            return self._issue(unit_of_work, grant, origin)

    def create_first(self) -> Issued | None:
        """Creates an admin's key if the ledger has no keys yet; otherwise returns None. If several
        processes ask at the same time, one of them gets it."""
        if self._recorder.select_keys():
            return None
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.exclude_writers()
            if unit_of_work.rows(API_KEYS):
                return None
            grant = Grant(name="first-admin", role=Role.ADMIN)
            return self._issue(unit_of_work, grant, Origin(Actor("first start")))

    def revoke(self, key_id: str, origin: Origin) -> ApiKey:
        """Revokes a key at once. Idempotent. Raises UnknownKey: there is no such key."""
        with self._recorder.unit_of_work() as unit_of_work:
            key = self._find(unit_of_work, key_id)
            if key.revoked_at is not None:
                return key
            now = self._clock()
            unit_of_work.write(API_KEYS, [Update(("revoked_at",), [(now, key_id)])])
            self._audit.append(unit_of_work, Action.KEY_REVOKED, origin, _described(key))
        return key._replace(revoked_at=now)

    def rotate(self, key_id: str, grace: timedelta, origin: Origin) -> Issued:
        """Creates a key with the same rights and lifetime as an old one, which expires after the
        grace period, and its sessions with it. A session of a key that somebody stole must not
        become one of the new key.

        Raises:
            UnknownKey: there is no such key.
            KeyNotActive: the old key is revoked or has expired.
        """
        now = self._clock()
        with self._recorder.unit_of_work() as unit_of_work:
            old = self._find(unit_of_work, key_id)
            if not old.is_active(now):
                raise KeyNotActive(key_id)
            end = min(now + grace, old.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
            unit_of_work.write(API_KEYS, [Update(("expires_at",), [(end, key_id)])])
            grant = Grant(
                name=old.name,
                role=Role(old.role),
                locations=tuple(old.locations),
                lifetime=old.expires_at - old.created_at if old.expires_at else None,
                extra=tuple(map(ExtraPermission, old.extra)),
            )
            return self._issue(unit_of_work, grant, origin, replaces=old)

    def _issue(
        self,
        unit_of_work: UnitOfWork,
        grant: Grant,
        origin: Origin,
        replaces: ApiKey | None = None,
    ) -> Issued:
        now = self._clock()
        minted = mint()
        key = ApiKey(
            key_id=minted.key_id,
            digest=digest(minted.key),
            name=grant.name,
            role=grant.role.value,
            location_list=json.dumps(sorted(set(grant.locations))),
            created_at=now,
            created_by=origin.actor.name if origin.actor else "",
            expires_at=now + grant.lifetime if grant.lifetime else None,
            revoked_at=None,
            extra_list=json.dumps(sorted(set(grant.extra))) if grant.extra else None,
            replaces=replaces and replaces.key_id,
        )
        unit_of_work.write(API_KEYS, [Insert([key])])
        if replaces is None:
            self._audit.append(unit_of_work, Action.KEY_CREATED, origin, _described(key))
        else:
            detail = f"{_described(replaces)}, by {key.key_id}"
            self._audit.append(unit_of_work, Action.KEY_ROTATED, origin, detail)
        return Issued(key, minted.key)

    def _find(self, unit_of_work: UnitOfWork, key_id: str) -> ApiKey:
        key = unit_of_work.row(API_KEYS, key_id)
        if key is None:
            raise UnknownKey(key_id)
        return key


def _described(key: ApiKey) -> str:
    where = f" at {', '.join(key.locations)}" if key.locations else ""
    may = f", may {', '.join(key.extra)}" if key.extra else ""
    return f"{key.key_id} ({key.name}, {key.role}{where}{may})"
