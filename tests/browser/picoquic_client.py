"""picoquic (by aiopquic) as a client of sessions: `HOST PORT CA_PEM`; prints ok, or what went wrong."""

import asyncio
import sys
import traceback

from aiopquic.asyncio.webtransport import WebTransportError, connect_webtransport
from aiopquic.quic.events import WebTransportDatagramReceived, WebTransportNewStream, WebTransportSessionClosed, WebTransportStreamReset


async def next_event(session, kind):
    """The next event of this kind; streams that the server opens are told once they have data."""
    async for event in session.events():
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")


async def read(session, stream):
    """All that comes on a stream, or the reset that ends it."""
    data = bytearray()
    async for event in session.receive_stream_data(stream):
        if isinstance(event, WebTransportStreamReset):
            return event
        data += event.data
    return bytes(data)


async def echoed(session, data):
    stream = await session.create_stream()
    await session.send_stream_data_drained(stream, data, end_stream=True)
    return await read(session, stream)


async def echo(session):
    sent = [bytes([number]) * 5000 for number in range(64)]
    assert await asyncio.gather(*(echoed(session, data) for data in sent)) == sent
    stream = await session.create_stream(bidir=False)
    session.send_stream_data(stream, b"one way", end_stream=True)
    back = (await next_event(session, WebTransportNewStream)).stream_id
    assert await read(session, back) == b"one way"
    assert session.send_datagram_frame(b"datagram") == 8
    assert bytes((await next_event(session, WebTransportDatagramReceived)).data) == b"datagram"
    # A reset is answered by the next code.
    stream = await session.create_stream()
    await session.send_stream_data_drained(stream, b"begun")
    async for event in session.receive_stream_data(stream):
        if isinstance(event, WebTransportStreamReset):
            assert event.error_code == 42, event
            return
        session.reset_stream(stream, 41)
    raise AssertionError("the stream has ended")


async def main(host, port, authority_pem):
    def connected(path):
        return connect_webtransport(host, int(port), path, ca_file=authority_pem)

    try:
        async with connected("/missing"):
            raise AssertionError("nothing is there")
    except WebTransportError:
        pass
    async with connected("/echo") as session:
        await echo(session)
    async with connected("/opens") as session:
        # The server opens a stream of each kind.
        told = {}
        for _ in range(2):
            stream = (await next_event(session, WebTransportNewStream)).stream_id
            told[await read(session, stream)] = stream
        assert set(told) == {b"from the server", b"ping"}, told
        session.send_stream_data(told[b"ping"], b"pong", end_stream=True)
        assert bytes((await next_event(session, WebTransportDatagramReceived)).data) == b"pong"
    async with connected("/closes") as session:
        await session.wait_closed(20)
        # Of a session that is over `events` tells nothing more, though this one was closed before it could be asked.
        told = [session._event_queue.get_nowait() for _ in range(session._event_queue.qsize())]
        [closed] = [event for event in told if isinstance(event, WebTransportSessionClosed)]
        assert (closed.error_code, bytes(closed.reason)) == (4_000_000_000, b"as asked"), closed


try:
    asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))
except Exception as error:
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    print(f"{type(error).__name__}: {error} (lines {own})")
    sys.exit(1)
print("ok")
