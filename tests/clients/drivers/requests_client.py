"""PyPI x402 with requests, unmodified."""

from x402 import x402ClientSync
from x402.http.clients import x402_requests

from lines import answer, drive, with_evm


def request(url, key, rpc, method):
    with x402_requests(with_evm(x402ClientSync(), key, rpc)) as session:
        return answer(session.request(method, url, timeout=60))


if __name__ == "__main__":
    drive(request)
