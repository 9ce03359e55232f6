"""Callers with every role and kind of credential."""

from application.access.audit import Origin
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import GRANTS, Permission, Role
from domain.actor import Actor

ADMIN = Origin(Actor("the boss"))


def caller(
    role: Role, *locations: str, key_id: str = "k1", former_key_id: str | None = None
) -> Principal:
    return Principal(
        Actor(f"a {role}", key_id),
        role,
        frozenset(locations),
        device=f"a {role}",
        former_key_id=former_key_id,
    )


DEVICE = caller(Role.DEVICE, "main")


def own(role: Role, *locations: str) -> tuple[str, ...]:
    """These locations, or none for a role that may be everywhere."""
    return () if Permission.EVERYWHERE in GRANTS[role] else locations


def new_key(keys: KeyService, role: Role, *locations: str) -> str:
    """A valid API key for the role."""
    grant = Grant(name=f"a {role}", role=role, locations=own(role, *locations))
    return keys.create(grant, ADMIN).secret
