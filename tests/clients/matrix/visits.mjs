// What a person does in a browser: looks at the page, presses its button, signs or does not.

import assert from 'node:assert/strict';

import { Purchase } from './cells.mjs';
import { beside } from './owed.mjs';
import { PRICE } from './shop.mjs';

export class Visit extends Purchase {
  /** Opens the page, runs `inside` with it, closes it. */
  async at(path, inside, wallet = {}) {
    const { browser, chain } = this.stage;
    const visit = await browser.open(this.url(path), { account: this.payer.account, rpc: chain.rpc, ...wallet });
    try {
      assert.equal(visit.status, 402);
      await inside(visit);
      assert.deepEqual(visit.complaints, [], 'errors in the page');
    } finally {
      await visit.close();
    }
  }

  content() {
    return new RegExp(`the content of ${this.cell.id}`);
  }
}

const buys = (path, { amount = PRICE, order = {}, then } = {}) => async (visit) => {
  visit.stage.upstream.orders.set(visit.cell.id, order);
  await visit.at(path, async (open) => {
    assert.doesNotMatch(await open.text(), visit.content());
    await open.click();
    await open.until(visit.content());
    visit.hits(1);
    await visit.moved(amount);
    await then?.(visit, open);
  });
};

export const VISITS = [
  { name: 'exact before', by: 'all', run: buys('exact/before') },
  { name: 'exact after', by: 'all', run: buys('exact/after') },
  { name: 'permit2 after its approval', by: 'all', ether: true, run: buys('permit2/before') },
  { name: 'upto', by: 'all', permit2: true, run: buys('upto', { amount: 12_345n, order: { override: '12345' } }) },
  {
    name: 'another network first', by: 'npm',
    async run(visit) {
      await visit.at('exact/before', async (open) => {
        await open.click();
        await open.until(visit.content());
        assert.ok(open.asked.includes('wallet_switchEthereumChain'), String(open.asked));
        await visit.moved(PRICE);
      }, { network: 1 });
    },
  },
  {
    name: 'reloaded', by: 'npm',
    run: buys('exact/before', {
      async then(visit, { page, asked }) {
        const signed = asked.length;
        await page.reload({ waitUntil: 'load' });
        await page.reload({ waitUntil: 'load' });
        assert.equal(asked.length, signed, 'the wallet was asked again');
        visit.hits(1);
        await visit.moved(PRICE);
      },
    }),
  },
  {
    name: 'redirected', by: 'npm',
    async run(visit) {
      visit.stage.upstream.orders.set(visit.cell.id, { leadsTo: beside(visit.cell) });
      await visit.at('exact/before', async (open) => {
        await open.click();
        await open.until(visit.content());
        visit.hits(2);
        await visit.moved(PRICE);
        assert.equal(open.asked.filter((method) => method === 'eth_signTypedData_v4').length, 1, 'signatures');
      });
    },
  },
  {
    name: 'declined', by: 'npm',
    async run(visit) {
      await visit.at('exact/before', async (open) => {
        await open.click();
        await open.until(/declined/i);
        visit.hits(0);
        await visit.moved();
      }, { declines: true });
    },
  },
  {
    name: 'no funds', by: 'all', purse: PRICE - 1n,
    async run(visit) {
      await visit.at('exact/before', async (open) => {
        await open.click();
        await open.until(/funds|insufficient|enough/i);
        visit.hits(0);
        await visit.moved();
      });
    },
  },
];
