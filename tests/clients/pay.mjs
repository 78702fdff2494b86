#!/usr/bin/env node
// Pays for one request with the unmodified @x402/fetch and prints what came back.
//
//   node tests/clients/pay.mjs [--method POST] [--bytes N] [--h2] URL
//
// X402_PAYER_KEY is the payer's private key; a well-known development key without it.

import { parseArgs } from 'node:util';

import { http2Transport, payingFetch, receipt } from './client.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    method: { type: 'string', default: 'GET' },
    bytes: { type: 'string' },
    h2: { type: 'boolean', default: false },
  },
});
if (positionals.length !== 1) {
  console.error('usage: pay.mjs [--method POST] [--bytes N] [--h2] URL');
  process.exit(2);
}

const url = new URL(positionals[0]);
const h2 = values.h2 ? http2Transport(url.origin) : undefined;
const pay = payingFetch({ transport: h2?.fetch });
const body = values.bytes === undefined ? undefined : Buffer.alloc(Number(values.bytes), 'x');
const response = await pay(url, { method: values.method, body });
const text = await response.text();
h2?.close();

console.log(JSON.stringify({ status: response.status, receipt: receipt(response) }, null, 2));
console.log(text.length > 2000 ? `${text.slice(0, 2000)}…` : text);
process.exitCode = response.ok && receipt(response)?.success === true ? 0 : 1;
