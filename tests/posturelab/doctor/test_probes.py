"""What the doctor makes of ports at which something else than a node answers, or nothing does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
import trustme

from nac.node.binding import bind_tcp, bind_udp
from posturelab.doctor.probes import ask_all
from posturelab.doctor.sight import Outcome, Service, Sight, Target
from radius.authenticator import encode_reply
from radius.client_table import Client, ClientTable
from radius.packet import Code, decode
from radius.secret import Secret

SECRET = Secret("testing123")
HOST = "127.0.0.1"


def aim(port: int, service: Service, *, network: str = "127.0.0.0/8") -> Target:
    clients = ClientTable([Client(name="doctor", network=IPv4Network(network), secret=SECRET)])
    return Target(node="psn1", use="x", address=HOST, port=port, service=service, clients=clients, server_name="psn1")


async def ask(target: Target) -> Sight:
    (sight,) = await ask_all([target], ssl.create_default_context())
    return sight


@pytest.mark.parametrize(
    ("service", "answer", "outcome", "reason"),
    [
        (Service.STATUS, lambda _: b"nonsense", Outcome.STRANGE, "what it answers is no RADIUS: "),
        (
            Service.STATUS,
            lambda data: encode_reply(decode(data), Code.ACCESS_ACCEPT, b"", Secret("another")),
            Outcome.STRANGE,
            "its answer is signed with another secret: ",
        ),
        (
            Service.COA,
            lambda data: encode_reply(decode(data), Code.COA_ACK, b"", SECRET),
            Outcome.STRANGE,
            "it answers with code 44",
        ),
        (Service.COA, lambda data: encode_reply(decode(data), Code.COA_NAK, b"", SECRET), Outcome.ANSWERED, ""),
    ],
)
async def test_an_answer_counts_only_if_it_is_the_right_one(
    service: Service, answer: Callable[[bytes], bytes], outcome: Outcome, reason: str
) -> None:
    with bind_udp(HOST, 0) as sock:
        loop = asyncio.get_running_loop()

        def respond() -> None:
            data, source = sock.recvfrom(4096)
            sock.sendto(answer(data), source)

        loop.add_reader(sock, respond)
        sight = await ask(aim(sock.getsockname()[1], service))
        loop.remove_reader(sock)
    assert sight.outcome is outcome
    assert sight.reason.startswith(reason)


@pytest.mark.parametrize("service", [Service.STATUS, Service.TLS, Service.TCP, Service.REST])
async def test_the_machine_says_where_nobody_listens(service: Service) -> None:
    with bind_udp("127.0.0.77", 0) as held:  # an address that is nobody's, so that the port is not given to who asks
        address, port = held.getsockname()
    assert (await ask(replace(aim(port, service), address=address))).outcome is Outcome.CLOSED


async def test_a_port_that_is_held_in_silence_is_told_with_its_holder() -> None:
    with bind_udp(HOST, 0) as radius, bind_tcp(HOST, 0) as portal:
        portal.listen()
        for sock, service in ((radius, Service.STATUS), (portal, Service.TLS)):
            sight = await ask(aim(sock.getsockname()[1], service))
            assert sight.outcome is Outcome.SILENT
            assert "(pid " in sight.holder


async def test_who_is_no_client_does_not_ask() -> None:
    with bind_udp(HOST, 0) as sock:
        sight = await ask(aim(sock.getsockname()[1], Service.STATUS, network="192.0.2.0/24"))
        assert (sight.outcome, sight.source is not None and sight.source[0]) == (Outcome.BARRED, HOST)
        with pytest.raises(BlockingIOError):
            sock.recv(1)


@pytest.mark.parametrize(
    ("said", "reason"), [(b"SSH-2.0-x\r\n", "it does not speak TLS"), (b"", "it breaks the TLS handshake off")]
)
async def test_what_speaks_no_tls_is_called_so(said: bytes, reason: str) -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        sight = await ask(aim(server.sockets[0].getsockname()[1], Service.TLS))
    assert (sight.outcome, sight.reason) == (Outcome.STRANGE, reason)


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Outcome.ANSWERED, ""),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            Outcome.STRANGE,
            "it answers GET /ca.pem with status 500 instead of 200",
        ),
        (b"+OK\r\n", Outcome.STRANGE, "it shakes hands, but its answer to GET /ca.pem is no HTTP or breaks off"),
        (b"", Outcome.STRANGE, "it shakes hands, but does not answer GET /ca.pem within 1 s"),
    ],
)
async def test_a_portal_is_opened(said: bytes, outcome: Outcome, reason: str) -> None:
    sight, heard = await ask_over_tls(Service.TLS, said, use="portal", verified=True)
    assert (sight.outcome, sight.reason) == (outcome, reason)
    assert sight.expires_at is not None
    assert heard.startswith(b"GET /ca.pem ")
    assert b"Authorization" not in heard


@pytest.mark.parametrize("verified", [True, False])
async def test_user_and_password_are_for_who_has_proved_to_be_the_lab_s(*, verified: bool) -> None:
    sight, heard = await ask_over_tls(Service.REST, b"HTTP/1.1 200 OK\r\n\r\n", use="api", verified=verified)
    assert sight.outcome is Outcome.ANSWERED
    assert (b"Authorization: Basic " in heard) is verified
    assert verified or heard == b""


async def ask_over_tls(service: Service, said: bytes, *, use: str, verified: bool) -> tuple[Sight, bytes]:
    """Ask a server that says the same to everybody, and tell what it has heard."""
    authority, heard = trustme.CA(), bytearray()
    serving, tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("psn1", HOST).configure_cert(serving)
    authority.configure_trust(tls)
    if not verified:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            heard.extend(data)
            writer.write(said)
            if said.endswith(b"200 OK\r\n\r\n"):
                break
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0, ssl=serving) as server:
        target = replace(aim(server.sockets[0].getsockname()[1], service), use=use, user="admin", password="lab-admin")
        (sight,) = await ask_all([target], tls)
    return sight, bytes(heard)
