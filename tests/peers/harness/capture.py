"""Reads what the relay wrote down of a run, opens packets with the key log of an end, and answers what the cases ask."""

import dataclasses
import functools

from aioquic.buffer import Buffer
from aioquic.quic.crypto import CryptoContext, CryptoPair, apply_key_phase, next_key_phase
from aioquic.quic.packet import QuicPacketType, pull_quic_header
from aioquic.tls import CipherSuite

SUITES = {
    32: [CipherSuite.AES_128_GCM_SHA256, CipherSuite.CHACHA20_POLY1305_SHA256],
    48: [CipherSuite.AES_256_GCM_SHA384],
}
INITIAL, HANDSHAKE, RETRY, ONE_RTT, NEGOTIATION, ZERO_RTT = (
    QuicPacketType.INITIAL, QuicPacketType.HANDSHAKE, QuicPacketType.RETRY, QuicPacketType.ONE_RTT,
    QuicPacketType.VERSION_NEGOTIATION, QuicPacketType.ZERO_RTT,
)
PATH_CHALLENGE, PATH_RESPONSE, CRYPTO = 0x1A, 0x1B, 0x06
# Of extensions that ends agree on.
RESET_STREAM_AT, ACK_FREQUENCY = 0x24, 0xAF
# More than half of what one byte of a packet number tells apart.
FAR = 200


@dataclasses.dataclass
class Datagram:
    """`time` in seconds; `client` is where the server sees the client."""

    time: float
    to_server: bool
    client: str
    fate: str
    data: bytes

    @property
    def arrived(self):
        return self.fate != "lost"


@dataclasses.dataclass
class Packet:
    """`start` is where what is protected begins in `raw`; `number` and `frames` are there once it was opened."""

    datagram: Datagram
    kind: QuicPacketType
    version: int | None
    destination: bytes
    source: bytes
    token: bytes
    raw: bytes
    start: int
    number: int | None = None
    key_phase: int | None = None
    frames: list = dataclasses.field(default_factory=list)


def read(path):
    """The datagrams of a file."""
    found = []
    with open(path) as lines:
        for line in lines:
            micros, heading, client, fate, _, hexadecimal = line.split()
            data = b"" if hexadecimal == "-" else bytes.fromhex(hexadecimal)
            found.append(Datagram(int(micros) / 1e6, heading == ">", client, fate, data))
    return found


def secrets(paths):
    """From key logs: the secrets by client random and label."""
    found = {}
    for path in paths:
        if path.exists():
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) == 3:
                    found[(bytes.fromhex(words[1]), words[0])] = bytes.fromhex(words[2])
    return found


def frames_of(payload):
    """Frames as tuples of their type and what matters of them. Raises ValueError for a type that is not known."""
    buffer, found = Buffer(data=payload), []
    number = buffer.pull_uint_var
    while not buffer.eof():
        kind = number()
        if kind in (0x00, 0x01, 0x1E, 0x1F):
            found.append((kind,))
        elif kind in (0x02, 0x03):
            number(), number()
            for _ in range(2 * number() + 1):
                number()
            if kind == 0x03:
                number(), number(), number()
            found.append((kind,))
        elif kind == CRYPTO:
            offset = number()
            found.append((kind, offset, buffer.pull_bytes(number())))
        elif kind == 0x07:
            found.append((kind, buffer.pull_bytes(number())))
        elif 0x08 <= kind <= 0x0F:
            stream = number()
            offset = number() if kind & 4 else 0
            length = number() if kind & 2 else buffer.capacity - buffer.tell()
            buffer.seek(buffer.tell() + length)
            found.append((kind, stream, offset, length))
        elif kind in (0x04, 0x05, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x19):
            count = {0x04: 3, 0x05: 2, 0x11: 2, 0x15: 2}.get(kind, 1)
            found.append((kind, *[number() for _ in range(count)]))
        elif kind == 0x18:
            sequence, _ = number(), number()
            identifier = buffer.pull_bytes(buffer.pull_uint8())
            buffer.pull_bytes(16)
            found.append((kind, sequence, identifier))
        elif kind in (PATH_CHALLENGE, PATH_RESPONSE):
            found.append((kind, buffer.pull_bytes(8)))
        elif kind in (0x1C, 0x1D):
            code = number()
            if kind == 0x1C:
                number()
            found.append((kind, code, buffer.pull_bytes(number())))
        elif kind in (RESET_STREAM_AT, ACK_FREQUENCY):
            found.append((kind, *[number() for _ in range(4)]))
        elif kind in (0x30, 0x31):
            buffer.pull_bytes(number() if kind & 1 else buffer.capacity - buffer.tell())
            found.append((kind,))
        else:
            raise ValueError(f"a frame of type {kind:#x}")
    return found


