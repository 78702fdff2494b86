"""PyPI x402 with httpx, unmodified."""

import asyncio

from x402 import x402Client
from x402.http.clients import x402HttpxClient

from lines import answer, drive, with_evm


async def request(url, key, rpc, method):
    async with x402HttpxClient(with_evm(x402Client(), key, rpc), timeout=60) as client:
        return answer(await client.request(method, url))


if __name__ == "__main__":
    drive(lambda url, key, rpc, method: asyncio.run(request(url, key, rpc, method)))
