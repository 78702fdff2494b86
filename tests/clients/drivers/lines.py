"""What the two Python clients share: one purchase from the command line, or many from the
standard input, each told in one line of JSON."""

import argparse
import base64
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from eth_account import Account
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner, EthAccountSignerWithRPC
from x402.mechanisms.evm.upto import UptoEvmScheme

NETWORK = "eip155:84532"
AT_ONCE = 8
_telling = threading.Lock()


def with_evm(client, key, rpc=None):
    """The schemes as the package's documentation registers them, v1 networks included."""
    account = Account.from_key(key)
    signer = EthAccountSigner(account) if rpc is None else EthAccountSignerWithRPC(account, rpc_url=rpc)
    register_exact_evm_client(client, signer, networks=NETWORK)
    client.register(NETWORK, UptoEvmScheme(signer))
    return client


def answer(response):
    """The same of httpx and of requests."""
    header = response.headers.get("payment-response") or response.headers.get("x-payment-response")
    receipt = None if header is None else json.loads(base64.b64decode(header))
    return {"status": response.status_code, "body": response.text, "receipt": receipt}


def tell(pay, order):
    name = order.pop("id", None)
    try:
        told = pay(**order)
    except Exception as error:  # whatever a client throws is its answer
        told = {"error": f"{type(error).__name__}: {error}"}
    with _telling:
        print(json.dumps({"id": name, **told}), flush=True)


def drive(pay):
    """`pay(url, key, rpc, method)` returns `{status, body, receipt}`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--key")
    parser.add_argument("--rpc")
    parser.add_argument("--method", default="GET")
    order = vars(parser.parse_args())
    if order["url"] is not None:
        tell(pay, order)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in sys.stdin:
            pool.submit(tell, pay, {"rpc": None, "method": "GET", **json.loads(line)})
