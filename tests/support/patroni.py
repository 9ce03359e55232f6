"""PostgreSQL under Patroni: nodes that elect their primary through etcd.

Each node has its own loopback address, like a separate machine.
"""

import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import psycopg

from harness.cluster import UNPRIVILEGED_USER, is_root, programs, workplace
from tests.support.processes import kill_all, start_python_unprivileged
from tests.support.server import TIMEOUT_SECONDS, free_port

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "patroni.yml"
PAGE = ROOT / "docs" / "high-availability.md"
PATRONICTL = Path(sys.executable).with_name("patronictl")
PASSWORD = "secret"

# The minimum that Patroni accepts, for a fast failover.
QUICK = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}

Found = TypeVar("Found")


class Etcd:
    """An etcd cluster with one member."""

    def __init__(self, folder: Path, address: str) -> None:
        self.client = f"{address}:{free_port()}"
        self._peer = f"http://{address}:{free_port()}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert shutil.which("etcd"), "there is no etcd: apt-get install etcd-server"
        with (self._folder / "etcd.log").open("wb") as log:
            self._process = subprocess.Popen(["etcd"], env=self._settings, stdout=log, stderr=log)

    def forget_leader(self) -> None:
        """Deletes the leader key, as if it had expired."""
        key = base64.b64encode(b"/service/stockledger/leader").decode()
        url = f"http://{self.client}/v3/kv/deleterange"
        answer = httpx2.post(url, json={"key": key}, timeout=TIMEOUT_SECONDS, verify=False)
        assert answer.raise_for_status().json()["deleted"] == "1"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def _settings(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "ETCD_NAME": "db-1",
            "ETCD_DATA_DIR": str(self._folder / "etcd"),
            "ETCD_LISTEN_CLIENT_URLS": f"http://{self.client}",
            "ETCD_ADVERTISE_CLIENT_URLS": f"http://{self.client}",
            "ETCD_LISTEN_PEER_URLS": self._peer,
            "ETCD_INITIAL_ADVERTISE_PEER_URLS": self._peer,
            "ETCD_INITIAL_CLUSTER": f"db-1={self._peer}",
        }


class Node:
    """A node: PostgreSQL and its Patroni."""

    def __init__(self, folder: Path, name: str, address: str) -> None:
        self.name = name
        self.address = f"{address}:{free_port()}"
        self._api = f"{address}:{free_port()}"
        self._folder = folder / name
        self._folder.mkdir(mode=0o700)
        if is_root():
            shutil.chown(self._folder, UNPRIVILEGED_USER)
        self._patroni: subprocess.Popen[bytes] | None = None

    def configure(self, etcd: Etcd, shared: Mapping[str, object]) -> None:
        """Writes the configuration files. `shared`: cluster settings, stored in etcd."""
        shutil.copy(CONFIGURATION, self._folder)
        addresses = {"db-1:8008": self._api, "db-1:5432": self.address, "db-1": self.name}
        (self._folder / "this-node.yml").write_text(from_page("yaml", addresses))
        under_test = {
            "etcd3": {"hosts": etcd.client},
            "restapi": {"listen": self._api},
            "bootstrap": {"dcs": shared},
            "watchdog": {"mode": "off"},  # A watchdog would reset this machine.
            "postgresql": {
                "listen": self.address,
                "data_dir": str(self._folder / "data"),
                "bin_dir": str(programs()),
                "parameters": {
                    "fsync": "off",  # Tests kill processes, not the machine.
                    "unix_socket_directories": str(self._folder),
                },
            },
        }
        # Patroni reads files in alphabetical order, and the last one wins.
        (self._folder / "under-test.yml").write_text(json.dumps(under_test))

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder)}
        with (self._folder / "log").open("ab") as log:
            self._patroni = start_python_unprivileged(
                "-m", "patroni", str(self._folder), env=environment, cwd="/", stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kills Patroni and PostgreSQL at once, like a power cut."""
        wait_for(lambda: not kill_all(str(self._folder)), lambda: f"{self.name} did not end")
        self.kill_patroni()

    def kill_patroni(self) -> None:
        """Kills Patroni alone. PostgreSQL keeps running."""
        if self._patroni is not None:
            self._patroni.kill()
            self._patroni.wait()

    def is_primary(self) -> bool:
        """Whether the node has the leader key, and accepts writes."""
        with suppress(httpx2.TransportError):
            return self._get("/primary").is_success
        return False

    def is_in_failsafe_mode(self) -> bool:
        """Whether the node stays primary although etcd is down."""
        return "failsafe_mode_is_active" in self._get("/patroni").json()

    def roles(self) -> Mapping[str, int]:
        """Number of working nodes per role, in the view of this node: `leader`, `sync_standby` and
        `replica`."""
        with suppress(httpx2.TransportError):
            members = self._get("/cluster").json()["members"]
            at_work = (m for m in members if m["role"] == "leader" or m["state"] == "streaming")
            return Counter(m["role"] for m in at_work)
        return {}

    def patronictl(self, *command: str) -> str:
        done = subprocess.run(
            [PATRONICTL, "-c", self._folder, *command], check=True, capture_output=True, text=True
        )
        return done.stdout

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        url = f"postgresql://postgres:{PASSWORD}@{self.address}/{database}"
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def log(self) -> str:
        path = self._folder / "log"
        return f"{self.name}:\n{path.read_text()[-5000:]}" if path.exists() else ""

    def _get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://{self._api}{path}", timeout=TIMEOUT_SECONDS, verify=False)


class PatroniCluster:
    """Three nodes and one etcd."""

    def __init__(self, shared: Mapping[str, object]) -> None:
        self._folder = workplace() / uuid4().hex[:8]
        self._folder.mkdir(mode=0o711)
        network = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        self.etcd = Etcd(self._folder, f"{network}.100")
        self.nodes = [Node(self._folder, f"db-{n}", f"{network}.{n}") for n in (1, 2, 3)]
        for node in self.nodes:
            node.configure(self.etcd, shared)

    def start(self) -> None:
        """Starts all. The first node creates the data, the others copy it."""
        self.etcd.start()
        first, *others = self.nodes
        first.start()
        self.wait_for(first.is_primary, "the first node as primary")
        for node in others:
            node.start()

    def primary(self) -> Node:
        """The primary. Waits until there is one."""
        return self.wait_for(lambda: next(filter(Node.is_primary, self.nodes), None), "a primary")

    def wait_for_roles(self, **wanted: int) -> None:
        self.wait_for(lambda: self.primary().roles() == wanted, f"{wanted}")

    def wait_for(self, look: Callable[[], Found | None], what: str) -> Found:
        return wait_for(look, lambda: "\n".join([what, *(node.log for node in self.nodes)]))

    def remove(self) -> None:
        with ExitStack() as last_to_first:
            last_to_first.callback(shutil.rmtree, self._folder)
            last_to_first.callback(self.etcd.stop)
            for node in self.nodes:
                last_to_first.callback(node.kill)


@contextmanager
def patroni_cluster(**shared: object) -> Iterator[PatroniCluster]:
    cluster = PatroniCluster(QUICK | shared)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def wait_for(look: Callable[[], Found | None], missing: Callable[[], str]) -> Found:
    """Calls `look` until its result is true, and returns the result."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, missing()
        time.sleep(0.1)
    return found


def from_page(language: str, replacements: Mapping[str, str]) -> str:
    """The only example of this language on the page, with its names and password replaced."""
    pattern = rf"^```{language}\n(.*?)^```"
    (text,) = re.findall(pattern, PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for old, new in {"…": PASSWORD, **replacements}.items():
        text = text.replace(old, new)
    return str(text)
