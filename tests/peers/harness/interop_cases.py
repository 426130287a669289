"""The cases of the interop runner: files, path, what each end is told, and what must be seen besides the files."""

import dataclasses
import json
from collections.abc import Callable

import capture
from capture import CRYPTO, HANDSHAKE, INITIAL, NEGOTIATION, PATH_CHALLENGE, PATH_RESPONSE, RETRY, ZERO_RTT

KIB, MIB = 1 << 10, 1 << 20
# 15 ms each way, 10 Mbit/s, a queue of 25 packets.
LINK = "delay=15 rate=10000 queue=60000 queue-datagrams=25"
CHACHA20 = 0x1303
CERTIFICATE, SERVER_EXTENSIONS = 11, 8
INITIAL_MAX_STREAMS_BIDI = 0x08


@dataclasses.dataclass
class Run:
    """What there is to look at when the ends are done."""

    capture: capture.Capture
    # Folders with qlog of ours, where an end is ours.
    qlogs: dict


@dataclasses.dataclass
class Case:
    """`client` and `server` are what the ends are told; `check` gives what is wrong, or None."""

    files: list
    path: str = LINK
    client: str = "transfer"
    server: str = "transfer"
    handshakes: int = 1
    check: Callable = lambda run: None
    limit: int = 60
    chain: int = 1
    ipv6: bool = False
    # The relay loses ECN marks, so the ends talk without one.
    direct: bool = False
    # Bytes of a file that another client of ours fetches meanwhile, over the same path from the same server.
    beside: int = 0
    quick: bool = True
    # Of the server's Initial packets.
    versions: frozenset = frozenset({1})


VERSION_2 = 0x6B3343CF


def wrong_handshakes(run, count, versions):
    """Of every case: how many handshakes there were, and of which version."""
    if len(run.capture.server_sources()) != count:
        return f"{len(run.capture.server_sources())} handshakes instead of {count}"
    seen = run.capture.server_versions()
    # What is acknowledged before the ClientHello is there as a whole is so in the first version.
    if not versions <= seen <= versions | {1}:
        return f"Initial packets of versions {run.capture.server_versions()}"
    return None


def second_version(run):
    """The client begins with version 1, and what follows the first flights is of version 2."""
    beginnings = {packet.version for packet in run.capture.select(INITIAL, True)}
    both = run.capture.select(HANDSHAKE, True) + run.capture.select(HANDSHAKE, False)
    others = {packet.version for packet in both} - {VERSION_2}
    if 1 not in beginnings or others or not both:
        return f"Initial packets of the client of versions {beginnings}, Handshake packets of {others or 'none'}"
    return None


def early(run):
    """What the client asks for on the second connection goes in 0-RTT packets."""
    sent = sum(len(packet.raw) for packet in run.capture.select(ZERO_RTT, True))
    return None if sent > 39 * len("GET /a\r\n") else f"{sent} bytes in 0-RTT packets"


def no_retry(run):
    return "a Retry packet" if run.capture.select(RETRY, False) else None


def two_hellos(run):
    beginnings = [
        packet for packet in run.capture.select(INITIAL, True)
        if any(frame[0] == CRYPTO and frame[1] == 0 for frame in packet.frames)
    ]
    return None if len(beginnings) >= 2 else f"{len(beginnings)} ClientHellos: none was repeated within 1.5 s"


def only_chacha20(run):
    offers = [capture.cipher_suites(hello) for hello in run.capture.client_hellos()]
    return None if offers and all(offer == [CHACHA20] for offer in offers) else f"the client offers {offers}"


def few_streams(run):
    bodies = [body for kind, body in capture.messages(run.capture.server_handshake()) if kind == SERVER_EXTENSIONS]
    if not bodies:
        return "no EncryptedExtensions could be read"
    limit = capture.transport_parameters(bodies[0][2:]).get(INITIAL_MAX_STREAMS_BIDI)
    return None if limit is not None and limit <= 1000 else f"initial_max_streams_bidi is {limit}"


def retried(run):
    tokens = [packet.token for packet in run.capture.select(RETRY, False)]
    if not tokens or not all(tokens):
        return "no Retry packet with a token"
    initials = run.capture.select(INITIAL, True)
    with_token = [packet.number for packet in initials if packet.token in tokens]
    before = [packet.number for packet in initials if not packet.token]
    if not with_token or None in with_token + before:
        return "no token came back in a packet that could be opened"
    return None if min(with_token) > max(before) else f"numbers {with_token} after {before}: the space was begun again"


