// @x402/hono as its README wires it.

import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { paymentMiddleware, x402ResourceServer } from "@x402/hono";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ANSWER, FACILITATOR, PORT, ROUTES } from "./route.mjs";

const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: FACILITATOR }));
server.register("eip155:84532", new ExactEvmScheme());

const app = new Hono();
app.use(paymentMiddleware(ROUTES, server));
app.get("/before/:id", (context) => context.json(ANSWER));
serve({ fetch: app.fetch, port: PORT, hostname: "127.0.0.1" });
