// @x402/express as its README wires it.

import express from "express";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ANSWER, FACILITATOR, PORT, ROUTES } from "./route.mjs";

const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: FACILITATOR }));
server.register("eip155:84532", new ExactEvmScheme());

const app = express();
app.use(paymentMiddleware(ROUTES, server));
app.get("/before/:id", (_, response) => response.json(ANSWER));
app.listen(PORT, "127.0.0.1");
