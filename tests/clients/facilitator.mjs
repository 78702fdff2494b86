#!/usr/bin/env node
// The published facilitator as a server: @x402/core and @x402/evm, settling on a real chain.
//
//   node tests/clients/facilitator.mjs --rpc URL --key HEX [--port N]     prints {url, address}

import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { x402Facilitator } from '@x402/core/facilitator';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmSchemeV1 } from '@x402/evm/exact/v1/facilitator';
import { UptoEvmScheme } from '@x402/evm/upto/facilitator';
import { createWalletClient, http, publicActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';

const NETWORK = `eip155:${baseSepolia.id}`;

let last = Promise.resolve();
const inTurn = (send) => (...args) => {
  const sent = last.then(() => send(...args));
  last = sent.catch(() => {});
  return sent;
};

/**
 * Serves /supported, /verify and /settle. `eip6492Factories` may deploy wallets. Networks
 * `alsoListed` it says it settles on, and cannot.
 */
export async function startFacilitator({ rpc, key, port = 0, eip6492Factories = [], alsoListed = { v1: [], v2: [] } }) {
  const account = privateKeyToAccount(key);
  const client = createWalletClient({ account, chain: baseSepolia, transport: http(rpc), pollingInterval: 50 })
    .extend(publicActions);
  // One transaction at a time leaves: viem's nonce manager starts afresh after one that was
  // refused, and two of those under way would then share a nonce.
  const signer = toFacilitatorEvmSigner({
    ...client,
    address: account.address,
    writeContract: inTurn(client.writeContract),
    sendTransaction: inTurn(client.sendTransaction),
  });
  const facilitator = new x402Facilitator()
    .register([NETWORK, ...alsoListed.v2], new ExactEvmScheme(signer, { eip6492AllowedFactories: eip6492Factories }))
    .register(NETWORK, new UptoEvmScheme(signer))
    .registerV1(['base-sepolia', ...alsoListed.v1], new ExactEvmSchemeV1(signer, { eip6492AllowedFactories: eip6492Factories }))
    .registerExtension({ key: 'eip2612GasSponsoring' });
  const calls = [];

  const answer = async (request) => {
    if (request.method === 'GET' && request.url === '/supported') return facilitator.getSupported();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { x402Version, paymentPayload, paymentRequirements } = JSON.parse(Buffer.concat(chunks));
    const call = { path: request.url, x402Version, paymentPayload, paymentRequirements };
    calls.push(call);
    if (request.url === '/verify') return (call.answer = await facilitator.verify(paymentPayload, paymentRequirements));
    if (request.url === '/settle') return (call.answer = await facilitator.settle(paymentPayload, paymentRequirements));
    return undefined;
  };
  const server = createServer(async (request, response) => {
    let [status, body] = [200, undefined];
    try {
      body = await answer(request);
      if (body === undefined) status = 404;
    } catch (error) {
      [status, body] = [500, { error: error instanceof Error ? error.message : String(error) }];
      calls.push({ path: request.url, error: body.error });
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, port: server.address().port, address: account.address, calls, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rpc: { type: 'string' }, key: { type: 'string' }, port: { type: 'string', default: '0' } } });
  if (values.rpc === undefined || values.key === undefined) {
    console.error('usage: facilitator.mjs --rpc URL --key HEX [--port N]');
    process.exit(2);
  }
  const { url, address, stop } = await startFacilitator({ ...values, port: Number(values.port) });
  console.log(JSON.stringify({ url, address }));
  process.stdin.resume();
  process.stdin.once('end', stop);
}
