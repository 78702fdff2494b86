// The unmodified npm client, and ways to look at what it does without changing it.

import { webcrypto } from 'node:crypto';
import http2 from 'node:http2';

import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from '@x402/core/http';
import { ExactEvmScheme } from '@x402/evm/exact/client';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';

// Node 18 keeps it in a module; the client looks for the global, as browsers have it.
globalThis.crypto ??= webcrypto;

// Base Sepolia. Its USDC is among the assets the client pays without being told to.
export const NETWORK = 'eip155:84532';

// A key everyone knows (the first of every local development chain): for play money only.
const DEV_PAYER_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

export const payerAccount = () =>
  privateKeyToAccount(process.env.X402_PAYER_KEY ?? DEV_PAYER_KEY);

/** A `fetch` that pays. `transport` is what carries the bytes: Node's own fetch, or ours. */
export function payingFetch({ account = payerAccount(), transport = fetch } = {}) {
  const client = new x402Client().register(NETWORK, new ExactEvmScheme(account));
  return wrapFetchWithPayment(transport, client);
}

/** The terms in a 402, or undefined. */
export function paymentRequired(response) {
  const header = response.headers.get('payment-required');
  return header === null ? undefined : decodePaymentRequiredHeader(header);
}

/** The receipt of a response, or undefined. */
export function receipt(response) {
  const header = response.headers.get('payment-response');
  return header === null ? undefined : decodePaymentResponseHeader(header);
}

/** A transport that remembers every request and response that went through it. */
export function recorded(transport = fetch) {
  const exchanges = [];
  const record = async (input, init) => {
    const request = new Request(input, init);
    const headers = new Headers(request.headers);
    const response = await transport(request);
    exchanges.push({ headers, status: response.status, response: response.clone() });
    return response;
  };
  return { fetch: record, exchanges };
}

/**
 * A `fetch` over one HTTP/2 connection. Node's own speaks HTTP/2 only when TLS negotiates
 * it; this one starts with it in clear text, as a mesh's proxies do.
 */
export function http2Transport(origin) {
  const session = http2.connect(origin);
  session.on('error', () => {});
  const send = async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    const headers = {
      ...Object.fromEntries(request.headers),
      ':method': request.method,
      ':path': url.pathname + url.search,
      ':authority': url.host,
    };
    if (body !== undefined) headers['content-length'] = String(body.length);
    return await new Promise((resolve, reject) => {
      const stream = session.request(headers, { endStream: body === undefined });
      const chunks = [];
      let head;
      stream.on('response', (received) => { head = received; });
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        if (head === undefined) {
          reject(new Error(`stream closed without a response, code ${stream.rstCode}`));
          return;
        }
        const fields = Object.entries(head)
          .filter(([name]) => !name.startsWith(':'))
          .flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]));
        const status = head[':status'];
        const empty = request.method === 'HEAD' || [204, 304].includes(status);
        resolve(new Response(empty ? null : Buffer.concat(chunks), { status, headers: fields }));
      });
      if (body !== undefined) stream.end(body);
    });
  };
  return { fetch: send, close: () => session.destroy() };
}
