// The road between client and proxy: every client is looked at, and lied to, here, so that
// none has to be changed.

import { once } from 'node:events';
import http from 'node:http';

const PAYMENT = ['payment-signature', 'x-payment'];
// Answered by this connection, not by what it carries.
const OWN = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection']);

/** The payment a request carries: `{name, value}`, or undefined. */
export function paymentIn(headers) {
  const name = PAYMENT.find((one) => headers[one] !== undefined);
  return name === undefined ? undefined : { name, value: headers[name] };
}

/**
 * `lies.set(cell, {without, quote, payment, delay, leave})`: drop a header of the answers, rewrite
 * the first 402, rewrite the payment's value, hold the paid request for so many milliseconds, cut
 * the paid request's connections as soon as `leave()` resolves.
 */
export async function startHop() {
  const exchanges = new Map();
  const lies = new Map();
  const agent = new http.Agent({ keepAlive: true });
  let target;

  const carry = async (request, response) => {
    const cell = new URL(request.url, 'http://hop').searchParams.get('cell') ?? '';
    const { without, quote, payment, delay, leave } = lies.get(cell) ?? {};
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !OWN.has(name)));
    const paid = paymentIn(headers);
    if (paid !== undefined) {
      if (payment !== undefined) headers[paid.name] = payment(paid.value);
      if (delay !== undefined) await new Promise((resolve) => setTimeout(resolve, delay));
    }
    const onward = http.request({ agent, host: '127.0.0.1', port: target, method: request.method, path: request.url, headers });
    request.pipe(onward);
    if (paid !== undefined) leave?.().then(() => onward.destroy(new Error('the client left')));
    const [answer] = await once(onward, 'response');
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const seen = { request: { method: request.method, path: request.url, headers }, status: answer.statusCode, headers: answer.headers, body: body.toString('utf8') };
    if (!exchanges.has(cell)) exchanges.set(cell, []);
    exchanges.get(cell).push(seen);
    const told = quote !== undefined && paid === undefined ? quote({ headers: answer.headers, body }) : { headers: answer.headers, body };
    const given = Object.fromEntries(Object.entries(told.headers).filter(([name]) => !OWN.has(name) && name !== without));
    if (given['content-length'] !== undefined && request.method !== 'HEAD') given['content-length'] = String(told.body.length);
    response.writeHead(answer.statusCode, given).end(request.method === 'HEAD' ? undefined : told.body);
  };
  const server = http.createServer((request, response) => {
    carry(request, response).catch((error) => {
      response.destroy(error);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    lies,
    /** Every exchange of a cell, oldest first. */
    of: (cell) => exchanges.get(cell) ?? [],
    lead(port) { target = port; },
    stop: () => new Promise((resolve) => {
      agent.destroy();
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
