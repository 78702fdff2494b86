"""An unmodified gRPC client and server (grpcio), without generated code: messages are bytes.

    peer.py serve    a server on a free port, which it prints
    peer.py call     one call for each line of JSON on standard input, one line of JSON back

The server's methods are /before/echo (unary), /before/count (a stream of five, 200 ms apart)
and /before/fail (NOT_FOUND); the same below /after.
"""

import json
import sys
import time
from concurrent import futures

import grpc


def metadata(pairs):
    return [[key, value if isinstance(value, str) else value.hex()] for key, value in pairs or ()]


def echo(request, context):
    context.set_trailing_metadata((("x-served", "yes"),))
    seen = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    return json.dumps({"said": request.decode(), "seen": seen}).encode()


def count(request, context):
    for number in range(5):
        yield str(number).encode()
        time.sleep(0.2)


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    for service in ("before", "after"):
        handlers = {
            "echo": grpc.unary_unary_rpc_method_handler(echo),
            "count": grpc.unary_stream_rpc_method_handler(count),
            "fail": grpc.unary_unary_rpc_method_handler(fail),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(None)


def ask(channel, order):
    stream = order["method"].endswith("/count")
    method = (channel.unary_stream if stream else channel.unary_unary)(order["method"])
    given = [tuple(pair) for pair in order.get("metadata", [])]
    began = time.monotonic()
    answer = {"messages": [], "at": []}

    def received(message):
        answer["messages"].append(message.decode())
        answer["at"].append(round((time.monotonic() - began) * 1000))

    try:
        if stream:
            call = method(b"hello", metadata=given, timeout=20)
            for message in call:
                received(message)
        else:
            message, call = method.with_call(b"hello", metadata=given, timeout=20)
            received(message)
    except grpc.RpcError as error:
        call = error
    answer["code"] = call.code().value[0]
    answer["details"] = call.details()
    answer["initial"] = metadata(call.initial_metadata())
    answer["trailing"] = metadata(call.trailing_metadata())
    return answer


def calls():
    retrying = json.dumps({"methodConfig": [{
        "name": [{"service": "before"}],
        "retryPolicy": {
            "maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "0.02s",
            "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }]})
    channels = {}
    for line in sys.stdin:
        order = json.loads(line)
        key = (order["target"], order.get("retry", False))
        if key not in channels:
            options = [("grpc.service_config", retrying)] if key[1] else []
            channels[key] = grpc.insecure_channel(order["target"], options=options)
        print(json.dumps(ask(channels[key], order)), flush=True)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else calls()
