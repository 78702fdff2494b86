#!/usr/bin/env node
// `make up`: the development stack, kept running for a person with curl.

import { dirname, join, relative } from 'node:path';

import { NETWORK, paymentRequired } from '../clients/client.mjs';
import { launcher, startStack } from '../clients/stack.mjs';

const stack = await startStack();
const tile = new URL('/v1/tiles/7/66/44', stack.url);
const payer = relative('', join(dirname(launcher), 'x402-payer'));
const { asset } = paymentRequired(await fetch(tile)).accepts.find(({ network }) => network === NETWORK);
// Of dev9, the one development key without money.
const address = '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720';
const purse = JSON.stringify({ network: NETWORK, asset, address, amount: '1000000' });

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
These pay with dev0. The keys dev0 to dev8 own 1 USDC each, every other wallet gets 402 insufficient_funds
until the facilitator's ledger is told what it has (dev9 here; another by its address, then --key HEX, or
X402_PAYER_KEY=0xHEX for the npm client):
  curl -s ${new URL('/admin/fund', stack.facilitator)} -d '${purse}'
  ${payer} --key dev9 ${tile}
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
