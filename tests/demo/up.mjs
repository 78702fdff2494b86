#!/usr/bin/env node
// `make up`: the development stack, kept running for a person with curl.

import { dirname, join, relative } from 'node:path';

import { launcher, startStack } from '../clients/stack.mjs';

const stack = await startStack();
const tile = new URL('/v1/tiles/7/66/44', stack.url);
const payer = relative('', join(dirname(launcher), 'x402-payer'));

console.log(`
Envoy with the filter   ${stack.url}
Envoy's admin           ${stack.envoyAdmin}
facilitator             ${stack.facilitator}
upstream                ${stack.upstream}
Envoy's log             ${stack.log}

A free route:
  curl -i ${new URL('/healthz', stack.url)}
A priced one, unpaid, and its terms:
  curl -i ${tile}
  curl -s -D- -o /dev/null ${tile} | sed -n 's/^payment-required: //p' | tr -d '\\r' | base64 -d
The same, paid, with every header of the 402 and of the 200:
  ${payer} ${tile}
And paid by the unmodified npm client (settled before, settled after, over HTTP/2):
  node tests/clients/pay.mjs ${tile}
  node tests/clients/pay.mjs --method POST --bytes 1000 ${new URL('/v1/embeddings', stack.url)}
  node tests/clients/pay.mjs --h2 ${tile}
What moved, what the facilitator was asked, and what an operator sees:
  curl -s ${new URL('/admin/ledger', stack.facilitator)}
  curl -s ${new URL('/admin/calls', stack.facilitator)}
  curl -s ${new URL('/stats/prometheus', stack.envoyAdmin)} | grep ^x402

Ctrl-C ends it.`);

let ending = false;
const end = () => { ending = true; void stack.stop(); };
process.on('SIGINT', end);
process.on('SIGTERM', end);

const how = await stack.exited;
if (!ending) {
  console.error(`the stack ended by itself (${how})`);
  process.exitCode = 1;
}
