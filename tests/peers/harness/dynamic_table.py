"""The dynamic tables of QPACK between posthaste and aioquic, in both roles: `dynamic_table.py POSTHASTE_BINARY`.

Prints how many bytes went over the four streams of QPACK, and `ok` if lines were inserted and referred to in both directions: what a
decoder says beyond the type of its stream are acknowledgments and counts of insertions.
"""

import asyncio
import pathlib
import re
import subprocess
import sys
import tempfile

from aioquic.asyncio.client import connect
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration

import cases
import certificates
from aioquic_client import Client
from aioquic_server import Server

COUNT = 8


def streams(trace, side):
    """Bytes over our encoder and decoder stream, and over theirs, by the trace of `side`."""
    own, theirs = ((6, 10), (7, 11)) if side == "client" else ((7, 11), (6, 10))
    def total(stream, direction):
        return sum(int(size) for size in re.findall(rf"stream {stream}: (\d+) bytes {direction} the application", trace))
    return [total(stream, "from") for stream in own] + [total(stream, "to") for stream in theirs]


def judge(what, counts):
    print(f"{what}: our encoder {counts[0]} bytes, our decoder {counts[1]}; their encoder {counts[2]}, their decoder {counts[3]}")
    # The type of each stream is one byte. An encoder says at least the capacity and one line.
    return counts[0] > 10 and counts[1] > 1 and counts[2] > 4 and counts[3] > 1


async def their_client(binary, folder):
    identity = ["--cert", folder / "good.pem", "--key", folder / "good.key"]
    command = [binary, "serve", folder, "--listen", "127.0.0.1:0", *identity, "--bodies", "--qpack-table", "4096", "--trace"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = int(serving.stdout.readline().split(" for ")[0].strip().rsplit(":", 1)[1])
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name="localhost")
        configuration.load_verify_locations(folder / "authority.pem")
        async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client:
            for _ in range(COUNT):
                await client.exchange(f"localhost:{port}", cases.get(1000))
    finally:
        serving.terminate()
        _, trace = serving.communicate(timeout=20)
    return judge("aioquic asks posthaste", streams(trace, "server"))


async def our_client(binary, folder):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(folder / "good.pem", folder / "good.key")
    server = lambda: QuicServer(configuration=configuration, create_protocol=Server)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(server, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    urls = [f"https://127.0.0.1:{port}/bytes/1000"] * COUNT
    options = ["--ca", folder / "authority.pem", "--header", "x-own: a value that comes again", "--qpack-table", "4096", "--trace"]
    process = await asyncio.create_subprocess_exec(
        binary, "get", *urls, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    body, trace = await asyncio.wait_for(process.communicate(), 20)
    transport.close()
    if process.returncode != 0 or body != COUNT * cases.body(1000):
        print(trace.decode())
        return False
    return judge("posthaste asks aioquic", streams(trace.decode(), "client"))


def main(binary):
    good = True
    for run in (their_client, our_client):
        with tempfile.TemporaryDirectory() as folder:
            certificates.make(pathlib.Path(folder))
            good &= asyncio.run(run(binary, pathlib.Path(folder)))
    print("ok" if good else "that is not as it has to be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
