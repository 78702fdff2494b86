// Unmodified clients pay through a real Envoy, real facilitators settle on a real chain: every
// client, version, scheme, way of settling, and each failure. Balances are read off the chain.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Purchase, cellsOf, COLUMNS, same } from './matrix/cells.mjs';
import { CLIENTS, rustClient, rustFacilitator } from './matrix/clients.mjs';
import { payerOf, startStage } from './matrix/stage.mjs';
import { PAY_TO } from './matrix/shop.mjs';
import { printTable } from './matrix/table.mjs';
import { existsSync } from 'node:fs';

/** What this module cannot do yet; a cell that needs it is shown as pending. */
const PENDING = new Set(['v1', 'permit2', 'sponsored', 'upto']);
const FEATURES = new Set(['v1', 'permit2', 'sponsored', 'upto'].filter((one) => !PENDING.has(one)));
/** Purchases of one client at a time. */
const AT_ONCE = 4;

const rust = existsSync(rustFacilitator);
const facilitators = ['npm', 'rs'];
const cells = cellsOf(CLIENTS, { facilitators });
const outcomes = new Map();
for (const cell of cells) {
  const absent = cell.client.missing === true || (cell.facilitator === 'rs' && !rust);
  const pending = cell.needs.some((one) => PENDING.has(one));
  cell.skip = pending ? 'pending' : absent ? 'missing' : undefined;
  if (cell.skip !== undefined) outcomes.set(cell, cell.skip);
}
const started = performance.now();
let stage;

before(async () => {
  stage = await startStage({ features: FEATURES, rust });
  stage.ledger = new Map();
  const grants = cells.filter(({ skip }) => skip === undefined)
    .map(({ id, purse, spender }) => ({ account: payerOf(id).account.address, amount: purse, spender }));
  await stage.timed('purses', stage.chain.grant(grants));
}, { timeout: 120_000 });

after(async () => {
  await Promise.all(CLIENTS.map(({ driver }) => driver.stop()));
  const log = stage?.envoy.log() ?? '';
  await stage?.stop();
  if ([...outcomes.values()].includes('failed')) console.log(log.split('\n').slice(-40).join('\n'));
  printTable({ clients: CLIENTS, columns: COLUMNS, cells, outcomes });
  console.log(`start-up ${JSON.stringify(stage?.timings)} ms; all of it ${Math.round((performance.now() - started) / 1000)} s`);
});

describe('the matrix', { concurrency: true }, () => {
  for (const client of CLIENTS) {
    describe(client.name, { concurrency: AT_ONCE }, () => {
      for (const cell of cells.filter((one) => one.client === client)) {
        const name = `v${cell.version} ${cell.column.name}, ${cell.facilitator}`;
        it(name, { skip: cell.skip, timeout: 120_000 }, async () => {
          outcomes.set(cell, 'failed');
          await cell.column.run(new Purchase(stage, cell));
          outcomes.set(cell, 'passed');
        });
      }
    });
  }
});

describe('afterwards', () => {
  it('moved on the chain exactly what the cells were charged', async () => {
    const transfers = await stage.chain.transfers();
    const spent = new Map([...stage.ledger].filter(([, amount]) => amount > 0n));
    const moved = new Map();
    for (const { from, to, value } of transfers) {
      assert.ok(same(to, PAY_TO), `${value} went to ${to}`);
      const payer = from.toLowerCase();
      moved.set(payer, (moved.get(payer) ?? 0n) + value);
    }
    const failed = cells.filter((cell) => outcomes.get(cell) === 'failed').map(({ id }) => payerOf(id).account.address.toLowerCase());
    for (const payer of failed) {
      spent.delete(payer);
      moved.delete(payer);
    }
    assert.deepEqual(new Map([...moved].sort()), new Map([...spent].sort()));
  });

  it('had every client and both facilitators', () => {
    const missing = CLIENTS.filter((client) => client.missing).map(({ name }) => name);
    assert.deepEqual(missing, [], `not built: ${rustClient}`);
    assert.ok(rust, `not built: ${rustFacilitator}`);
  });
});
