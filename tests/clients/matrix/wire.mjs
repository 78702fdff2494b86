// Between proxy and facilitator: every settlement is counted here, and some are spoilt.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const payerIn = ({ payload: { authorization, permit2Authorization } }) => (authorization ?? permit2Authorization).from.toLowerCase();

/**
 * `spoil(payer, {how, after})` spoils the payer's next settlement:
 *
 * - `lost`: it is booked, and the answer is lost;
 * - `early`: the answer is lost, and it is booked so many milliseconds later;
 * - `swallowed`: it never arrives, and nobody knows;
 * - `slow`: it is booked, and the answer comes so many milliseconds later.
 */
export async function startWire(target) {
  const spoilt = new Map();
  const settlements = new Map();
  const of = (payer) => settlements.get(payer.toLowerCase()) ?? [];

  const forward = async ({ method, url, headers }, body) => {
    // A connection of its own: on one that was kept alive a call may be lost by accident.
    const onward = http.request({ agent: false, host: '127.0.0.1', port: target, method, path: url, headers });
    onward.end(body);
    const [answer] = await once(onward, 'response');
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    return { status: answer.statusCode, type: answer.headers['content-type'], body: Buffer.concat(chunks) };
  };

  const settle = async (request, body) => {
    const { paymentPayload } = JSON.parse(body);
    const payer = payerIn(paymentPayload);
    const { how, after } = spoilt.get(payer) ?? {};
    spoilt.delete(payer);
    const settlement = { paymentPayload };
    settlements.set(payer, [...of(payer), settlement]);
    if (how === 'swallowed') return undefined;
    if (how === 'early') {
      request.socket.destroy();
      await sleep(after);
    }
    const answer = await forward(request, body);
    settlement.answer = JSON.parse(answer.body);
    if (how === 'slow') await sleep(after);
    return how === 'lost' || how === 'early' ? undefined : answer;
  };

  const server = http.createServer(async (request, response) => {
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const answer = await (request.url === '/settle' ? settle(request, body) : forward(request, body));
      if (answer === undefined) request.socket.destroy();
      else response.writeHead(answer.status, { 'content-type': answer.type ?? 'application/json' }).end(answer.body);
    } catch (error) {
      response.destroy(error);
    }
  });
  // Envoy lets go of its connections first, however busy this process is.
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    spoil: (payer, fault) => spoilt.set(payer.toLowerCase(), fault),
    /** What the facilitator was asked to settle for a payer, oldest first; `answer` once it did. */
    of,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
