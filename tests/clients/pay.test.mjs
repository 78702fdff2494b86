// An unmodified client pays through a real Envoy: settled before and after, with and without
// a body, over both versions of HTTP.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { http2Transport, NETWORK, payerAccount, payingFetch, paymentRequired, receipt, recorded } from './client.mjs';
import { balance, calls, fund, startStack } from './stack.mjs';

const MEGABYTE = Buffer.alloc(1 << 20, 'x402');

const PURCHASES = [
  { name: 'GET settled before', method: 'GET', path: '/v1/tiles/7/66/44?style=dark', amount: 5_000n },
  { name: 'POST of 1 MB settled before', method: 'POST', path: '/v1/uploads', amount: 10_000n, body: MEGABYTE },
  { name: 'GET settled after', method: 'GET', path: '/v1/reports/2026', amount: 10_000n },
  { name: 'POST of 1 MB settled after', method: 'POST', path: '/v1/embeddings', amount: 20_000n, body: MEGABYTE },
];

let stack;

before(async () => {
  stack = await startStack();
});

after(async () => {
  await stack?.stop();
});

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  describe(`@x402/fetch over ${protocol}`, () => {
    let transport = fetch;
    let close = () => {};

    before(() => {
      if (protocol === 'HTTP/2') ({ fetch: transport, close } = http2Transport(stack.url));
    });

    after(() => close());

    for (const { name, method, path, amount, body } of PURCHASES) {
      it(`pays: ${name}`, async () => {
        const wire = recorded(transport);
        const pay = payingFetch({ transport: wire.fetch });

        const response = await pay(new URL(path, stack.url), { method, body });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.deepEqual(wire.exchanges.map(({ status }) => status), [402, 200]);

        const terms = paymentRequired(wire.exchanges[0].response).accepts[0];
        assert.equal(terms.network, NETWORK);
        assert.equal(BigInt(terms.amount), amount);

        const paid = receipt(response);
        assert.equal(paid.success, true);
        assert.equal(paid.network, NETWORK);
        assert.equal(paid.payer.toLowerCase(), payerAccount().address.toLowerCase());
        assert.match(paid.transaction, /^0x[0-9a-f]{64}$/i);
        assert.match(response.headers.get('cache-control'), /\bprivate\b/);
      });
    }

    it('leaves a free route alone', async () => {
      const wire = recorded(transport);
      const response = await payingFetch({ transport: wire.fetch })(new URL('/healthz', stack.url));
      await response.text();
      assert.equal(response.status, 200);
      assert.equal(wire.exchanges.length, 1);
      assert.equal(receipt(response), undefined);
    });

    it('moves exactly the price, once, in one settlement', async () => {
      const probe = await transport(new Request(new URL('/v1/tiles/1/0/0', stack.url)));
      const { asset, payTo } = paymentRequired(probe).accepts[0];
      const payer = { network: NETWORK, asset, address: payerAccount().address };
      const seller = { network: NETWORK, asset, address: payTo };
      await fund(stack, { ...payer, amount: 1_000_000n });
      const [sellerBefore, callsBefore] = [await balance(stack, seller), (await calls(stack)).length];

      const response = await payingFetch({ transport })(new URL('/v1/tiles/1/0/0', stack.url));
      await response.text();
      assert.equal(response.status, 200);
      assert.equal(await balance(stack, payer), 995_000n);
      assert.equal((await balance(stack, seller)) - sellerBefore, 5_000n);
      const settled = (await calls(stack)).slice(callsBefore);
      assert.deepEqual(settled.map(({ path }) => path), ['/settle']);
      assert.equal(settled[0].authorization, true, 'the token came along');
    });
  });
}
