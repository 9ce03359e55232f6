"""The key that signs a ledger's checkpoints, by the settings."""

from pathlib import Path

from application.sealing.key_file import KeyFileError, create_key
from application.sealing.signer import SigningKey
from interface.settings import Settings

_SQLITE = "sqlite:///"


def key_path(settings: Settings) -> Path | None:
    """Returns the file of the key. None: a ledger on PostgreSQL has no default place."""
    if settings.checkpoint_key is not None:
        return Path(settings.checkpoint_key)
    if settings.database_url.startswith(_SQLITE):
        file = Path(settings.database_url.removeprefix(_SQLITE)).resolve()
        return file.with_name(f"{file.name}.checkpoint-key")
    return None


def provide_key(settings: Settings) -> None:
    """Makes the key in the default place, if there is none. Raises KeyFileError."""
    path = key_path(settings)
    if settings.checkpoint_key is None and path is not None and not path.exists():
        create_key(path)


def signing_key(settings: Settings) -> SigningKey | None:
    """Reads the key. None: there is none. Raises KeyFileError: the setting names no key."""
    path = key_path(settings)
    if path is None or (settings.checkpoint_key is None and not path.exists()):
        return None
    return SigningKey.read(path)


def require_signing_key(settings: Settings) -> SigningKey:
    """Reads the key. Raises KeyFileError: there is none."""
    key = signing_key(settings)
    if key is None:
        raise KeyFileError(
            "there is no key that signs checkpoints: make one with `stockledger checkpoint "
            "new-key FILE`, and name it in STOCKLEDGER_CHECKPOINT_KEY"
        )
    return key