def resumed(run):
    seen = []
    for hello, source in zip(run.capture.client_hellos(), ordered_sources(run)):
        data = run.capture.server_handshake(hello[6:38], source)
        kinds = [kind for kind, _ in capture.messages(data)]
        seen.append((SERVER_EXTENSIONS in kinds, CERTIFICATE in kinds))
    return None if seen == [(True, True), (True, False)] else f"(opened, has a certificate) of the connections: {seen}"


def ordered_sources(run):
    """The server's connection IDs, as they came."""
    return list(dict.fromkeys(packet.source for packet in run.capture.select(INITIAL, False)))


def keys_updated(run):
    without = [name for name, to_server in (("client", True), ("server", False))
               if not any(packet.key_phase for packet in run.capture.one_rtt[to_server])]
    return f"nothing under new keys by the {' and the '.join(without)}" if without else None


def amplification(run):
    if run.capture.select(NEGOTIATION, False):
        return "a Version Negotiation packet"
    reached = len(run.capture.server_handshake())
    if reached < 7500:
        return f"the server's handshake has {reached} bytes, too few to be held up"
    handshakes = {id(packet.datagram) for packet in run.capture.select(HANDSHAKE, True) if packet.datagram.arrived}
    received = sent = 0
    for datagram in run.capture.datagrams:
        if id(datagram) in handshakes:
            return None
        if datagram.to_server:
            received += len(datagram.data) if datagram.arrived else 0
        else:
            sent += len(datagram.data)
            # The runner lets one packet of a server pass that is the first beyond three times, up to four times; ours may not.
            is_first = sent - len(datagram.data) <= 3 * received
            allowed = 3 if "server" in run.qlogs or not is_first else 4
            if sent > allowed * received:
                return f"{sent} bytes sent after {received} were received"
    return "no Handshake packet of the client's arrived"


def paths(run):
    """The addresses of the client, each with what the server sent there first."""
    first = {}
    for packet in run.capture.one_rtt[False]:
        first.setdefault(packet.datagram.client, packet.datagram)
    return first


def rebound(run):
    packets, first = run.capture.one_rtt, paths(run)
    if len(first) < 2:
        return f"{len(first)} paths"
    for client, datagram in list(first.items())[1:]:
        frames = [frame for packet in packets[False] if packet.datagram is datagram for frame in packet.frames]
        if not any(frame[0] == PATH_CHALLENGE for frame in frames):
            return f"the first datagram to {client} has no PATH_CHALLENGE"
    answers = {frame[1] for packet in packets[True] for frame in packet.frames if frame[0] == PATH_RESPONSE}
    last = packets[False][-1].datagram.time
    for packet in packets[False]:
        for frame in packet.frames:
            # One at the very end may meet a connection that is closed.
            if frame[0] == PATH_CHALLENGE and packet.datagram.arrived and frame[1] not in answers and packet.datagram.time < last - 0.1:
                return "a PATH_CHALLENGE was not answered"
    return None


def moved(run):
    hosts = {client.rsplit(":", 1)[0] for client in paths(run)}
    return rebound(run) or (None if len(hosts) > 1 else f"the server sent to {hosts} only")


def only_ipv6(run):
    others = [datagram.client for datagram in run.capture.datagrams if not datagram.client.startswith("[")]
    return f"{others[0]} is not of IPv6" if others else None


def marked(run):
    """Each end of ours tells of the other: what it received was marked, and ACKs of it counted marks."""
    for role, folder in run.qlogs.items():
        marks, counted = set(), False
        for file in folder.glob("*.sqlog"):
            for text in file.read_text().split("\x1e")[2:]:
                event = json.loads(text)
                if event["name"] == "quic:packet_received":
                    marks.add(event["data"].get("ecn", "Not-ECT"))
                    frames = event["data"].get("frames", [])
                    counted |= any(frame["frame_type"] == "ack" and "ect0" in frame or "ect1" in frame for frame in frames)
        if not marks & {"ECT(0)", "ECT(1)"} or "CE" in marks or not counted:
            return f"the {role} of ours received marks {sorted(marks)}, ACKs with counts: {counted}"
    return None


