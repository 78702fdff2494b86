// The cells: what is bought how, and what must have become of the money.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { ADDRESSES } from '../chain/deploy.mjs';
import { paymentIn } from './hop.mjs';
import { BRIEF, LANES, MAXIMUM, OVERRIDE, PAY_TO, PRICE, RATED, TOKENS } from './shop.mjs';
import { payerOf, PURSE } from './stage.mjs';

export const decode = (header) => JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
export const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64');
export const same = (a, b) => a.toLowerCase() === b.toLowerCase();

/** One purchase, by one client, of one thing, with a payer of its own. */
export class Purchase {
  constructor(stage, cell) {
    this.stage = stage;
    this.cell = cell;
    this.payer = payerOf(cell.id);
    this.purse = cell.purse;
    this.hop = stage.roads[cell.road].hop;
    this.wire = stage.wires[cell.facilitator];
  }

  url(path) {
    const lane = this.cell.lane === undefined ? '' : `lane${this.cell.lane}/`;
    return `${this.hop.url}/${this.cell.facilitator}/${lane}${path}?cell=${encodeURIComponent(this.cell.id)}`;
  }

  /** The client, unmodified, buys. */
  async buy(path, { lie = {}, order = {}, rpc = false } = {}) {
    const { cell, stage } = this;
    // A client that speaks both versions pays by the first one when it cannot see the second.
    const deaf = cell.version === 1 ? { without: 'payment-required' } : {};
    this.hop.lies.set(cell.id, { ...deaf, ...lie });
    stage.upstream.orders.set(cell.id, order);
    this.path = path;
    return await cell.client.driver.pay({
      url: this.url(path), key: this.payer.key, method: 'GET', ...(rpc && { rpc: stage.chain.rpc }),
    });
  }

  /** Spoils the next settlement, as the wire does. */
  spoil(how, after) {
    this.wire.spoil(this.payer.account.address, { how, after });
  }

  /** What the facilitator was asked to settle. */
  settlements() {
    return this.wire.of(this.payer.account.address);
  }

  exchanges() {
    return this.hop.of(this.cell.id);
  }

  /** The paid requests as they went out. */
  payments() {
    return this.exchanges().filter(({ request }) => paymentIn(request.headers) !== undefined);
  }

