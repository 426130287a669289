"""aioquic, as a client: `[--version-2] BASE_URL CA_PEM CASE`; prints ok, or what went wrong. With the flag it speaks QUIC version 2."""

import asyncio
import os
import sys
from urllib.parse import urlsplit

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset
from aioquic.quic.logger import QuicFileLogger
from aioquic.quic.packet import QuicProtocolVersion

import cases


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http = H3Connection(self._quic)
        self.pending = {}
        self.terminated = None

    async def exchange(self, authority, exchange):
        stream = self._quic.get_next_available_stream_id()
        state = {"status": 0, "body": [], "trailers": [], "done": asyncio.get_running_loop().create_future()}
        self.pending[stream] = state
        fields = [
            (b":method", exchange.method.encode()),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", exchange.path.encode()),
            (b"user-agent", b"aioquic"),
        ]
        self.http.send_headers(stream, fields, end_stream=not exchange.sent)
        if exchange.sent:
            self.http.send_data(stream, exchange.sent, end_stream=not exchange.trailers)
        if exchange.trailers:
            trailer = tuple(part.encode() for part in cases.TRAILER)
            self.http.send_headers(stream, [trailer], end_stream=True)
        self.transmit()
        await state["done"]
        exchange.check(state["status"], b"".join(state["body"]), state["trailers"])

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.terminated = f"closed with {event.error_code:#x}: {event.reason_phrase}"
            self.fail(list(self.pending.values()), self.terminated)
        if isinstance(event, StreamReset) and event.stream_id in self.pending:
            self.fail([self.pending[event.stream_id]], f"reset with {event.error_code:#x}")
        for event in self.http.handle_event(event):
            state = self.pending.get(event.stream_id)
            if state is None:
                continue
            if isinstance(event, HeadersReceived):
                fields = [(name.decode(), value.decode()) for name, value in event.headers]
                status = dict(fields).get(":status")
                if status:
                    state["status"] = int(status)
                else:
                    state["trailers"] = fields
            elif isinstance(event, DataReceived):
                state["body"].append(event.data)
            if event.stream_ended and not state["done"].done():
                state["done"].set_result(None)

    @staticmethod
    def fail(states, reason):
        for state in states:
            if not state["done"].done():
                state["done"].set_exception(ConnectionError(reason))


async def run(url, ca, case, is_version_2):
    parts = urlsplit(url)
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=["other" if case == "wrong-alpn" else "h3"],
        server_name=parts.hostname,
        max_data=16_000_000,
        max_stream_data=16_000_000,
    )
    if is_version_2:
        configuration.original_version = QuicProtocolVersion.VERSION_2
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2]
    configuration.load_verify_locations(ca)
    if "QLOG" in os.environ:
        configuration.quic_logger = QuicFileLogger(os.environ["QLOG"])
    protocols = []

    def create(*arguments, **keywords):
        protocols.append(Client(*arguments, **keywords))
        return protocols[-1]

    try:
        async with connect("127.0.0.1", parts.port, configuration=configuration, create_protocol=create) as client:
            await asyncio.gather(*[client.exchange(parts.netloc, one) for one in cases.exchanges(case)])
    except ConnectionError as error:
        reason = protocols[-1].terminated if protocols else None
        raise ConnectionError(reason or f"{error}") from error


if __name__ == "__main__":
    try:
        is_version_2 = sys.argv[1] == "--version-2"
        asyncio.run(run(*sys.argv[1 + is_version_2 :][:3], is_version_2))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)
    print("ok")
