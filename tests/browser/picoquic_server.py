"""picoquic (by aiopquic) as a server of sessions: `CERT_PEM KEY_PEM`; prints its port, and echoes streams of both kinds and datagrams at /echo. A
datagram that says `close` ends the session."""

import asyncio
import socket
import sys

from aiopquic.asyncio.webtransport import serve_webtransport
from aiopquic.quic.events import WebTransportDatagramReceived, WebTransportNewStream, WebTransportStreamReset


async def answer(session, stream):
    back = stream if stream & 2 == 0 else await session.create_stream(bidir=False)
    async for event in session.receive_stream_data(stream):
        if isinstance(event, WebTransportStreamReset):
            session.reset_stream(back, event.error_code + 1)
            return
        await session.send_stream_data_drained(back, bytes(event.data), end_stream=event.end_stream)


async def echo(session):
    tasks = set()
    async for event in session.events():
        if isinstance(event, WebTransportNewStream):
            tasks.add(asyncio.ensure_future(answer(session, event.stream_id)))
        elif isinstance(event, WebTransportDatagramReceived):
            if bytes(event.data) == b"close":
                session.close(12_345, b"as asked")
            else:
                session.send_datagram_frame(bytes(event.data))


def bind(port):
    """A port that is free now: this one, or any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", port))
        return probe.getsockname()[1]


async def taken(port):
    """Its thread binds the port after the call, and does not say when."""
    for _ in range(1000):
        try:
            bind(port)
        except OSError:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("nobody has bound the port")


async def main(certificate, key):
    port = bind(0)
    server = await serve_webtransport("127.0.0.1", port, "/echo", handler=echo, cert_file=certificate, key_file=key)
    await taken(port)
    print(port, flush=True)
    await asyncio.Future()
    await server.aclose()


asyncio.run(main(*sys.argv[1:]))
