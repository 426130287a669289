"""The hpack package of Python at the other end of ours: `hpack_offline.py QIFS_FOLDER OUR_FOLDER THEIR_FOLDER` decodes what our encoder made of
the lists and writes what it makes of them itself, for our decoder. Prints the sums."""

import pathlib
import struct
import sys

import hpack


def lists(path):
    result = []
    for block in path.read_bytes().split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b"#")]
        if lines:
            result.append([tuple(line.split(b"\t", 1)) for line in lines])
    return result


def blocks(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def main(qifs, ours, theirs):
    wrong, count, sizes = 0, 0, [0, 0, 0]
    files = sorted(pathlib.Path(qifs).iterdir())
    for path in files:
        expected = lists(path)
        decoder, encoder = hpack.Decoder(max_header_list_size=1 << 24), hpack.Encoder()
        found = list(blocks(pathlib.Path(ours) / path.name))
        try:
            decoded = [[tuple(line) for line in decoder.decode(block, raw=True)] for block in found]
        except hpack.HPACKError as error:
            print(f"{path.name}: {error!r}")
            decoded = None
        wrong += decoded != expected
        made = [encoder.encode(block) for block in expected]
        (pathlib.Path(theirs) / path.name).write_bytes(b"".join(struct.pack(">I", len(block)) + block for block in made))
        count += len(expected)
        sizes[0] += sum(len(name) + len(value) for block in expected for name, value in block)
        sizes[1] += sum(map(len, found))
        sizes[2] += sum(map(len, made))
    text, own, other = sizes
    print(f"{len(files)} files, {count} lists, {wrong} wrong; {text} bytes of names and values: ours {own}, theirs {other}")
    return wrong > 0 or not files


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