class Capture:
    """One run of a client against a server."""

    def __init__(self, path, key_logs):
        self.datagrams, self.secrets = read(path), secrets(key_logs)
        self.lengths = self.find_lengths()
        self.packets = [packet for datagram in self.datagrams for packet in self.split(datagram)]
        self.open_initials()

    def find_lengths(self):
        """How long the connection IDs are that each end gives itself: in 1-RTT packets to the server, and to the client."""
        lengths = {True: 8, False: 8}
        for datagram in self.datagrams:
            for packet in self.split(datagram, lengths):
                if packet.kind in (INITIAL, HANDSHAKE):
                    lengths[not datagram.to_server] = len(packet.source)
                break
        return lengths

    def split(self, datagram, lengths=None):
        """The packets of a datagram, as far as they can be told."""
        lengths = lengths or self.lengths
        data, found = datagram.data, []
        while data:
            # Ends that agree on it may send the QUIC bit as they like (RFC 9287).
            buffer = Buffer(data=bytes([data[0] | 0x40]) + data[1:])
            try:
                header = pull_quic_header(buffer, host_cid_length=lengths[datagram.to_server])
            except Exception:
                break
            size = header.packet_length or len(data)
            found.append(Packet(
                datagram, header.packet_type, header.version, header.destination_cid, header.source_cid, header.token,
                data[:size], buffer.tell(),
            ))
            data = data[size:]
        return found

    def open_initials(self):
        """Opens Initial packets: their keys come from what the client sent its first one to, or from a Retry packet."""
        destinations = {}
        for packet in self.packets:
            if packet.kind != INITIAL:
                continue
            client = packet.source if packet.datagram.to_server else packet.destination
            known = destinations.setdefault(client, [])
            if packet.datagram.to_server and packet.destination not in known:
                known.append(packet.destination)
            for destination in known:
                pair = CryptoPair()
                pair.setup_initial(cid=destination, is_client=False, version=packet.version)
                if open_packet(packet, pair.recv if packet.datagram.to_server else pair.send, 0):
                    break

    def select(self, kind, to_server):
        return [packet for packet in self.packets if packet.kind == kind and packet.datagram.to_server == to_server]

    def server_sources(self):
        """The connection IDs that the server calls itself in its Initial packets."""
        return {packet.source for packet in self.select(INITIAL, False)}

    def server_versions(self):
        return {packet.version for packet in self.select(INITIAL, False)}

    def client_hellos(self):
        """The handshake bytes of the client's Initial packets, of each connection, as far as they came in order."""
        streams = {}
        for packet in self.select(INITIAL, True):
            for frame in packet.frames:
                if frame[0] == CRYPTO:
                    streams.setdefault(packet.source, {})[frame[1]] = frame[2]
        return [joined(pieces) for pieces in streams.values()]

    def hello_randoms(self):
        return [hello[6:38] for hello in self.client_hellos() if len(hello) >= 38]

    def secret(self, label):
        """That of the only connection, or of the first."""
        for random in self.hello_randoms():
            if (random, label) in self.secrets:
                return self.secrets[(random, label)]
        return None

    def open_level(self, kind, to_server, label, random=None, source=None):
        """Opens packets of a type in a direction with a secret; gives those that were opened."""
        secret = self.secret(label) if random is None else self.secrets.get((random, label))
        packets = self.select(kind, to_server)
        if source is not None:
            packets = [packet for packet in packets if source in (packet.source, packet.destination)]
        for suite in SUITES.get(len(secret or b""), []):
            context, expected, opened = CryptoContext(), 0, []
            context.setup(cipher_suite=suite, secret=secret, version=1)
            for packet in packets:
                # On a busy machine the relay may read one path's packets long after another's, and a number is sent cut off.
                if any(open_packet(packet, context, max(0, expected + away)) for away in (0, -FAR, FAR)):
                    expected = max(expected, packet.number + 1)
                    opened.append(packet)
            if opened:
                return opened
        return []

    @functools.cached_property
    def one_rtt(self):
        """1-RTT packets that were opened: those to the server, and those to the client."""
        return {
            True: self.open_level(ONE_RTT, True, "CLIENT_TRAFFIC_SECRET_0"),
            False: self.open_level(ONE_RTT, False, "SERVER_TRAFFIC_SECRET_0"),
        }

    def server_handshake(self, random=None, source=None):
        """The handshake bytes that the server sends under Handshake keys."""
        pieces = {}
        for packet in self.open_level(HANDSHAKE, False, "SERVER_HANDSHAKE_TRAFFIC_SECRET", random, source):
            for frame in packet.frames:
                if frame[0] == CRYPTO and len(frame[2]) >= len(pieces.get(frame[1], b"")):
                    pieces[frame[1]] = frame[2]
        return joined(pieces)


