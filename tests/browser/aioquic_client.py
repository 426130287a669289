"""aioquic as a client of sessions: `HOST PORT CA_PEM`; prints ok, or what went wrong."""

import asyncio
import sys
import traceback

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import FrameType, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.events = asyncio.Queue()
        self.kept = []
        self.streams = {}

    def quic_event_received(self, event):
        if isinstance(event, StreamReset):
            self.events.put_nowait(event)
        for event in self.http.handle_event(event):
            if isinstance(event, WebTransportStreamDataReceived):
                known = self.streams.setdefault(event.stream_id, bytearray())
                known += event.data
                if not event.stream_ended:
                    continue
            self.events.put_nowait(event)

    async def next(self, kind):
        """The next event of this kind; others wait for whoever asks for them."""
        for event in self.kept:
            if isinstance(event, kind):
                self.kept.remove(event)
                return event
        while True:
            event = await asyncio.wait_for(self.events.get(), 20)
            if isinstance(event, kind):
                return event
            self.kept.append(event)

    def ask(self, authority, path):
        stream = self._quic.get_next_available_stream_id()
        fields = [(":method", "CONNECT"), (":scheme", "https"), (":authority", authority), (":path", path), (":protocol", "webtransport")]
        self.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in fields])
        self.transmit()
        return stream

    async def session(self, authority, path):
        stream = self.ask(authority, path)
        return stream, dict((await self.next(HeadersReceived)).headers)[b":status"]

    def send(self, session, data, is_unidirectional):
        stream = self.http.create_webtransport_stream(session, is_unidirectional)
        if not is_unidirectional:
            # What comes back on a stream of its own it takes for frames of HTTP/3, unless it is told.
            with self.http._get_or_create_stream(stream) as known:
                known.frame_type, known.session_id = FrameType.WEBTRANSPORT_STREAM, session
        self._quic.send_stream_data(stream, data, end_stream=True)
        return stream


async def main(host, port, authority_pem):
    configuration = QuicConfiguration(alpn_protocols=["h3"], is_client=True, max_datagram_frame_size=65536)
    configuration.load_verify_locations(authority_pem)
    authority = f"{host}:{port}"

    def connected():
        return connect(host, int(port), configuration=configuration, create_protocol=Client)

    async with connected() as client:
        assert (await client.session(authority, "/missing"))[1] == b"404"
        session, status = await client.session(authority, "/echo")
        assert status == b"200", status
        sent = {client.send(session, bytes([number]) * 5000, False): number for number in range(64)}
        client.transmit()
        for _ in range(64):
            event = await client.next(WebTransportStreamDataReceived)
            assert client.streams[event.stream_id] == bytes([sent[event.stream_id]]) * 5000
        client.send(session, b"one way", True)
        client.transmit()
        event = await client.next(WebTransportStreamDataReceived)
        assert client.streams[event.stream_id] == b"one way" and event.session_id == session
        client.http.send_datagram(session, b"datagram")
        client.transmit()
        event = await client.next(DatagramReceived)
        assert (event.stream_id, event.data) == (session, b"datagram")
        # Without flow control a session is alone on its connection: the next one is rejected, and can be had elsewhere.
        second = client.ask(authority, "/opens")
        event = await client.next(StreamReset)
        assert (event.stream_id, event.error_code) == (second, 0x10B), event
    async with connected() as client:
        # One whose server opens streams.
        other, status = await client.session(authority, "/opens")
        assert status == b"200", status
        told = [await client.next(WebTransportStreamDataReceived) for _ in range(2)]
        texts = {bytes(client.streams[event.stream_id]): event for event in told}
        assert set(texts) == {b"from the server", b"ping"} and all(event.session_id == other for event in told)
        client._quic.send_stream_data(texts[b"ping"].stream_id, b"pong", end_stream=True)
        client.transmit()
        assert (await client.next(DatagramReceived)).data == b"pong"
    async with connected() as client:
        # The close comes as a capsule: type 0x2843, code and message.
        _, status = await client.session(authority, "/closes")
        capsule = (await client.next(DataReceived)).data
        assert capsule == b"\x68\x43\x0c" + (4_000_000_000).to_bytes(4, "big") + b"as asked", capsule


try:
    asyncio.run(main(*sys.argv[1:]))
except Exception as error:
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    print(f"{type(error).__name__}: {error} (lines {own})")
    sys.exit(1)
print("ok")
