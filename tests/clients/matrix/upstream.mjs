// What is sold: it remembers who asked and does as the query says.

import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * `?cell=` names the request. `orders.set(cell, {failures, override, tokens, leadsTo})`: fail that often
 * with 500, answer with `Settlement-Overrides`, or with `x-tokens`; redirect to that path whatever is asked for
 * elsewhere.
 */
export async function startUpstream() {
  const hits = new Map();
  const led = new Map();
  const orders = new Map();
  const server = createServer((request, response) => {
    const cell = new URL(request.url, 'http://upstream').searchParams.get('cell') ?? '';
    const seen = (hits.get(cell) ?? 0) + 1;
    hits.set(cell, seen);
    const { failures = 0, override, tokens, leadsTo } = orders.get(cell) ?? {};
    request.resume();
    const [path, query] = request.url.split('?');
    if (leadsTo !== undefined && path !== leadsTo) {
      led.set(cell, (led.get(cell) ?? 0) + 1);
      response.writeHead(302, { location: `${leadsTo}?${query}` }).end();
      return;
    }
    if (seen - (led.get(cell) ?? 0) <= failures) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end('upstream failed');
      return;
    }
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    if (override !== undefined) headers['settlement-overrides'] = JSON.stringify({ amount: override });
    if (tokens !== undefined) headers['x-tokens'] = String(tokens);
    response.writeHead(200, headers).end(`the content of ${cell}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { port: server.address().port, hits: (cell) => hits.get(cell) ?? 0, orders, stop };
}
