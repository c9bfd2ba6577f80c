"""A real RabbitMQ for tests and measurements: Debian's, on ports, under a name and in folders of its own.

Nothing of the machine is touched: neither its broker nor its port mapper (epmd), its cookie nor its configuration.
Everything listens on loopback only. It can be killed and frozen as no broker should be.

Its ports lie below those that systems hand out by themselves, and still another process may take one between its being
found and used; a first start that fails is tried a second time, on other ports.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0

_CANDIDATES = range(20_000, 32_768)
_ATTEMPTS = 100

_PROGRAMS = Path("/usr/lib/rabbitmq/lib")
_ERLANG_ARGUMENTS = "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
"""Without busy waiting the broker leaves the processor to those who are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """With these files the broker listens for TLS too, and asks every client for a certificate of the authority."""

    authority: Path
    certificate: Path
    key: Path


def find_missing() -> str | None:
    """Say what is not installed, if anything."""
    if not list(_PROGRAMS.glob("rabbitmq_server-*/sbin/rabbitmq-server")):
        return "RabbitMQ is not installed: apt-get install rabbitmq-server"
    return None


class RabbitMqServer:
    """One broker with the folder that is its world. Durable things survive `kill` and `start`."""

    def __init__(self, folder: Path, *, tls: ServerTls | None = None) -> None:
        """Prepare configuration and ports; nothing runs before `start`."""
        self._folder = folder
        self._tls = tls
        self._programs = max(_PROGRAMS.glob("rabbitmq_server-*/sbin"))
        self._epmd: subprocess.Popen[bytes] | None = None
        self._broker: subprocess.Popen[bytes] | None = None
        self._was_ready = False
        self._choose_ports()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def tls_url(self) -> str:
        """Where it listens for TLS, with a certificate for this name."""
        return f"amqps://guest:guest@localhost:{self.tls_port}/"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._broker is not None
        return self._broker.pid

    def begin(self) -> None:
        """Begin to start it; `await_ready` waits for the end of that."""
        if self._epmd is None:
            with (self._folder / "output").open("wb") as output:
                self._epmd = self._run(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], output=output)
            await_port(self._epmd_port, START_TIMEOUT, self._epmd)
        with (self._folder / "output").open("ab") as output:
            self._broker = self._run([str(self._programs / "rabbitmq-server")], output=output)

    def await_ready(self) -> None:
        """Wait until it listens; raises `RuntimeError` with what it said where it does not."""
        assert self._broker is not None
        if not await_port(self.port, START_TIMEOUT, self._broker):
            self.stop()
            raise RuntimeError(f"RabbitMQ did not start: {(self._folder / 'output').read_text()[-2000:]}")
        self._was_ready = True

    def start(self) -> None:
        """Start it, which takes some seconds; raises `RuntimeError` as `await_ready` does."""
        try:
            self.begin()
            self.await_ready()
        except RuntimeError:
            if self._was_ready:  # somebody relies on its ports
                raise
            self._choose_ports()
            self.begin()
            self.await_ready()

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._broker is not None:
            self._broker.kill()
            self._broker.wait()
            self._broker = None

    def freeze(self) -> None:
        """Let it hang: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def revive(self) -> None:
        """Let it run again, whatever was done to it."""
        if self._broker is None or self._broker.poll() is not None:
            self.start()
        self.thaw()

    def stop(self) -> None:
        """End it and everything that was started with it."""
        if self._broker is not None:
            self.thaw()
            self._broker.terminate()
            try:
                self._broker.wait(timeout=STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
            self._broker = None
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`, which takes a second; returns what it prints."""
        command = [str(self._programs / "rabbitmqctl"), "--quiet", "--node", self._name, *arguments]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout

    def _signal(self, number: signal.Signals) -> None:
        """Signal the broker unless it has ended."""
        if self._broker is not None:
            self._broker.send_signal(number)

    def _choose_ports(self) -> None:
        """Choose ports, and configure the broker for them."""
        self.port, self.tls_port, self._epmd_port, self._distribution_port = find_free_ports(4)
        self._name = f"posturelab{self.port}@localhost"
        self._write_settings()
        self._environment = self._build_environment()

    def _write_settings(self) -> None:
        settings = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "loopback_users.guest = true",
            "log.file.level = warning",
            "disk_free_limit.absolute = 50MB",
        ]
        if (tls := self._tls) is not None:
            settings += [
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
                f"ssl_options.cacertfile = {tls.authority}",
                f"ssl_options.certfile = {tls.certificate}",
                f"ssl_options.keyfile = {tls.key}",
                "ssl_options.verify = verify_peer",
                "ssl_options.fail_if_no_peer_cert = true",
            ]
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "rabbitmq.conf").write_text("\n".join(settings) + "\n")
        (self._folder / "environment").touch()
        (self._folder / "plugins").write_text("[].\n")
        cookie = self._folder / ".erlang.cookie"
        cookie.unlink(missing_ok=True)
        cookie.write_text(secrets.token_hex(10))
        cookie.chmod(0o400)

    def _build_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "environment"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGUMENTS,
            # With this the shell script becomes the broker instead of its parent, which hides its process id.
            "RABBITMQ_ALLOW_INPUT": "true",
        }

    def _run(self, command: list[str], *, output: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def find_free_ports(count: int) -> list[int]:
    """Find TCP ports of loopback that nobody uses at present, nor gets by itself a moment later."""
    with ExitStack() as held:
        ports = []
        for candidate in random.SystemRandom().sample(_CANDIDATES, _ATTEMPTS):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", candidate)))
                ports.append(candidate)
            if len(ports) == count:
                return ports
    raise RuntimeError(f"no {count} ports of loopback are free")


def await_port(port: int, timeout: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until a port accepts connections; False where it does not in time, or its process ends."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
