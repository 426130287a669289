"""WebSockets with the library `websockets`, in both roles over HTTP/1.1, and with Chromium: EXAMPLE is the program of
`examples/websocket.rs`. Prints a line for each case, and ends with 1 if one has failed."""

import asyncio
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile

import websockets

import certificates
from examples import Browser


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def text_and_bytes(url):
    async with websockets.connect(url, ssl=trusting(), subprotocols=["other", "echo"], compression=None) as socket:
        assert socket.subprotocol == "echo", socket.subprotocol
        for message in ["Grüße 🦀", "", b"", bytes(range(256)), "x" * 500_000, os.urandom(1 << 20)]:
            await socket.send(message)
            assert await socket.recv() == message, f"{len(message)} bytes"


async def fragments(url):
    async with websockets.connect(url, ssl=trusting()) as socket:
        await socket.send([f"piece {number} é" for number in range(100)])
        assert await socket.recv() == "".join(f"piece {number} é" for number in range(100))


async def compression_is_not_agreed_to(url):
    async with websockets.connect(url, ssl=trusting(), compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        await socket.send("a" * 10_000)
        assert await socket.recv() == "a" * 10_000


async def pings(url):
    async with websockets.connect(url, ssl=trusting()) as socket:
        for number in range(20):
            waiter = await socket.ping(str(number))
            await asyncio.wait_for(waiter, 5)


async def closing(url):
    socket = await websockets.connect(url, ssl=trusting())
    await socket.close(code=4001, reason="enough")
    assert socket.close_code == 4001, socket.close_code
    async with websockets.connect(url, ssl=trusting(), max_size=None) as socket:
        try:
            await socket.send(b"x" * ((1 << 20) + 1))
            await socket.recv()
        except websockets.ConnectionClosed:
            pass
        assert socket.close_code == 1009, socket.close_code


async def foreign_origin(url):
    try:
        async with websockets.connect(url, ssl=trusting(), origin="https://evil.example"):
            raise AssertionError("it was let in")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 403, refused


async def many(url):
    async def one(number):
        async with websockets.connect(url, ssl=trusting()) as socket:
            await socket.send(str(number))
            assert await socket.recv() == str(number)

    await asyncio.gather(*(one(number) for number in range(50)))


async def our_client(example):
    """`websockets` is the server, by HTTP/1.1 alone, and nothing listens by UDP."""

    async def echo(socket):
        async for message in socket:
            await socket.send(f"{message} back")

    with tempfile.TemporaryDirectory() as folder:
        certificates.make(pathlib.Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/good.pem", f"{folder}/good.key")
        context.set_alpn_protocols(["http/1.1"])
        async with websockets.serve(echo, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                example, f"wss://127.0.0.1:{port}/", "there", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            out, errors = await asyncio.wait_for(process.communicate(), 30)
            assert (process.returncode, out) == (0, b"there back\n"), (process.returncode, out, errors)


def chromium(url):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            page = browser.open(url.replace("wss://", "https://"))
            browser.until(page, "return document.getElementById('log').textContent.startsWith('hello')")
        finally:
            browser.stop()


def start(example):
    environment = {**os.environ, "LISTEN": "127.0.0.1:0"}
    server = subprocess.Popen([example], stdout=subprocess.PIPE, text=True, env=environment)
    address = re.search(r"https://(\S+)", server.stdout.readline()).group(1)
    return server, f"wss://{address}/echo"


def main(example):
    server, url = start(example)
    failed = 0
    cases = [text_and_bytes, fragments, compression_is_not_agreed_to, pings, closing, foreign_origin, many]
    try:
        for case in [*cases, our_client, chromium]:
            try:
                argument = example if case is our_client else url
                result = case(argument)
                if asyncio.iscoroutine(result):
                    asyncio.run(asyncio.wait_for(result, 60))
                print(f"ok      {case.__name__}")
            except Exception as error:
                failed += 1
                print(f"FAILED  {case.__name__}: {type(error).__name__}: {error}")
    finally:
        server.terminate()
        server.wait()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(sys.argv[1])
