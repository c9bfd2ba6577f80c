"""Measure a policy service node side by side with FreeRADIUS: requests per second and server CPU per request.

All servers run at once, each pinned to core 0, and take turns under the same generator (`radload.c`, pinned to
core 1), which checks every reply. Sessions come again, as on a real switch: 4,096 endpoints with their audit session
ids; ``--new-sessions`` makes every request a session of its own instead, as no real device does. The node is
``posturelab node psn1`` under uvloop with the campus policy and does its whole work: policy, session cache, duplicate
cache, journal, and one syslog record per request, which a sink receives. What a run prints holds for this machine and
this run; compare ratios, not absolute figures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from freeradius import FreeRadius
from generator import build_generator
from sink import Sink

HERE = Path(__file__).parent
TOPOLOGY = HERE / "topology.yaml"
NODE_ADDRESS = "127.9.1.1"
SINK_ADDRESS = ("127.9.2.1", 20514)
SERVER_CORE, GENERATOR_CORE = 0, 1
WORKLOADS = ((False, "Access-Request, PAP with Message-Authenticator"), (True, "Accounting-Request, interim update"))


@dataclass(slots=True)
class Contender:
    """One server under test: where it listens and what its rounds gave."""

    name: str
    host: str
    port: int
    pid: int
    rounds: list[dict[str, float]] = field(default_factory=list)


def measure(
    program: Path, contender: Contender, *, accounting: bool, seconds: float, arguments: argparse.Namespace
) -> dict[str, float]:
    """Run the generator once against one server; ends the program where a reply is wrong."""
    command = ["taskset", "-c", str(GENERATOR_CORE), str(program), "-H", contender.host]
    command += ["-p", str(contender.port + accounting), "-u", "alice", "-w", "lab-alice", "-d", str(seconds)]
    command += ["-W", str(arguments.window), "-P", str(contender.pid)]
    command += (["-a"] if accounting else []) + ([] if arguments.new_sessions else ["-A"])
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(output)
    wrong = result["badauth"] + result["badma"]
    expected = result["acctresp"] if accounting else result["accept"]
    if wrong or expected != result["rcvd"] or not result["rcvd"]:
        raise SystemExit(f"{contender.name}: {result['rcvd']} replies, {wrong} wrong, {expected} of the expected kind")
    return result


def start_node(state: Path) -> subprocess.Popen[bytes]:
    """Start the policy service node and wait until it is ready."""
    command = [
        sys.executable,
        "-m",
        "posturelab",
        "node",
        "psn1",
        "--topology",
        str(TOPOLOGY),
        "--state-dir",
        str(state),
        "--quiet",
    ]
    node = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wanted = f":{1813:04X} "
    own = "".join(f"{int(part):02X}" for part in reversed(NODE_ADDRESS.split(".")))
    for _ in range(100):
        if f"{own}{wanted}" in Path("/proc/net/udp").read_text():
            time.sleep(0.5)
            return node
        if node.poll() is not None:
            break
        time.sleep(0.1)
    node.kill()
    raise SystemExit("the policy service node did not start")


def spread(values: list[float], digits: int) -> str:
    """Render minimum, median and maximum."""
    return "/".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def report(title: str, contenders: list[Contender]) -> None:
    """Print one table: every figure is minimum/median/maximum of the rounds."""
    print(f"\n{title}")
    print(f"  {'server':<22} {'requests/s':>24} {'server CPU ms per 1000':>26} {'CPU ratio per round':>22} {'lost':>5}")
    node = contenders[0]
    for contender in contenders:
        ratios = [
            own["cpu_us_per_req"] / other["cpu_us_per_req"]
            for own, other in zip(node.rounds, contender.rounds, strict=True)
        ]
        shown = "" if contender is node else spread(ratios, 2)
        rates = spread([found["rps"] for found in contender.rounds], 0)
        cpu = spread([found["cpu_us_per_req"] for found in contender.rounds], 1)
        lost = int(sum(found["lost"] for found in contender.rounds))
        print(f"  {contender.name:<22} {rates:>24} {cpu:>26} {shown:>22} {lost:>5}")
    print(f"  generator: at most {max(found['gen_cpu'] for c in contenders for found in c.rounds):.2f} of its core")


def compare(
    program: Path,
    contenders: list[Contender],
    *,
    accounting: bool,
    title: str,
    arguments: argparse.Namespace,
    sink: Sink,
) -> None:
    """Warm every server up, alternate the rounds, print the table."""
    for contender in contenders:
        pin = ["taskset", "-a", "-p", "-c", str(SERVER_CORE), str(contender.pid)]
        subprocess.run(pin, check=True, stdout=subprocess.DEVNULL)
        measure(program, contender, accounting=accounting, seconds=1, arguments=arguments)
    before = sink.count
    for _ in range(arguments.rounds):
        for contender in contenders:
            found = measure(program, contender, accounting=accounting, seconds=arguments.seconds, arguments=arguments)
            contender.rounds.append(found)
    report(title, contenders)
    requests = int(sum(found["rcvd"] for found in contenders[0].rounds))
    print(f"  syslog: {sink.count - before:,} datagrams received by the sink for {requests:,} replies of the node")


def run(arguments: argparse.Namespace) -> None:
    """Start everything, compare, and stop everything."""
    program = build_generator()
    sink = Sink(*SINK_ADDRESS)
    with tempfile.TemporaryDirectory() as folder:
        servers = [
            FreeRadius(Path(folder), name="quiet", port=21812, quiet=True),
            FreeRadius(Path(folder), name="shipped", port=22812, quiet=False),
        ]
        node = start_node(Path(folder) / "state")
        try:
            for server in servers:
                server.start()
            for accounting, title in WORKLOADS:
                contenders = [Contender("posturelab node", NODE_ADDRESS, 1812, node.pid)]
                contenders += [
                    Contender(f"FreeRADIUS {found.name}", "127.0.0.1", found.port, found.pid) for found in servers
                ]
                compare(program, contenders, accounting=accounting, title=title, arguments=arguments, sink=sink)
        finally:
            node.terminate()
            node.wait(timeout=10)
            for server in servers:
                server.stop()


def main() -> None:
    """Parse the command line and say what is measured on what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round")
    parser.add_argument("--window", type=int, default=64, help="requests outstanding")
    parser.add_argument("--new-sessions", action="store_true", help="every request is another endpoint's")
    arguments = parser.parse_args()
    for needed in ("gcc", "taskset", "freeradius"):
        if shutil.which(needed) is None and not Path(f"/usr/sbin/{needed}").exists():
            raise SystemExit(f"{needed} is missing: apt-get install gcc util-linux freeradius")
    command = ["/usr/sbin/freeradius", "-v"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(",")[0]
    print(f"Python {sys.version.split()[0]}, {version}, {os.cpu_count()} cores")
    print(f"{arguments.rounds} rounds of {arguments.seconds:g} s, window {arguments.window}, every reply checked")
    print("figures are minimum/median/maximum of the rounds; quiet: no accounting log; shipped: as Debian ships it")
    run(arguments)


if __name__ == "__main__":
    main()
