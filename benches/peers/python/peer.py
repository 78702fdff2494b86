"""The FastAPI middleware of PyPI's x402, under uvicorn with uvloop and httptools."""

import os

import uvicorn
from fastapi import FastAPI
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.evm.exact.server import ExactEvmScheme
from x402.server import x402ResourceServer

ROUTES = {
    "GET /before/[id]": RouteConfig(
        accepts=PaymentOption(
            scheme="exact",
            price="$0.001",
            network="eip155:84532",
            pay_to="0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            max_timeout_seconds=300,
        ),
        description="One item",
    ),
}

server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=os.environ["FACILITATOR"])))
server.register("eip155:84532", ExactEvmScheme())

app = FastAPI()
app.middleware("http")(payment_middleware(ROUTES, server))


@app.get("/before/{id}")
async def item(id: str):
    return {"ok": True}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["PORT"]), loop="uvloop", http="httptools",
        log_level="warning", access_log=False,
    )
