"""A FreeRADIUS 3.2 to compare with: Debian's own configuration, one user, loopback listeners, no logging.

Two trees: ``shipped`` keeps accounting's ``detail`` file and ``unix`` module as Debian ships them; ``quiet`` has
both off, so that neither side writes to disk. Everything else stays as shipped (thread pool, all default modules);
log and run folders are the tree's own. Authentication logging is off as shipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

SOURCE = Path("/etc/freeradius/3.0")
PROGRAM = "/usr/sbin/freeradius"

USER = """\
alice\tCleartext-Password := "lab-alice"
\tMessage-Authenticator = 0x00,
\tReply-Message = "Welcome",
\tClass = 0x636c6173732d303031,
\tSession-Timeout = 3600,
\tTunnel-Type:0 = VLAN,
\tTunnel-Medium-Type:0 = IEEE-802,
\tTunnel-Private-Group-Id:0 = "120",
\tFilter-Id = "employee"

"""
"""Debian's 3.2.1 does not sign PAP replies by itself; the policy service node does, so FreeRADIUS must too."""


class FreeRadius:
    """One running FreeRADIUS of its own configuration tree; `port` is authentication, `port + 1` accounting."""

    def __init__(self, folder: Path, *, name: str, port: int, quiet: bool) -> None:
        """Make the tree; raises `FileNotFoundError` where Debian's package is not installed or not readable."""
        self.name = name
        self.port = port
        self._tree = folder / name
        self._process: subprocess.Popen[bytes] | None = None
        make_tree(self._tree, port=port, quiet=quiet)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it in the foreground and wait until its port is bound."""
        command = [PROGRAM, "-f", "-d", str(self._tree)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = f":{self.port:04X} "
        for _ in range(100):
            if wanted in Path("/proc/net/udp").read_text():
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"FreeRADIUS ({self.name}) did not bind port {self.port} within 10 seconds")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)


def make_tree(tree: Path, *, port: int, quiet: bool) -> None:
    """Copy Debian's configuration and adapt it, as root or as whoever may read it."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(SOURCE, tree, symlinks=True)
    for folder in ("log", "run"):
        (tree / folder).mkdir()
    _edit(
        tree / "radiusd.conf",
        (r"(?m)^logdir = .*$", f"logdir = {tree}/log"),
        (r"(?m)^run_dir = .*$", f"run_dir = {tree}/run"),
        (r"(?m)^(\s*)(user|group) = freerad$", r"\1# \2 = freerad"),
    )
    site = tree / "sites-available" / "default"
    _edit(site, (r"(?m)^(\s*)ipaddr = \*", r"\1ipaddr = 127.0.0.1"), (r"(?m)^(\s*)ipv6addr = ::", r"\1ipv6addr = ::1"))
    ports = iter((port, port + 1, port, port + 1))
    site.write_text(re.sub(r"(?m)^(\s*)port = 0", lambda found: f"{found[1]}port = {next(ports)}", site.read_text()))
    if quiet:
        _edit(site, (r"(?m)^(\s*)detail$", r"\1# detail"), (r"(?m)^(\s*)unix$", r"\1# unix"))
    _edit(tree / "sites-available" / "inner-tunnel", ("port = 18120", f"port = {port + 8}"))
    users = tree / "mods-config" / "files" / "authorize"
    users.write_text(USER + users.read_text())


def _edit(path: Path, *replacements: tuple[str, str]) -> None:
    """Replace by pattern in a file; raises `ValueError` where the shipped file is not as expected."""
    text = path.read_text()
    for pattern, replacement in replacements:
        text, count = re.subn(pattern, replacement, text)
        if not count:
            raise ValueError(f"{path}: nothing matches {pattern!r}; this is not the configuration Debian 12 ships")
    path.write_text(text)