  /** The same bytes again, by nobody in particular. */
  async resend() {
    const [{ request }] = this.payments();
    const { name } = paymentIn(request.headers);
    const headers = { [name]: request.headers[name] };
    const response = await fetch(new URL(request.path, this.hop.url), { headers });
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  /** What left the payer's account, and that nothing else did. */
  async moved(...amounts) {
    const { chain } = this.stage;
    const { address } = this.payer.account;
    const transfers = await chain.transfers(address);
    assert.deepEqual(transfers.map(({ value }) => value), amounts, 'transfers on the chain');
    for (const { to } of transfers) assert.ok(same(to, PAY_TO), `paid to ${to}`);
    const spent = amounts.reduce((sum, one) => sum + one, 0n);
    assert.equal(await chain.balanceOf(address), this.purse - spent, "the payer's balance");
    this.stage.ledger.set(address.toLowerCase(), spent);
    return transfers;
  }

  hits(count) {
    assert.equal(this.stage.upstream.hits(this.cell.id), count, 'requests that reached the upstream');
  }

  statuses(...expected) {
    assert.deepEqual(this.exchanges().map(({ status }) => status), expected, 'answers of the proxy');
  }

  /** Content came, a receipt came, and the amount moved exactly once. */
  async bought(answer, amount) {
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.equal(answer.body, `the content of ${this.cell.id}`);
    this.statuses(402, 200);
    this.hits(1);
    const { name, value } = paymentIn(this.payments()[0].request.headers);
    assert.equal(decode(value).x402Version, this.cell.version, 'version of the payment');
    assert.equal(name, this.cell.version === 1 ? 'x-payment' : 'payment-signature');
    const [transfer] = await this.moved(...(amount === 0n ? [] : [amount]));
    this.receipt(answer, transfer?.transaction ?? '');
  }

  /** The receipt names the transaction. */
  receipt({ receipt }, transaction) {
    assert.equal(receipt?.success, true, JSON.stringify(receipt));
    assert.equal(receipt.network, this.cell.version === 1 ? 'base-sepolia' : 'eip155:84532');
    assert.ok(same(receipt.transaction, transaction), `the receipt names ${receipt.transaction} and not ${transaction}`);
  }

  /** The application was told so, and nothing moved. */
  async refused(answer, status, ...codes) {
    assert.equal(answer.status, status, JSON.stringify(answer));
    const last = this.exchanges().at(-1);
    const told = JSON.parse(last.body);
    assert.ok(codes.length === 0 || codes.includes(told.code ?? told.error), `${told.code ?? told.error} is none of ${codes}`);
    await this.moved();
  }
}

const paid = (path, amount = PRICE, options) => async (purchase) => {
  await purchase.bought(await purchase.buy(path, options), amount);
};

/** Nobody settles: the application is told to come again, and is not asked for another payment. */
const unreached = (path) => async (purchase) => {
  const answer = await purchase.buy(path);
  await purchase.refused(answer, 503, 'facilitator_unavailable');
  assert.doesNotMatch(answer.body, /the content/);
  const { headers } = purchase.exchanges().at(-1);
  assert.equal(headers['payment-required'], undefined, 'no quote');
  assert.ok(headers['retry-after'], 'when to come again');
  // After some of these the proxy knows, and spares the upstream what nobody could pay for.
  if (path.endsWith('after')) assert.ok(purchase.stage.upstream.hits(purchase.cell.id) <= 1);
  else purchase.hits(0);
};

/** Bought, and the same payment presented once more: it buys nothing and costs nothing. */
const replayed = (path, amount = PRICE, options) => async (purchase) => {
  await purchase.bought(await purchase.buy(path, options), amount);
  // The proxy writes a delivery down just after its last byte went out.
  for (let tries = 0; ; tries++) {
    const again = await purchase.resend();
    const { code } = JSON.parse(again.body);
    if (code === 'payment_in_flight' && tries < 20) {
      await sleep(100);
      continue;
    }
    assert.equal(again.status, 402, again.body);
    assert.equal(code, 'payment_already_used');
    break;
  }
  purchase.hits(1);
  await purchase.moved(amount);
};

/** Signed for one amount, sent as another. */
function overstated(header) {
  const payment = decode(header);
  payment.payload.authorization.value = String(PRICE * 2n);
  return encode(payment);
}

/**
 * What a payer without money reads. The npm facilitator settles version 1 unasked and tells
 * the revert in free text, which proves nothing.
 */
const unfunded = () => [402, 'insufficient_funds', 'payment_rejected'];

/** A quote of half the price: what the client then signs is valid, and too little. */
function halved({ headers, body }) {
  const half = String(PRICE / 2n);
  const cheap = (quote) => {
    for (const one of quote.accepts) one[one.amount === undefined ? 'maxAmountRequired' : 'amount'] = half;
    return quote;
  };
  const required = headers['payment-required'];
  const told = JSON.parse(body);
  return {
    headers: { ...headers, ...(required !== undefined && { 'payment-required': encode(cheap(decode(required))) }) },
    body: Buffer.from(JSON.stringify(told.accepts === undefined ? told : cheap(told))),
  };
}

/**
 * A column of the table. `by` says which facilitators it is worth asking (all, or one), `scheme`
 * and `versions` which clients can; without `allowance` Permit2 may not move the payer's money. On
 * the `road` called `proven` the proxy asks the chain. What `spoils` settlements has a lane.
 */
export const COLUMNS = [
  { name: 'exact before', by: 'all', run: paid('exact/before') },
  { name: 'exact after', by: 'all', run: paid('exact/after') },
  { name: 'three networks', by: 'all', run: paid('networks') },
  { name: 'permit2 before', by: 'all', scheme: 'permit2', versions: [2], run: paid('permit2/before') },
  { name: 'permit2 after', by: 'all', scheme: 'permit2', versions: [2], run: paid('permit2/after') },
  {
    name: 'permit2 sponsored', by: 'all', scheme: 'sponsored', versions: [2], allowance: false,
    run: paid('sponsored', PRICE, { rpc: true }),
  },
  {
    name: 'upto override', by: 'all', scheme: 'upto', versions: [2],
    run: paid('upto', OVERRIDE, { order: { override: String(OVERRIDE) } }),
  },
  {
    name: 'upto rate', by: 'all', scheme: 'upto', versions: [2],
    run: paid('upto-rate', RATED, { order: { tokens: TOKENS } }),
  },
  { name: 'upto zero', by: 'all', scheme: 'upto', versions: [2], run: paid('upto', 0n, { order: { override: '0' } }) },
  {
    name: 'no funds before', by: 'all', purse: PRICE - 1n,
    async run(purchase) {
      const answer = await purchase.buy('exact/before');
      await purchase.refused(answer, ...unfunded(purchase.cell));
      purchase.statuses(402, answer.status);
      purchase.hits(0);
    },
  },
  {
    name: 'no funds after', by: 'all', purse: PRICE - 1n,
    async run(purchase) {
      const answer = await purchase.buy('exact/after');
      await purchase.refused(answer, ...unfunded(purchase.cell));
      assert.doesNotMatch(answer.body, /the content/);
      purchase.statuses(402, answer.status);
      // Version 1 is verified before the upstream works.
      purchase.hits(purchase.cell.version === 1 ? 0 : 1);
    },
  },
  {
    name: 'no funds verified', by: 'all', purse: PRICE - 1n,
    async run(purchase) {
      await purchase.refused(await purchase.buy('exact/verified'), 402, 'insufficient_funds', 'payment_rejected');
      purchase.statuses(402, 402);
      purchase.hits(0);
    },
  },
  {
    name: 'no allowance', by: 'all', scheme: 'permit2', versions: [2], allowance: false,
    async run(purchase) {
      const answer = await purchase.buy('permit2/before');
      // Settled unasked, the contract's revert would be all there is to know, so Permit2 is
      // asked about first unless the offer says otherwise.
      assert.equal(answer.status, 412, JSON.stringify(answer));
      await purchase.refused(answer, answer.status);
      purchase.hits(0);
    },
  },
  {
    name: 'no allowance verified', by: 'all', scheme: 'permit2', versions: [2], allowance: false,
    async run(purchase) {
      const answer = await purchase.buy('permit2/verified');
      assert.equal(answer.status, 412, JSON.stringify(answer));
      await purchase.refused(answer, answer.status);
      purchase.hits(0);
    },
  },
  {
    name: 'permit2 only', by: 'all', versions: [1],
    async run(purchase) {
      const answer = await purchase.buy('permit2/before');
      assert.notEqual(answer.status, 200, JSON.stringify(answer));
      purchase.hits(0);
      await purchase.moved();
    },
  },
  {
    name: 'other network', by: 'npm',
    async run(purchase) {
      const answer = await purchase.buy('elsewhere');
      purchase.hits(0);
      await purchase.moved();
      // Some clients refuse. Those of version 1 and Rust's sign for whatever network there is,
      // and what this facilitator then says of version 1 leaves the outcome open.
      if (answer.error !== undefined) purchase.statuses(402);
      else if (purchase.cell.version === 1) assert.ok([402, 503].includes(answer.status), JSON.stringify(answer));
      else assert.equal(answer.status, 402, JSON.stringify(answer));
    },
  },
  {
    name: 'upstream 500 before', by: 'all',
    async run(purchase) {
      const answer = await purchase.buy('exact/before', { order: { failures: 1 } });
      assert.equal(answer.status, 500, JSON.stringify(answer));
      assert.equal(answer.receipt?.success, true, 'a receipt for what was charged');
      await purchase.moved(PRICE);
      const again = await purchase.resend();
      assert.equal(again.status, 200, again.body);
      assert.match(again.body, /the content/);
      purchase.hits(2);
      await purchase.moved(PRICE);
    },
  },
  {
    name: 'upstream 500 after', by: 'all',
    async run(purchase) {
      const answer = await purchase.buy('exact/after', { order: { failures: 1 } });
      assert.equal(answer.status, 500, JSON.stringify(answer));
      assert.equal(answer.receipt ?? null, null, 'no receipt');
      purchase.hits(1);
      await purchase.moved();
    },
  },
  {
    name: 'upstream 500 upto', by: 'all', scheme: 'upto', versions: [2],
    async run(purchase) {
      const answer = await purchase.buy('upto', { order: { failures: 1, override: String(OVERRIDE) } });
      assert.equal(answer.status, 500, JSON.stringify(answer));
      assert.equal(answer.receipt ?? null, null, 'no receipt');
      purchase.hits(1);
      await purchase.moved();
    },
  },
  { name: 'facilitator down before', by: 'dead', run: unreached('exact/before') },
  { name: 'facilitator down after', by: 'dead', run: unreached('exact/after') },
  { name: 'replay before', by: 'all', run: replayed('exact/before') },
  { name: 'replay after', by: 'all', run: replayed('exact/after') },
  { name: 'replay permit2', by: 'all', scheme: 'permit2', versions: [2], run: replayed('permit2/before') },
  {
    name: 'replay upto', by: 'all', scheme: 'upto', versions: [2],
    run: replayed('upto', OVERRIDE, { order: { override: String(OVERRIDE) } }),
  },
  {
    name: 'expired', by: 'npm',
    async run(purchase) {
      const answer = await purchase.buy('brief', { lie: { delay: (BRIEF - 5) * 1000 } });
      await purchase.refused(answer, 402, 'invalid_exact_evm_payload_authorization_valid_before');
      purchase.hits(0);
    },
  },
  {
    name: 'tampered amount', by: 'npm',
    async run(purchase) {
      const answer = await purchase.buy('exact/before', { lie: { payment: overstated } });
      // Which of the two it is found out by first is the proxy's business.
      await purchase.refused(answer, 402, 'invalid_exact_evm_payload_authorization_value_mismatch', 'invalid_exact_evm_signature');
      purchase.hits(0);
    },
  },
  {
    name: 'tampered quote', by: 'npm',
    async run(purchase) {
      const answer = await purchase.buy('exact/before', { lie: { quote: halved } });
      await purchase.refused(answer, 402, 'no_matching_payment_requirements', 'invalid_exact_evm_payload_authorization_value_mismatch');
      purchase.hits(0);
    },
  },
];

const idOf = (...words) => words.join(' ').replaceAll(/[^a-z0-9]+/gi, '-');
const asked = (by, facilitators) => (by === 'all' ? facilitators : [by]);

/** The next lane of each facilitator on each road, in turn. */
const lanes = new Map();
function laneOf({ spoils = false, road = 'plain' }, facilitator) {
  if (!spoils) return undefined;
  const name = `${facilitator} ${road}`;
  const lane = lanes.get(name) ?? 0;
  lanes.set(name, (lane + 1) % LANES);
  return lane;
}

/** Every cell of these clients, in the order of the table. */
export function cellsOf(clients, columns, { facilitators }) {
  return clients.flatMap((client) => client.versions.flatMap((version) => columns.flatMap((column) => {
    const able = (column.versions ?? [1, 2]).includes(version) && client.schemes.includes(column.scheme ?? 'exact');
    if (!able) return [];
    return asked(column.by, facilitators).map((facilitator) => ({
      id: idOf(client.name, version, column.name, facilitator),
      row: client.name,
      name: `v${version} ${column.name}`,
      client, version, column, facilitator,
      road: column.road ?? 'plain',
      lane: laneOf(column, facilitator),
      purse: column.purse ?? PURSE,
      spender: column.scheme !== undefined && column.allowance !== false ? ADDRESSES.permit2 : undefined,
    }));
  })));
}

/** The cells of what only one can do. */
export function extrasOf(row, extras, { facilitators }) {
  return extras.flatMap((extra) => asked(extra.by, facilitators).map((facilitator) => ({
    id: idOf(row, extra.group ?? '', extra.name, facilitator),
    row,
    name: extra.group === undefined ? extra.name : `${extra.group}: ${extra.name}`,
    extra, facilitator, version: 2,
    road: extra.road ?? 'plain',
    lane: laneOf(extra, facilitator),
    purse: extra.purse ?? PURSE,
  })));
}
