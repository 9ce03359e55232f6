"""Hosts and origins of requests."""

import re
from typing import Final

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})

_PORT: Final = re.compile(r":\d+\Z")


def host_name(host: str) -> str:
    """Returns the name in a Host header, without its port."""
    return _PORT.sub("", host)


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine."""
    return host_name(host).lower() in LOOPBACK_NAMES
