"""aioquic, as a server: `[--version-2] CERT_PEM KEY_PEM [ALPN]`; prints `ready PORT`, and `connection` for each one. With the flag it
takes clients that like it best from QUIC version 1 to version 2, and closes to all others."""

import asyncio
import os
import sys

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated
from aioquic.quic.logger import QuicFileLogger
from aioquic.quic.packet import QuicProtocolVersion

import cases


IS_VERSION_2 = sys.argv[1:2] == ["--version-2"]


class Server(QuicConnectionProtocol):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http = None
        self.pending = {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            print("connection", flush=True)
            if IS_VERSION_2 and self._quic._version != QuicProtocolVersion.VERSION_2:
                self._quic.close(error_code=0x11, reason_phrase="not version 2")
            self.http = H3Connection(self._quic)
        if self.http is None:
            return
        for event in self.http.handle_event(event):
            if not isinstance(event, (HeadersReceived, DataReceived)):
                continue
            state = self.pending.setdefault(event.stream_id, {"fields": {}, "body": [], "trailers": []})
            if isinstance(event, DataReceived):
                state["body"].append(event.data)
            elif state["fields"]:
                state["trailers"] = event.headers
            else:
                state["fields"] = dict(event.headers)
            if event.stream_ended:
                self.respond(event.stream_id, self.pending.pop(event.stream_id))

    def respond(self, stream, state):
        fields = state["fields"]
        status, body, trailers = cases.answer(
            fields[b":path"].decode(), b"".join(state["body"]), state["trailers"]
        )
        trailers = [
            tuple(part.encode() if isinstance(part, str) else part for part in trailer) for trailer in trailers
        ]
        head = fields[b":method"] == b"HEAD"
        answer = [(b":status", str(status).encode()), (b"content-length", str(len(body)).encode())]
        self.http.send_headers(stream, answer, end_stream=head)
        if not head:
            self.http.send_data(stream, body, end_stream=not trailers)
            if trailers:
                self.http.send_headers(stream, trailers, end_stream=True)


async def run(certificate, key, protocol="h3"):
    configuration = QuicConfiguration(
        is_client=False, alpn_protocols=[protocol], max_data=16_000_000, max_stream_data=16_000_000
    )
    if IS_VERSION_2:
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2, QuicProtocolVersion.VERSION_1]
    configuration.load_cert_chain(certificate, key)
    if "QLOG" in os.environ:
        configuration.quic_logger = QuicFileLogger(os.environ["QLOG"])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: QuicServer(configuration=configuration, create_protocol=Server),
        local_addr=("127.0.0.1", 0),
    )
    print("ready", transport.get_extra_info("sockname")[1], flush=True)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1 + IS_VERSION_2 :]))
