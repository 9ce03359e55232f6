"""Log format of the server: text for people, or JSON for programs."""

import logging
from typing import Any, Literal

# Thread, process and place of the call are in no log line. Looking them up costs time at each
# request (logging HOWTO, "Optimization").
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
logging._srcfile = None  # noqa: SLF001 -- as that page says


def log_config(format: Literal["text", "json"]) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`, which uvicorn applies."""
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
