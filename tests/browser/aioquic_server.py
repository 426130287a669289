"""aioquic as a server of sessions: `CERT_PEM KEY_PEM`; prints its port, and echoes streams of both kinds and datagrams."""

import asyncio
import sys

from aioquic.asyncio import serve
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration


class Server(QuicConnectionProtocol):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.one_way = {}

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                fields = dict(event.headers)
                is_session = fields.get(b":protocol") == b"webtransport" and fields[b":path"] == b"/echo"
                status = b"200" if is_session else b"404"
                self.http.send_headers(event.stream_id, [(b":status", status)], end_stream=not is_session)
            elif isinstance(event, DatagramReceived):
                self.http.send_datagram(event.stream_id, event.data)
            elif isinstance(event, WebTransportStreamDataReceived):
                stream = event.stream_id
                if stream & 2:
                    if stream not in self.one_way:
                        self.one_way[stream] = self.http.create_webtransport_stream(event.session_id, True)
                    stream = self.one_way[stream]
                self._quic.send_stream_data(stream, event.data, end_stream=event.stream_ended)
        self.transmit()


async def main(certificate, key):
    configuration = QuicConfiguration(alpn_protocols=["h3"], is_client=False, max_datagram_frame_size=65536)
    configuration.load_cert_chain(certificate, key)
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Server)
    print(server._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
