"""libcurl, as a client: `[--http VERSION] BASE_URL CA_PEM CASE`; prints ok, or what went wrong. With ngtcp2 over HTTP/3, unless it is to
speak 2 or 1.1, which go by TCP."""

import asyncio
import sys

from curl_cffi import CurlHttpVersion, CurlInfo, CurlOpt
from curl_cffi.requests import AsyncSession

import cases

# Of curl.h: resolve to IPv4 only, and wait for a connection under way rather than open a second one.
OPTIONS = {CurlOpt.IPRESOLVE: 1, CurlOpt.PIPEWAIT: 1, CurlOpt.CONNECTTIMEOUT_MS: 5_000}


# What is asked for, and what it is called when it was spoken.
VERSIONS = {
    "3": (CurlHttpVersion.V3ONLY, CurlHttpVersion.V3),
    "2": (CurlHttpVersion.V2TLS, CurlHttpVersion.V2_0),
    "1.1": (CurlHttpVersion.V1_1, CurlHttpVersion.V1_1),
}


async def exchange(session, url, one, version):
    asked, spoken = VERSIONS[version]
    answer = await session.request(one.method, url + one.path, data=one.sent or None, http_version=asked)
    if answer.http_version != spoken:
        raise ValueError(f"{one.path}: HTTP version {answer.http_version}")
    one.check(answer.status_code, answer.content)
    return answer.infos.get(CurlInfo.NUM_CONNECTS, 0)


async def run(version, url, ca, case):
    async with AsyncSession(
        verify=ca, max_clients=100, timeout=25, curl_options=OPTIONS, curl_infos=[CurlInfo.NUM_CONNECTS], trust_env=False
    ) as session:
        made = await asyncio.gather(*[exchange(session, url, one, version) for one in cases.exchanges(case)])
    # HTTP/1.1 carries one exchange at a time.
    if version != "1.1" and sum(made) != 1:
        raise ValueError(f"{sum(made)} connections instead of one")


try:
    version = sys.argv[2] if sys.argv[1] == "--http" else "3"
    asyncio.run(run(version, *sys.argv[-3:]))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
