"""The cases, as src/lib.rs has them: what is asked for and what must come back."""

import dataclasses

PATTERN = bytes(range(251))
TRAILER = ("x-checksum", "1")
REFUSED = ("untrusted", "wrong-name", "expired", "wrong-alpn")


def body(size):
    """`size` bytes of the pattern: byte i is i % 251."""
    return (PATTERN * (size // 251 + 1))[:size]


@dataclasses.dataclass
class Exchange:
    """One request and what must come back; `expected` None is any body."""

    path: str
    method: str = "GET"
    sent: bytes = b""
    status: int = 200
    expected: bytes | None = None
    trailers: bool = False

    def check(self, status, received, trailers=()):
        """Raises what is wrong."""
        if status != self.status:
            raise ValueError(f"{self.path}: status {status} instead of {self.status}")
        if self.expected is not None and received != self.expected:
            raise ValueError(
                f"{self.path}: a wrong body of {len(received)} bytes instead of {len(self.expected)}"
            )
        if self.trailers and not any(name == TRAILER[0] for name, _ in trailers):
            raise ValueError(f"{self.path}: no trailers")


def get(size):
    return Exchange(f"/bytes/{size}", expected=body(size))


def echo(size):
    return Exchange("/echo", "POST", body(size), expected=body(size))


def exchanges(case):
    """The requests of a case, to be made at the same time on one connection."""
    if case == "get-100x":
        return [get(10_000 + number) for number in range(100)]
    short = body(1_000)
    table = {
        "get-0": get(0),
        "get-1k": get(1_000),
        "get-5m": get(5_000_000),
        "get-10m": get(10_000_000),
        "post-1m": echo(1_000_000),
        "post-3m": echo(3_000_000),
        "head": Exchange("/bytes/5000", "HEAD", expected=b""),
        "not-found": Exchange("/no-such-thing", status=404),
        "trailers": Exchange("/echo", "POST", short, expected=short, trailers=True),
        "by-address": get(1_000),
    }
    return [table.get(case) or get(1)]


def answer(path, received, trailers):
    """What a server answers: status, body, trailers."""
    if path == "/echo":
        return 200, received, trailers
    if path == "/trailers":
        return 200, b"short", [TRAILER]
    size = path.removeprefix("/bytes/")
    if size != path and size.isdigit():
        return 200, body(int(size)), []
    return 404, b"not found", []
