// Requests no published client makes, with payments the published packages signed: the
// headers crossed, one authorisation in two encodings, wallets with code.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { x402Client } from '@x402/core/client';
import { registerExactEvmScheme } from '@x402/evm/exact/client';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { concat, serializeErc6492Signature } from 'viem';

import { ADDRESSES } from '../chain/deploy.mjs';
import { decode, encode, Purchase } from './cells.mjs';
import { until } from './owed.mjs';
import { MAXIMUM, OVERRIDE, PRICE } from './shop.mjs';

// Node 18 keeps it in a module; the packages look for the global, as browsers have it.
globalThis.crypto ??= webcrypto;

const RECEIPTS = ['payment-response', 'x-payment-response'];

/** A purchase made by hand. */
class Raw extends Purchase {
  async ask(path, headers = {}) {
    const response = await fetch(this.url(path), { headers });
    const name = RECEIPTS.find((one) => response.headers.has(one));
    return {
      status: response.status, headers: response.headers, body: await response.text(),
      receiptIn: name, receipt: name === undefined ? undefined : decode(response.headers.get(name)),
    };
  }

  /** The quote, paid by this signer in this version: what the header would carry. */
  async sign(path, { version = 2, signer = this.signer ?? this.payer.account } = {}) {
    const unpaid = await this.ask(path);
    assert.equal(unpaid.status, 402, unpaid.body);
    const terms = version === 1 ? JSON.parse(unpaid.body) : decode(unpaid.headers.get('payment-required'));
    const client = registerExactEvmScheme(new x402Client(), { signer, networks: ['eip155:84532'] })
      .register('eip155:84532', new UptoEvmScheme(signer));
    return await client.createPaymentPayload(terms);
  }

  async pay(path, options) {
    return await this.ask(path, { 'payment-signature': encode(await this.sign(path, options)) });
  }

