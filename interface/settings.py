"""Everything that can be set, from STOCKLEDGER_… in the environment. Read nowhere else."""

import os
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="STOCKLEDGER_")

    database_url: str = "sqlite:///stockledger.db"
    """Where the ledger is kept."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Server processes."""
    max_batch: Annotated[int, Field(ge=1)] = 10_000
    """Transactions in one batch."""
    lock_timeout: Annotated[int, Field(ge=1)] = 30
    """Seconds that a writer waits for its turn before the caller is told to come back."""
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """Connections to PostgreSQL that one process uses at the most."""
    shutdown_timeout: Annotated[int, Field(ge=1)] = 60
    """Seconds that a stopping server gives to the requests it has accepted."""

    def export(self) -> None:
        """Hands the settings on to the processes that this one will start."""
        for name, value in self.model_dump().items():
            os.environ[f"STOCKLEDGER_{name.upper()}"] = str(value)
