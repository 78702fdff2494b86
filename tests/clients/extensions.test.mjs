// tests/vectors/extensions.json against the reference package that it is held to: what the
// filter declares is what @x402/extensions would, and fits the package's own validators. And
// tests/vectors/documents.json, what it publishes, read by a directory's own code.
//
// node extensions.test.mjs --write renews the file.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";

import { getOpenAPI, getWarningsForOpenAPI, probeLegacyWellKnown } from "@agentcash/discovery";
import {
  bazaarResourceServerExtension as server,
  declareDiscoveryExtension,
  declareEip2612GasSponsoringExtension,
  declareErc20ApprovalGasSponsoringExtension,
  declarePaymentIdentifierExtension,
  validateDiscoveryExtension,
  validateDiscoveryExtensionSpec,
  validatePaymentIdentifier,
} from "@x402/extensions";

const FILE = new URL("../vectors/extensions.json", import.meta.url);
const vectors = JSON.parse(readFileSync(FILE, "utf8"));

/** The least schema an example fits, one level deep. */
function schemaOf(example) {
  const type = (value) =>
    value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  if (type(example) !== "object") return { type: type(example) };
  const members = Object.entries(example).map(([name, value]) => [name, { type: type(value) }]);
  return { type: "object", properties: Object.fromEntries(members) };
}

/** What the reference server puts into a quote for this offer and request. */
function reference({ bazaar, method, path, template }) {
  const { queryParams, bodyType, body } = bazaar.input ?? {};
  const config = bodyType
    ? { bodyType, input: body, inputSchema: schemaOf(body) }
    : { input: queryParams ?? {}, inputSchema: { properties: schemaOf(queryParams ?? {}).properties } };
  const { pathParams } = bazaar.input ?? {};
  const output = bazaar.output ? { output: { example: bazaar.output.example } } : {};
  const declared = declareDiscoveryExtension({ ...config, ...output }).bazaar;
  const adapter = { getPath: () => path };
  const enriched = server.enrichDeclaration(declared, { method, adapter, routePattern: template ?? path });
  // An operator's own examples go before what stands in the path.
  if (pathParams) enriched.info.input.pathParams = pathParams;
  return enriched;
}

/** Schemas without descriptions: every payer sends them back. */
function terse(value) {
  if (Array.isArray(value) || value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([name, inner]) => name !== "description" || typeof inner !== "string");
  return Object.fromEntries(kept.map(([name, inner]) => [name, terse(inner)]));
}

function terseSchema(declaration) {
  const [[name, { info, schema }]] = Object.entries(declaration);
  return { [name]: { info, schema: terse(schema) } };
}

const gas = {
  ...terseSchema(declareEip2612GasSponsoringExtension()),
  ...terseSchema(declareErc20ApprovalGasSponsoringExtension()),
};
const identifiers = {
  optional: declarePaymentIdentifierExtension(false),
  required: declarePaymentIdentifierExtension(true),
};

if (process.argv.includes("--write")) {
  for (const vector of vectors.reference) vector.declared = reference(vector);
  Object.assign(vectors, { identifiers, gas });
  writeFileSync(FILE, JSON.stringify(vectors, null, 2) + "\n");
}

for (const vector of vectors.reference) {
  test(`bazaar: ${vector.name}`, () => {
    assert.deepEqual(vector.declared, reference(vector));
  });
}

for (const { name, declared } of [...vectors.reference, ...vectors.ours]) {
  test(`the reference takes bazaar: ${name}`, () => {
    assert.deepEqual(validateDiscoveryExtensionSpec(declared), { valid: true });
    assert.deepEqual(validateDiscoveryExtension(declared), { valid: true });
  });
}

test("a directory reads what is published", async (t) => {
  const { openapi, catalogue } = JSON.parse(readFileSync(new URL("../vectors/documents.json", import.meta.url), "utf8"));
  const documents = { "/openapi.json": openapi, "/.well-known/x402": catalogue };
  const server = createServer((request, response) => {
    const found = documents[request.url];
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(found ?? {}));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const read = (await getOpenAPI(origin)).value;
  const sold = read.routes.map(({ path, method, authMode, protocols, pricing }) => {
    assert.deepEqual([authMode, protocols, pricing.currency], ["paid", ["x402"], "USD"]);
    return `${method} ${path} ${pricing.price}`;
  });
  assert.deepEqual(sold, [
    "GET /v1/tiles/{z}/{var1}/{var2} 0.005",
    "POST /v1/embeddings 12",
    "GET /{rest} 0.5",
  ]);
  const serious = getWarningsForOpenAPI(read).filter(({ severity }) => severity !== "info");
  assert.deepEqual(serious, []);
  assert.equal((await probeLegacyWellKnown(origin)).value.x402, true);
});

test("payment-identifier", () => {
  assert.deepEqual(vectors.identifiers, identifiers);
  for (const declared of Object.values(vectors.identifiers)) {
    const named = { ...declared, info: { ...declared.info, id: "order_0123456789" } };
    assert.deepEqual(validatePaymentIdentifier(named), { valid: true });
  }
});

test("gas sponsoring", () => {
  assert.deepEqual(vectors.gas, gas);
});