  async got(answer, amount = PRICE) {
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.body, `the content of ${this.cell.id}`);
    this.hits(1);
    const transfers = await this.moved(...(amount === 0n ? [] : [amount]));
    assert.equal(answer.receipt?.success, true);
    if (amount !== 0n) assert.equal(answer.receipt.transaction.toLowerCase(), transfers[0].transaction);
  }

  async not(answer, status, ...codes) {
    assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.body}`);
    const { code, error } = JSON.parse(answer.body);
    assert.ok(codes.length === 0 || codes.includes(code ?? error), `${code ?? error} is none of ${codes}`);
    this.hits(0);
    await this.moved();
  }

  /** The same bytes, after the proxy has written down that they were delivered. */
  async again(path, headers) {
    for (let tries = 0; ; tries++) {
      const answer = await this.ask(path, headers);
      if (answer.status !== 503 || tries === 20) return answer;
      await sleep(100);
    }
  }
}

/** The same authorisation as the other version would write it. */
const legacy = ({ accepted, payload }) => ({ x402Version: 1, scheme: accepted.scheme, network: 'base-sepolia', payload });

const overriding = (override, amount) => async (purchase) => {
  purchase.stage.upstream.orders.set(purchase.cell.id, { override });
  await purchase.got(await purchase.pay('upto'), amount);
};

/** Signs in the payer's name with another key. */
function thief({ stage, cell, payer }) {
  const { account } = stage.payerOf(`${cell.id}, a thief`);
  return { address: payer.account.address, signTypedData: (message) => account.signTypedData(message) };
}

/** What a forger reads. x402-rs answers 500 to a signature that is nobody's. */
const forged = ({ facilitator }) => (facilitator === 'rs'
  ? [[402, 503], 'invalid_exact_evm_signature', 'facilitator_unavailable']
  : [[402], 'invalid_exact_evm_signature', 'payment_rejected']);

/** Signatures of a wallet: its owner's, marked, and for one not yet deployed wrapped. */
function walletSigner({ address, factory, calldata }, owner, { counterfactual }) {
  return {
    address,
    async signTypedData(message) {
      const signature = concat(['0x01', await owner.signTypedData(message)]);
      return counterfactual ? serializeErc6492Signature({ address: factory, data: calldata, signature }) : signature;
    },
  };
}

/** It was paid on the chain, and the proxy never heard: no content, no quote, no second charge. */
const unheard = (path, hits) => async (purchase) => {
  const { upstream } = purchase.stage;
  purchase.spoil('lost');
  const headers = { 'payment-signature': encode(await purchase.sign(path)) };
  for (let tries = 0; tries < 2; tries++) {
    const answer = await purchase.ask(path, headers);
    assert.equal(answer.status, 503, answer.body);
    assert.equal(JSON.parse(answer.body).code, 'settlement_pending');
    assert.equal(answer.headers.get('payment-required'), null, 'no quote');
    await purchase.moved(PRICE);
    // The second try asks the facilitator only: the upstream worked, or did not, the first time.
    assert.ok(upstream.hits(purchase.cell.id) <= hits);
  }
};

const settles = (path) => async (purchase) => purchase.got(await purchase.pay(path));

export const RAW = [
  {
    group: 'headers', name: 'X-PAYMENT carries version 2', by: 'npm',
    async run(purchase) {
      const payment = await purchase.sign('exact/before');
      await purchase.got(await purchase.ask('exact/before', { 'x-payment': encode(payment) }));
    },
  },
  {
    group: 'headers', name: 'PAYMENT-SIGNATURE carries version 1', by: 'npm',
    async run(purchase) {
      const payment = await purchase.sign('exact/after', { version: 1 });
      await purchase.got(await purchase.ask('exact/after', { 'payment-signature': encode(payment) }));
    },
  },
  {
    group: 'headers', name: 'one authorisation in both versions', by: 'all',
    async run(purchase) {
      const payment = await purchase.sign('exact/before');
      await purchase.got(await purchase.ask('exact/before', { 'payment-signature': encode(payment) }));
      const again = await purchase.again('exact/before', { 'x-payment': encode(legacy(payment)) });
      assert.equal(again.status, 402, again.body);
      assert.equal(JSON.parse(again.body).code, 'payment_already_used');
      purchase.hits(1);
      await purchase.moved(PRICE);
    },
  },
  {
    group: 'headers', name: 'both headers at once', by: 'npm',
    async run(purchase) {
      const payment = await purchase.sign('exact/before');
      const headers = { 'payment-signature': encode(payment), 'x-payment': encode(legacy(payment)) };
      await purchase.not(await purchase.ask('exact/before', headers), 402, 'payment_ambiguous');
    },
  },
  {
    group: 'headers', name: 'one payment, eight requests at once', by: 'all',
    async run(purchase) {
      const headers = { 'payment-signature': encode(await purchase.sign('exact/before')) };
      const answers = await Promise.all(Array.from({ length: 8 }, () => purchase.ask('exact/before', headers)));
      const statuses = answers.map(({ status }) => status).sort();
      assert.equal(statuses.filter((one) => one === 200).length, 1, String(statuses));
      for (const { status, body } of answers.filter((one) => one.status !== 200)) {
        assert.ok(['payment_in_flight', 'payment_already_used'].includes(JSON.parse(body).code), `${status} ${body}`);
      }
      purchase.hits(1);
      await purchase.moved(PRICE);
    },
  },
  {
    group: 'forged', name: 'signed by somebody else', by: 'all',
    async run(purchase) {
      await purchase.not(await purchase.pay('exact/before', { signer: thief(purchase) }), ...forged(purchase.cell));
    },
  },
  {
    // Through a facilitator of its own, whose failures nobody else's successes make up for.
    group: 'forged', name: 'twelve of them suspend nothing', by: 'all',
    async run(purchase) {
      const signer = thief(purchase);
      for (let tries = 0; tries < 12; tries++) {
        await purchase.not(await purchase.pay('guarded', { signer }), ...forged(purchase.cell));
      }
      await purchase.got(await purchase.pay('guarded'));
    },
  },
  { group: 'lost', name: 'the answer to a settlement before', by: 'all', spoils: true, run: unheard('exact/before', 0) },
  { group: 'lost', name: 'the answer to a settlement after', by: 'all', spoils: true, run: unheard('exact/after', 1) },
  {
    // The proxy asks again by itself. Meanwhile nobody knows what the wallet is owed.
    group: 'lost', name: 'a new payment while it is asked about again', by: 'all', spoils: true,
    async run(purchase) {
      purchase.spoil('lost');
      assert.equal((await purchase.pay('exact/before')).status, 503);
      purchase.spoil('slow', 3_000);
      await until('asked about again', () => purchase.settlements().length === 2);
      const answer = await purchase.pay('exact/before');
      assert.equal(answer.status, 503, answer.body);
      assert.equal(JSON.parse(answer.body).code, 'payment_in_flight');
      purchase.hits(0);
      await purchase.moved(PRICE);
    },
  },
  { group: 'upto', name: 'half of the most', by: 'all', permit2: true, run: overriding('50%', MAXIMUM / 2n) },
  { group: 'upto', name: 'an override in dollars', by: 'all', permit2: true, run: overriding('$0.012345', OVERRIDE) },
  {
    group: 'upto', name: 'more than was signed', by: 'all', permit2: true,
    async run(purchase) {
      purchase.stage.upstream.orders.set(purchase.cell.id, { override: String(MAXIMUM * 3n) });
      const answer = await purchase.pay('upto');
      assert.equal(answer.status, 200, answer.body);
      await purchase.moved(MAXIMUM);
    },
  },
  { group: 'wallets', name: 'ERC-1271 before', by: 'all', wallet: 'deployed', run: settles('exact/before') },
  { group: 'wallets', name: 'ERC-1271 after', by: 'all', wallet: 'deployed', run: settles('exact/after') },
  {
    group: 'wallets', name: 'ERC-1271 by Permit2', by: 'all', wallet: 'deployed', permit2: true,
    run: settles('permit2/before'),
  },
  {
    group: 'wallets', name: 'ERC-1271, not its owner', by: 'all', wallet: 'stranger',
    async run(purchase) {
      await purchase.not(await purchase.pay('exact/before'), ...forged(purchase.cell));
    },
  },
  { group: 'wallets', name: 'ERC-6492 not yet deployed', by: 'all', wallet: 'counterfactual', run: settles('exact/before') },
  { group: 'wallets', name: 'EIP-7702', by: 'all', wallet: 'delegated', run: settles('exact/before') },
];

/** What the cell's payer is, on this chain. */
export async function prepare(stage, cell) {
  const purchase = new Raw(stage, cell);
  const { account } = purchase.payer;
  const { wallet } = cell.extra;
  if (wallet === 'delegated') await stage.chain.delegate(account.address);
  else if (wallet !== undefined) {
    const contract = await stage.chain.smartWallet(account.address, { deploy: wallet !== 'counterfactual' });
    const signs = wallet === 'stranger' ? stage.payerOf(`${cell.id}, a stranger`).account : account;
    purchase.signer = walletSigner(contract, signs, { counterfactual: wallet === 'counterfactual' });
    purchase.payer = { ...purchase.payer, account: { address: contract.address } };
  }
  return purchase;
}

/** Grants for a prepared purchase. */
export const spenderOf = (extra) => (extra.permit2 === true ? ADDRESSES.permit2 : undefined);
