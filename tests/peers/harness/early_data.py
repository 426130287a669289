"""Early data between posthaste and aioquic: `POSTHASTE_BINARY CLIENT SERVER`; `aioquic-2` speaks QUIC version 2.

Prints what was seen, and `ok` if it was early where it had to be: with a ticket, not without one, and not with a used one.
"""

import asyncio
import pathlib
import subprocess
import sys
import tempfile

from aioquic.asyncio.client import connect
from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

import certificates
import cases
from aioquic_client import Client
from aioquic_server import Server


class Tickets:
    """A server's tickets, each good once."""

    def __init__(self):
        self.kept = {}

    def add(self, ticket):
        self.kept[ticket.ticket] = ticket

    def pop(self, label):
        return self.kept.pop(label, None)


VERSIONS = {"aioquic": QuicProtocolVersion.VERSION_1, "aioquic-2": QuicProtocolVersion.VERSION_2}


async def ask(port, ca, version, ticket, tickets):
    """One request; gives whether its early data was taken."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name="localhost")
    configuration.load_verify_locations(ca)
    configuration.session_ticket = ticket
    configuration.original_version, configuration.supported_versions = version, [version]
    connected = connect(
        "127.0.0.1",
        port,
        configuration=configuration,
        create_protocol=Client,
        session_ticket_handler=tickets.append,
        wait_connected=False,
    )
    async with connected as client:
        await client.exchange(f"localhost:{port}", cases.get(1000))
        # Behind the tickets.
        await client.exchange(f"localhost:{port}", cases.get(1000))
        return client._quic.tls.early_data_accepted


async def their_client(binary, folder, version):
    """aioquic asks `posthaste serve`."""
    certificates.make(folder)
    identity = ["--cert", folder / "good.pem", "--key", folder / "good.key"]
    command = [binary, "serve", folder, "--listen", "127.0.0.1:0", *identity, "--bodies", "--early-data"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = int(serving.stdout.readline().split(" for ")[0].strip().rsplit(":", 1)[1])
        tickets, ca = [], folder / "authority.pem"
        first = await ask(port, ca, version, None, tickets)
        second = await ask(port, ca, version, tickets[-1], [])
        again = await ask(port, ca, version, tickets[-1], [])
        print("aioquic asks posthaste: early data taken:", first, second, "and with the same ticket", again)
        return (first, second, again) == (False, True, False)
    finally:
        serving.terminate()
        serving.wait(10)


async def our_client(binary, folder, version):
    """`posthaste get` asks aioquic."""
    certificates.make(folder)
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.supported_versions = [version]
    configuration.load_cert_chain(folder / "good.pem", folder / "good.key")
    tickets, accepted = Tickets(), []

    class Noting(Server):
        def respond(self, stream, state):
            accepted.append(self._quic.tls.early_data_accepted)
            super().respond(stream, state)

    server = lambda: QuicServer(
        configuration=configuration,
        create_protocol=Noting,
        session_ticket_fetcher=tickets.pop,
        session_ticket_handler=tickets.add,
    )
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(server, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    sent = []
    for _ in range(3):
        url, file, ca = f"https://127.0.0.1:{port}/bytes/1000", folder / "tickets", folder / "authority.pem"
        command = [binary, "get", url, "--ca", ca, "--ticket-file", file, "--early-data", "--trace"]
        command += ["--quic-version", "2" if version == QuicProtocolVersion.VERSION_2 else "1"]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        body, trace = await asyncio.wait_for(process.communicate(), 20)
        if process.returncode != 0 or body != cases.body(1000):
            print(trace.decode())
            return False
        sent.append(b"sent 0-RTT" in trace)
    transport.close()
    print("posthaste asks aioquic: early data sent:", sent, "taken:", accepted)
    return sent == [False, True, True] and accepted == sent


def main(binary, client, server):
    run, version = (our_client, VERSIONS[server]) if client == "posthaste" else (their_client, VERSIONS[client])
    with tempfile.TemporaryDirectory() as folder:
        good = asyncio.run(run(binary, pathlib.Path(folder), version))
    print("ok" if good else "that is not as it has to be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
