"""libcurl with ngtcp2, as a client: `BASE_URL CA_PEM CASE`; prints ok, or what went wrong."""

import asyncio
import sys

from curl_cffi import CurlHttpVersion, CurlInfo, CurlOpt
from curl_cffi.requests import AsyncSession

import cases

# Of curl.h: resolve to IPv4 only, and wait for a connection under way rather than open a second one.
OPTIONS = {CurlOpt.IPRESOLVE: 1, CurlOpt.PIPEWAIT: 1, CurlOpt.CONNECTTIMEOUT_MS: 5_000}


async def exchange(session, url, one):
    answer = await session.request(
        one.method, url + one.path, data=one.sent or None, http_version=CurlHttpVersion.V3ONLY
    )
    if answer.http_version != CurlHttpVersion.V3:
        raise ValueError(f"{one.path}: HTTP version {answer.http_version}")
    one.check(answer.status_code, answer.content)
    return answer.infos.get(CurlInfo.NUM_CONNECTS, 0)


async def run(url, ca, case):
    async with AsyncSession(
        verify=ca, max_clients=100, timeout=25, curl_options=OPTIONS, curl_infos=[CurlInfo.NUM_CONNECTS], trust_env=False
    ) as session:
        made = await asyncio.gather(*[exchange(session, url, one) for one in cases.exchanges(case)])
    if sum(made) != 1:
        raise ValueError(f"{sum(made)} connections instead of one")


try:
    asyncio.run(run(*sys.argv[1:4]))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