def went_on(run):
    """Each end of ours tells that the connection was moved, and the rest of the file went there."""
    for role, folder in run.qlogs.items():
        text = "".join(file.read_text() for file in folder.glob("*.sqlog"))
        events = [json.loads(event) for event in text.split("\x1e") if '"quic:' in event]
        moves = [at for at, event in enumerate(events) if event["name"] == "quic:migration_state_updated"]
        if not moves:
            return f"the {role} of ours has not moved"
        if not any(event["name"] == "quic:packet_received" for event in events[moves[-1]:]):
            return f"the {role} of ours has received nothing after the move"
        sent = [event["data"]["header"] for event in events if event["name"] == "quic:packet_sent"]
        used = [header["dcid"] for header in sent if header["packet_type"] == "1RTT"]
        if used[0] == used[-1]:
            return f"the {role} of ours has gone on with the connection ID that it had before"
    return None


LOSS, CORRUPTION = "loss={} burst=3", "corruption={} burst=3"
CASES = {
    "handshake": Case([KIB], client="handshake", server="handshake", check=no_retry),
    "transfer": Case([2 * MIB, 3 * MIB, 5 * MIB], quick=False),
    "longrtt": Case([KIB], LINK.replace("delay=15", "delay=750"), "handshake", "handshake", check=two_hellos),
    "chacha20": Case([3 * MIB], client="chacha20", server="chacha20", check=only_chacha20),
    "multiplexing": Case([32] * 1999, check=few_streams),
    "retry": Case([10 * KIB], client="retry", server="retry", check=retried),
    "resumption": Case([5 * KIB, 10 * KIB], client="resumption", server="resumption", handshakes=2, check=resumed),
    "zerortt": Case([32] * 40, client="zerortt", server="zerortt", handshakes=2, check=early),
    "http3": Case([5 * KIB, 10 * KIB, 500 * KIB], client="http3", server="http3"),
    "blackhole": Case([10 * MIB], f"{LINK} on=5000 off=2000", quick=False),
    "keyupdate": Case([3 * MIB], client="keyupdate", check=keys_updated),
    "ecn": Case([100 * KIB], client="ecn", server="ecn", check=marked, direct=True),
    "amplificationlimit": Case([5 * KIB], f"{LINK} lost-from=2 lost-to=7", chain=9, check=amplification),
    "handshakeloss": Case([KIB] * 50, f"{LINK} {LOSS.format(300)}", "multiconnect", "multiconnect", 50, limit=300, quick=False),
    "transferloss": Case([2 * MIB], f"{LINK} {LOSS.format(20)}"),
    "handshakecorruption": Case([KIB] * 50, f"{LINK} {CORRUPTION.format(300)}", "multiconnect", "multiconnect", 50, limit=300, quick=False),
    "transfercorruption": Case([2 * MIB], f"{LINK} {CORRUPTION.format(20)}"),
    "ipv6": Case([5 * KIB, 10 * KIB], check=only_ipv6, ipv6=True),
    "v2": Case([KIB], client="v2", server="v2", versions=frozenset({VERSION_2}), check=second_version),
    "rebind-port": Case([10 * MIB], f"{LINK} first-rebinding=1000 rebinding=5000", check=rebound),
    "rebind-addr": Case([10 * MIB], f"{LINK} first-rebinding=1000 rebinding=5000 rebinding-address=1", check=moved),
    # The preferred address is not that of the relay.
    "connectionmigration": Case([2 * MIB], server="connectionmigration", check=went_on, direct=True),
    "goodput": Case([10 * MIB], client="goodput", server="goodput", quick=False),
    # The runner has a bulk flow of TCP with CUBIC beside; here it is one of the same server.
    "crosstraffic": Case([25 * MIB], client="goodput", server="goodput", handshakes=2, limit=180, beside=200 * MIB, quick=False),
}


def goodput(run, size):
    """Kilobits in a second, from the server's first 1-RTT packet to its last."""
    times = [packet.datagram.time for packet in run.capture.select(capture.ONE_RTT, False)]
    span = times[-1] - times[0] if times else 0
    return round(8 * size / span / 1000) if span else 0
