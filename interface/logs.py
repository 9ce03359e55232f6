"""What the server writes to its log: lines for people, or JSON for programs."""

import logging
from typing import Any, Literal

# Nobody reads these in an entry, and each request's would be asked for them (logging HOWTO,
# "Optimization").
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_config(format: Literal["text", "json"]) -> dict[str, Any]:
    """For `logging.config.dictConfig`, as uvicorn takes it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(message)s"},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            },
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": format},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"uvicorn": {"level": "INFO"}, "stockledger": {"level": "INFO"}},
    }
