"""aioquic, as an endpoint of the interop runner: told by the same variables as examples/interop of this project."""

import asyncio
import os
import pathlib
import signal
import sys
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import (
    ConnectionTerminated, ProtocolNegotiated, StreamDataReceived, StreamReset,
)
from aioquic.tls import CipherSuite

CASE = os.environ["TESTCASE"]
IS_CLIENT = os.environ["ROLE"] == "client"
PROTOCOL = "h3" if CASE == "http3" else "hq-interop"
NOT_SUPPORTED = 127
CASES = {
    "handshake", "transfer", "longrtt", "chacha20", "multiplexing", "retry", "resumption", "multiconnect", "http3",
    "blackhole", "keyupdate", "amplificationlimit", "transferloss", "transfercorruption", "ipv6", "rebind-port",
    "rebind-addr", "goodput",
}


def configuration():
    made = QuicConfiguration(is_client=IS_CLIENT, alpn_protocols=[PROTOCOL], max_data=4 << 20, max_stream_data=4 << 20)
    if os.environ.get("SSLKEYLOGFILE"):
        made.secrets_log_file = open(os.environ["SSLKEYLOGFILE"], "a", buffering=1)
    if CASE == "chacha20":
        made.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    return made


class Client(QuicConnectionProtocol):
    """Fetches files, as many at a time as the server allows."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http = H3Connection(self._quic) if PROTOCOL == "h3" else None
        self.pending = {}

    def fetch(self, authority, path):
        stream = self._quic.get_next_available_stream_id()
        done = asyncio.get_running_loop().create_future()
        self.pending[stream] = ([], done)
        if self.http:
            fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", authority.encode()), (b":path", path.encode())]
            self.http.send_headers(stream, fields, end_stream=True)
        else:
            self._quic.send_stream_data(stream, f"GET {path}\r\n".encode(), end_stream=True)
        self.transmit()
        return done

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for _, done in self.pending.values():
                if not done.done():
                    done.set_exception(ConnectionError(f"closed with {event.error_code:#x}: {event.reason_phrase}"))
        if isinstance(event, StreamReset) and event.stream_id in self.pending:
            self.pending[event.stream_id][1].set_exception(ConnectionError(f"reset with {event.error_code:#x}"))
        events = self.http.handle_event(event) if self.http else [event]
        for one in events:
            if isinstance(one, StreamDataReceived):
                data, ended = one.data, one.end_stream
            elif isinstance(one, DataReceived):
                data, ended = one.data, one.stream_ended
            elif isinstance(one, HeadersReceived):
                data, ended = b"", one.stream_ended
            else:
                continue
            if one.stream_id in self.pending:
                parts, done = self.pending[one.stream_id]
                parts.append(data)
                if ended and not done.done():
                    done.set_result(b"".join(parts))


async def fetch_all(urls, made):
    """All URLs on one connection."""
    parts = [urlsplit(url) for url in urls]
    host = parts[0].hostname
    address = "127.0.0.1" if host == "localhost" else host
    made.server_name = host
    folder = pathlib.Path(os.environ["DOWNLOADS"])
    async with connect(
        address, parts[0].port, configuration=made, create_protocol=Client, session_ticket_handler=keep(made)
    ) as client:
        if CASE == "keyupdate":
            client.request_key_update()
        keeping = asyncio.ensure_future(keep_alive(client))
        answers = await asyncio.gather(*[client.fetch(part.netloc, part.path) for part in parts])
        for part, answer in zip(parts, answers):
            (folder / part.path.rsplit("/", 1)[1]).write_bytes(answer)
        keeping.cancel()
        return client._quic.tls.session_resumed


async def keep_alive(client):
    """A client that only receives says nothing when its port is forgotten, and no server could find it then."""
    while True:
        await asyncio.sleep(0.5)
        client._quic.send_ping(0)
        client.transmit()


def keep(made):
    def handler(ticket):
        made.session_ticket = ticket
    return handler if CASE == "resumption" else None


async def run_client():
    made = configuration()
    made.load_verify_locations(str(pathlib.Path(os.environ["CERTS"]) / "ca.pem"))
    urls = os.environ["REQUESTS"].split()
    if CASE == "multiconnect":
        for url in urls:
            await fetch_all([url], made)
    elif CASE == "resumption":
        await fetch_all(urls[:1], made)
        if not await fetch_all(urls[1:], made):
            raise ConnectionError("the second connection is not resumed")
    else:
        await fetch_all(urls, made)


class Server(QuicConnectionProtocol):
    """Answers with files."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http, self.requests = None, {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated) and event.alpn_protocol == "h3":
            self.http = H3Connection(self._quic)
        if self.http:
            for one in self.http.handle_event(event):
                if isinstance(one, HeadersReceived):
                    data = self.file(dict(one.headers)[b":path"].decode())
                    self.http.send_headers(one.stream_id, [(b":status", b"404" if data is None else b"200")])
                    self.http.send_data(one.stream_id, data or b"", end_stream=True)
        elif isinstance(event, StreamDataReceived):
            request = self.requests.get(event.stream_id, b"") + event.data
            self.requests[event.stream_id] = request
            if event.end_stream:
                self.requests.pop(event.stream_id)
                data = self.file(request.decode().split()[1])
                if data is None:
                    self._quic.reset_stream(event.stream_id, 1)
                else:
                    self._quic.send_stream_data(event.stream_id, data, end_stream=True)

    @staticmethod
    def file(path):
        file = pathlib.Path(os.environ["WWW"]) / path.rsplit("/", 1)[1]
        return file.read_bytes() if file.is_file() else None


class Tickets:
    """Those that were given."""

    def __init__(self):
        self.given = {}

    def add(self, ticket):
        self.given[ticket.ticket] = ticket

    def pop(self, label):
        return self.given.pop(label, None)


async def run_server():
    made = configuration()
    certs = pathlib.Path(os.environ["CERTS"])
    made.load_cert_chain(certs / "cert.pem", certs / "priv.key")
    listen = dict(word.split("=", 1) for word in os.environ["SERVER_PARAMS"].split())["listen"]
    host, port = listen.rsplit(":", 1)
    tickets, loop = Tickets(), asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: QuicServer(
            configuration=made, create_protocol=Server, retry=CASE == "retry",
            session_ticket_fetcher=tickets.pop, session_ticket_handler=tickets.add,
        ),
        local_addr=(host.strip("[]"), int(port)),
    )
    bound = transport.get_extra_info("sockname")
    print(f"listening on {host}:{bound[1]}", flush=True)
    ended = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, lambda: ended.done() or ended.set_result(None))
    await ended


if CASE not in CASES:
    print(f"aioquic: {CASE} is not supported", file=sys.stderr)
    sys.exit(NOT_SUPPORTED)
try:
    asyncio.run(run_client() if IS_CLIENT else run_server())
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