def joined(pieces):
    """Bytes from 0 on, as far as there is no gap."""
    data = b""
    for offset, piece in sorted(pieces.items()):
        if offset > len(data):
            break
        data = data[:offset] + piece if offset + len(piece) > len(data) else data
    return data


def open_packet(packet, context, expected):
    """Whether the packet could be opened; follows an update of its keys. Raises ValueError if it has a frame that is not known:
    a packet that is left out unsaid would let a case judge what it has not seen."""
    try:
        header, payload, number, is_update = context.decrypt_packet(packet.raw, packet.start, expected)
    except Exception:
        return False
    packet.number, packet.frames, packet.key_phase = number, frames_of(payload), header[0] >> 2 & 1
    if is_update:
        # From the next on; a late one of the generation before is not opened.
        apply_key_phase(context, next_key_phase(context), trigger="update")
    return True


def messages(data):
    """Handshake messages: types and bodies."""
    found = []
    while len(data) >= 4:
        length = int.from_bytes(data[1:4], "big")
        found.append((data[0], data[4:4 + length]))
        data = data[4 + length:]
    return found


def transport_parameters(extensions):
    """Numbers by their identifiers, of the list of extensions of a message."""
    buffer, found = Buffer(data=extensions), {}
    while not buffer.eof():
        kind, content = buffer.pull_uint16(), buffer.pull_bytes(buffer.pull_uint16())
        if kind != 0x39:
            continue
        inner = Buffer(data=content)
        while not inner.eof():
            name, value = inner.pull_uint_var(), inner.pull_bytes(inner.pull_uint_var())
            try:
                found[name] = Buffer(data=value).pull_uint_var() if value else 0
            except Exception:
                found[name] = None
    return found


def cipher_suites(hello):
    """What a ClientHello offers, without reserved values."""
    buffer = Buffer(data=hello)
    buffer.pull_bytes(4 + 2 + 32)
    buffer.pull_bytes(buffer.pull_uint8())
    suites = buffer.pull_bytes(buffer.pull_uint16())
    numbers = [int.from_bytes(suites[at:at + 2], "big") for at in range(0, len(suites), 2)]
    return [number for number in numbers if number & 0x0F0F != 0x0A0A]
