"""ls-qpack decodes what our encoder makes of the lists of qpack/tests/qifs, under every setting there, and makes sections of them that our
decoder would see: `qpack_offline.py QIFS_FOLDER OUR_FOLDER`; prints a line for each file, and the sums last."""

import pathlib
import struct
import sys

import pylsqpack


def lists(path):
    result = []
    for block in path.read_bytes().split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b"#")]
        if lines:
            result.append([tuple(line.split(b"\t", 1)) for line in lines])
    return result


def decoded(path):
    _, table, blocked, _ = path.name.rsplit(".", 3)
    decoder = pylsqpack.Decoder(int(table), int(blocked))
    data, result, references, at = path.read_bytes(), [], 0, 0
    while at < len(data):
        stream, length = struct.unpack_from(">QI", data, at)
        record = data[at + 12 : at + 12 + length]
        at += 12 + length
        if stream == 0:
            decoder.feed_encoder(record)
        else:
            references += record[0] != 0
            result.append(decoder.feed_header(stream, record)[1])
    return result, references


def main(qifs, ours):
    wrong, referring, files = 0, 0, sorted(pathlib.Path(ours).iterdir())
    for path in files:
        expected = lists(pathlib.Path(qifs) / path.name.split(".out.")[0])
        try:
            result, references = decoded(path)
            is_right = result == expected
        except Exception as error:
            print(f"{path.name}: {error!r}")
            is_right, references = False, 0
        wrong += not is_right
        referring += references
        print(path.name, f"decoded, {references} sections with references" if is_right else "WRONG")
    print(f"{len(files)} files, {len(files) - wrong} decoded, {referring} sections with references, {wrong} wrong")
    return wrong > 0 or not files


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
