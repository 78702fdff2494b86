// Unmodified clients pay through a real Envoy, real facilitators settle on a real chain: every
// client, version, scheme, way of settling, and each failure. Balances are read off the chain.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import { after, describe, it } from 'node:test';

import { findChromium } from './matrix/browser.mjs';
import { Purchase, cellsOf, COLUMNS, extrasOf, same } from './matrix/cells.mjs';
import { CLIENTS, rustClient, rustFacilitator } from './matrix/clients.mjs';
import { OWED } from './matrix/owed.mjs';
import { prepare, RAW, spenderOf } from './matrix/raw.mjs';
import { PAY_TO } from './matrix/shop.mjs';
import { payerOf, startStage } from './matrix/stage.mjs';
import { printTables } from './matrix/table.mjs';
import { Visit, VISITS } from './matrix/visits.mjs';

/** Purchases of one client at a time. */
const AT_ONCE = 4;

const rust = existsSync(rustFacilitator);
const chromium = findChromium() !== undefined;
const facilitators = ['npm', 'rs'];
const columns = [...COLUMNS, ...OWED];
const cells = [
  ...cellsOf(CLIENTS, columns, { facilitators }),
  ...extrasOf('Chromium', VISITS, { facilitators }),
  ...extrasOf('by hand', RAW, { facilitators }),
];
const outcomes = new Map();
for (const cell of cells) {
  const absent = cell.client?.missing === true || (cell.facilitator === 'rs' && !rust) || (cell.row === 'Chromium' && !chromium);
  cell.skip = absent ? 'missing' : undefined;
  if (cell.skip !== undefined) outcomes.set(cell, cell.skip);
}
const running = cells.filter(({ skip }) => skip === undefined);
const started = performance.now();
// Not in a hook: where this fails no cell has run, and one error says why.
const stage = await startStage({ rust, chromium });

/** Who buys, with an account that exists. */
async function purchaseOf(cell) {
  if (cell.extra === undefined) return new Purchase(stage, cell);
  if (cell.row === 'Chromium') {
    const visit = new Visit(stage, cell);
    if (cell.extra.ether) await stage.chain.ether(visit.payer.account.address);
    return visit;
  }
  return await prepare(stage, cell);
}

const tearDown = async () => {
  await Promise.all(CLIENTS.map(({ driver }) => driver.stop()));
  await stage.stop();
};

try {
  await stage.timed('purses', (async () => {
    for (const cell of running) cell.purchase = await purchaseOf(cell);
    await stage.chain.grant(running.map(({ purchase, purse, extra, spender }) =>
      ({ account: purchase.payer.account.address, amount: purse, spender: extra === undefined ? spender : spenderOf(extra) })));
  })());
} catch (error) {
  await tearDown();
  throw error;
}

/** How much an unpaid answer weighs: header of version 2, body of version 1, page. */
async function weigh(path) {
  // Node's fetch says that it is one; a person's navigation does not.
  const get = async (headers) => {
    const [answer] = await once(http.get(`${stage.roads.plain.envoy.url}/npm/${path}`, { headers }), 'response');
    let bytes = 0;
    for await (const chunk of answer) bytes += chunk.length;
    return { required: answer.headers['payment-required'] ?? '', bytes };
  };
  const told = await get({});
  const page = await get({ accept: 'text/html', 'sec-fetch-mode': 'navigate' });
  const { accepts } = JSON.parse(Buffer.from(told.required, 'base64'));
  return `${path}: ${accepts.length} in a header of ${told.required.length}, body ${told.bytes}, page ${page.bytes}`;
}

after(async () => {
  const weights = await Promise.all(['exact/before', 'networks', 'permit2/before', 'upto', 'sponsored'].map(weigh));
  const logs = Object.entries(stage.roads).map(([name, { envoy }]) => `${name}: ${envoy.log().split('\n').slice(-200).join('\n')}`);
  await tearDown();
  if ([...outcomes.values()].includes('failed')) {
    console.log(logs.join('\n'));
    for (const { path, answer, error } of stage.npm.calls) {
      const why = error ?? answer?.errorMessage ?? answer?.errorReason ?? answer?.invalidReason;
      if (why !== undefined) console.log(`npm facilitator ${path}: ${why.slice(0, 600)}`);
    }
  }
  printTables({ clients: CLIENTS, columns, cells, outcomes });
  console.log(`bytes of a 402: ${weights.join('; ')}`);
  console.log(`start-up ${JSON.stringify(stage.timings)} ms; all of it ${Math.round((performance.now() - started) / 1000)} s`);
});

describe('the matrix', { concurrency: true }, () => {
  for (const row of new Set(cells.map((cell) => cell.row))) {
    describe(row, { concurrency: AT_ONCE }, () => {
      for (const cell of cells.filter((one) => one.row === row)) {
        it(`${cell.name}, ${cell.facilitator}`, { skip: cell.skip, timeout: 120_000 }, async () => {
          outcomes.set(cell, 'failed');
          await (cell.column ?? cell.extra).run(cell.purchase);
          outcomes.set(cell, 'passed');
        });
      }
    });
  }
});

describe('afterwards', () => {
  it('moved on the chain exactly what the cells were charged', async () => {
    const failed = new Set(running.filter((cell) => outcomes.get(cell) !== 'passed')
      .map(({ purchase }) => purchase.payer.account.address.toLowerCase()));
    const moved = new Map();
    for (const { from, to, value } of await stage.chain.transfers()) {
      assert.ok(same(to, PAY_TO), `${value} went to ${to}`);
      const payer = from.toLowerCase();
      if (!failed.has(payer)) moved.set(payer, (moved.get(payer) ?? 0n) + value);
    }
    const charged = [...stage.ledger].filter(([payer, amount]) => amount > 0n && !failed.has(payer));
    assert.deepEqual(new Map([...moved].sort()), new Map(charged.sort()));
  });

  it('had every client and both facilitators', () => {
    assert.deepEqual(CLIENTS.filter((client) => client.missing).map(({ name }) => name), [], `not built: ${rustClient}`);
    assert.ok(rust, `not built: ${rustFacilitator}`);
    assert.ok(chromium, 'missing: Chromium. Install it: apt-get install chromium (or name it in X402_CHROMIUM)');
  });
});
