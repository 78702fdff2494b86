// What the chain proves of a settlement (src/proof.rs), asked of a real chain: payments that the
// published facilitator made, and what payers do to their nonces instead.
//
// node proof.test.mjs --write renews tests/vectors/proof.json, the answers that unit tests read.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { x402Client } from '@x402/core/client';
import { registerExactEvmScheme } from '@x402/evm/exact/client';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { createWalletClient, encodeFunctionData, getAddress, http, parseAbi, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';

import './client.mjs';
import { ADDRESSES, KEYS, startChain } from './chain/deploy.mjs';
import { startFacilitator } from './facilitator.mjs';
import { kept, startProver } from './prove.mjs';

const NETWORK = `eip155:${baseSepolia.id}`;
const SELLER = getAddress('0x209693Bc6afc0C5328bA36FaF03C514EF312287C');
const PRICE = 5_000n;
const MOST = 20_000n;
const FINALITY = 900n;
const VALID_FOR = 3_600;

const PERMIT2 = parseAbi([
  'function invalidateUnorderedNonces(uint256 wordPos, uint256 mask)',
  'function permitTransferFrom(((address token, uint256 amount) permitted, uint256 nonce, uint256 deadline) permit, (address to, uint256 requestedAmount) details, address owner, bytes signature)',
]);
const DOMAIN = { name: 'USDC', version: '2', chainId: baseSepolia.id, verifyingContract: ADDRESSES.token };
const TRANSFER = [['from', 'address'], ['to', 'address'], ['value', 'uint256'], ['validAfter', 'uint256'], ['validBefore', 'uint256'], ['nonce', 'bytes32']]
  .map(([name, type]) => ({ name, type }));

const recorded = [];

let chain, facilitator, prover, sender;

before(async () => {
  chain = await startChain();
  facilitator = await startFacilitator({ rpc: chain.rpc, key: KEYS.npmFacilitator });
  prover = startProver({ rpc: chain.rpc });
  sender = createWalletClient({ account: privateKeyToAccount(KEYS.rustFacilitator), chain: baseSepolia, transport: http(chain.rpc) });
});

after(async () => {
  for (const part of [prover, facilitator, chain]) await part?.stop();
  if (process.argv.includes('--write')) {
    writeFileSync(new URL('../vectors/proof.json', import.meta.url), `${JSON.stringify({ source: 'anvil 1.7.1', recorded }, null, 1)}\n`);
  }
});

/** A payer with money, whose Permit2 allowance is given. */
async function payer() {
  const account = privateKeyToAccount(generatePrivateKey());
  await chain.grant([{ account: account.address, amount: 1_000_000n, spender: ADDRESSES.permit2 }]);
  await chain.ether(account.address);
  return account;
}

/** A payment as the published client signs it, and the question about it. */
async function signed(account, means, amount = PRICE) {
  const requirements = {
    scheme: means === 'upto' ? 'upto' : 'exact', network: NETWORK, amount: String(means === 'upto' ? MOST : amount),
    asset: ADDRESSES.token, payTo: SELLER, maxTimeoutSeconds: VALID_FOR,
    extra: {
      name: 'USDC', version: '2',
      ...(means !== 'eip3009' && { assetTransferMethod: 'permit2' }),
      ...(means === 'upto' && { facilitatorAddress: facilitator.address }),
    },
  };
  const client = registerExactEvmScheme(new x402Client(), { signer: account, networks: [NETWORK] })
    .register(NETWORK, new UptoEvmScheme(account));
  const payment = await client.createPaymentPayload({
    x402Version: 2, resource: { url: 'https://api.example.com/', description: '', mimeType: '' }, accepts: [requirements],
  });
  const { authorization, permit2Authorization: permit } = payment.payload;
  const question = {
    means, chainId: baseSepolia.id, token: ADDRESSES.token, payTo: SELLER, payer: account.address, amount,
    nonce: (authorization ?? permit).nonce, validBefore: authorization?.validBefore ?? permit.deadline,
  };
  return { account, payment, requirements, question };
}

/** Settled by the published facilitator; its transaction. */
async function settled({ payment, requirements, question }) {
  const body = { x402Version: 2, paymentPayload: payment, paymentRequirements: { ...requirements, amount: String(question.amount) } };
  const response = await fetch(`${facilitator.url}/settle`, { method: 'POST', body: JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? String(value) : value)) });
  const answer = await response.json();
  assert.equal(answer.success, true, JSON.stringify(answer));
  return answer.transaction;
}

const mined = async (hash) => {
  const receipt = await chain.client.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success');
  return receipt;
};
const send = async (to, abi, functionName, args, from = sender) => mined(await from.writeContract({ address: to, abi, functionName, args }));
const walletOf = (account) => createWalletClient({ account, chain: baseSepolia, transport: http(chain.rpc) });

/** `transferWithAuthorization` of another transfer with the same nonce. */
async function elsewhere({ account, question }, to = account.address, value = question.amount) {
  const message = { from: account.address, to, value, validAfter: 0n, validBefore: BigInt(question.validBefore), nonce: question.nonce };
  const signature = await account.signTypedData({ domain: DOMAIN, types: { TransferWithAuthorization: TRANSFER }, primaryType: 'TransferWithAuthorization', message });
  return encodeFunctionData({ abi: overload('transferWithAuthorization', 7), functionName: 'transferWithAuthorization', args: [...Object.values(message), signature] });
}

const overload = (name, inputs) => chain.compiled.TestUSDC.abi.filter((one) => one.name === name && one.inputs.length === inputs);

/** The proxy's own call for a Permit2 payment. */
function proxyCall({ payment, question }) {
  const { permit2Authorization: { permitted, nonce, deadline, witness }, signature } = payment.payload;
  const permit = { permitted, nonce, deadline };
  const common = [permit, ...(question.means === 'upto' ? [question.amount] : []), question.payer, witness, signature];
  const name = question.means === 'upto' ? 'X402UptoPermit2Proxy' : 'X402ExactPermit2Proxy';
  return { address: question.means === 'upto' ? ADDRESSES.uptoProxy : ADDRESSES.exactProxy, abi: chain.compiled[name].abi, args: common };
}

const asked = async (question, options) => (await prover.ask(question, options)).proof;

/** Asks, and keeps what was answered. */
async function record(name, question) {
  const { methods, answers, ...found } = await prover.ask(question);
  recorded.push({ name, question: kept(question), ...found, answers });
  return { methods, found };
}

describe('paid', () => {
  for (const means of ['eip3009', 'permit2', 'upto']) {
    it(`${means}, by the published facilitator`, async () => {
      const purchase = await signed(await payer(), means);
      assert.deepEqual(await asked(purchase.question), 'open', 'before it is settled');
      const transaction = await settled(purchase);
      const { methods, found } = await record(`${means}, paid`, purchase.question);
      assert.deepEqual(found, { proof: 'paid', transaction });
      assert.ok(methods.length <= 6, methods.join());
      for (const [name, change] of Object.entries({
        'one more': { amount: purchase.question.amount + 1n },
        'one less': { amount: purchase.question.amount - 1n },
        'another payee': { payTo: sender.account.address },
        'another payer': { payer: sender.account.address },
        'another nonce': { nonce: BigInt(purchase.question.nonce) ^ 1n },
        'another token': { token: ADDRESSES.permit2 },
        'another chain': { chainId: 8453 },
      })) assert.equal(await asked({ ...purchase.question, ...change }), 'open', name);
    });
  }

  it('upto is paid by what was charged, not by the maximum', async () => {
    const purchase = await signed(await payer(), 'upto', 1_234n);
    await settled(purchase);
    assert.equal(await asked(purchase.question), 'paid');
    assert.equal(await asked({ ...purchase.question, amount: MOST }), 'open');
  });

  it('with an ERC-2612 permit in the same call', async () => {
    for (const means of ['permit2', 'upto']) {
      const purchase = await signed(await payer(), means);
      const call = proxyCall(purchase);
      // The allowance is there, so that the permit itself may be nobody's.
      const permit = { value: BigInt(purchase.requirements.amount), deadline: 0n, r: toHex(0, { size: 32 }), s: toHex(0, { size: 32 }), v: 27 };
      const from = means === 'upto' ? createWalletClient({ account: privateKeyToAccount(KEYS.npmFacilitator), chain: baseSepolia, transport: http(chain.rpc) }) : sender;
      const { transactionHash } = await send(call.address, call.abi, 'settleWithPermit', [permit, ...call.args], from);
      const { found } = await record(`${means}, paid with an ERC-2612 permit`, purchase.question);
      assert.deepEqual(found, { proof: 'paid', transaction: transactionHash });
    }
  });

  it('the same amount three times, each by its own transaction', async () => {
    for (const means of ['eip3009', 'permit2']) {
      const account = await payer();
      const purchases = [];
      for (let count = 0; count < 3; count++) purchases.push(await signed(account, means));
      const transactions = [];
      for (const purchase of purchases) transactions.push(await settled(purchase));
      for (const [at, purchase] of purchases.entries()) {
        const { proof, transaction } = await prover.ask(purchase.question);
        assert.deepEqual([proof, transaction], ['paid', transactions[at]]);
      }
    }
  });

  it('two nonces in one transaction: only the one that paid', async () => {
    const account = await payer();
    const [dodge, real] = [await signed(account, 'eip3009'), await signed(account, 'eip3009')];
    const calls = [await elsewhere(dodge), await elsewhere(real, SELLER)];
    for (const order of [calls, [...calls].reverse()]) {
      const state = await chain.client.request({ method: 'evm_snapshot', params: [] });
      await send(ADDRESSES.multicall3, chain.compiled.Multicall3.abi, 'aggregate3', [order.map((callData) => ({ target: ADDRESSES.token, allowFailure: false, callData }))]);
      assert.equal(await asked(dodge.question), 'open');
      assert.equal(await asked(real.question), 'paid');
      await chain.client.request({ method: 'evm_revert', params: [state] });
    }
  });
});

describe('not paid, as far as it can be told before the end', () => {
  it('a payment to someone else with this nonce', async () => {
    const purchase = await signed(await payer(), 'eip3009');
    await mined(await sender.sendTransaction({ to: ADDRESSES.token, data: await elsewhere(purchase) }));
    assert.equal(await asked(purchase.question), 'open');
  });

  it('a transfer beside the use, not by it', async () => {
    const account = await payer();
    const purchase = await signed(account, 'eip3009');
    await mined(await sender.sendTransaction({ to: ADDRESSES.token, data: await elsewhere(purchase) }));
    await send(ADDRESSES.token, chain.compiled.TestUSDC.abi, 'transfer', [SELLER, PRICE], walletOf(account));
    assert.equal(await asked(purchase.question), 'open');
  });

  it('a Permit2 call inside another contract, whose arguments prove nothing', async () => {
    const purchase = await signed(await payer(), 'permit2');
    const call = proxyCall(purchase);
    const callData = encodeFunctionData({ abi: call.abi, functionName: 'settle', args: call.args });
    await send(ADDRESSES.multicall3, chain.compiled.Multicall3.abi, 'aggregate3', [[{ target: call.address, allowFailure: false, callData }]]);
    assert.equal(await asked(purchase.question), 'open');
  });

  it('a burnt nonce behind the arguments of a payment with another', async () => {
    const account = await payer();
    const [burnt, real] = [await signed(account, 'permit2'), await signed(account, 'permit2')];
    await invalidate(burnt);
    const call = proxyCall(real);
    const tail = encodeFunctionData({ abi: call.abi, functionName: 'settle', args: proxyCall(burnt).args });
    const data = encodeFunctionData({ abi: call.abi, functionName: 'settle', args: call.args }) + tail.slice(2);
    await mined(await sender.sendTransaction({ to: call.address, data }));
    assert.equal(await asked(real.question), 'paid');
    assert.equal(await asked(burnt.question), 'open');
  });
});

async function invalidate({ account, question }) {
  const nonce = BigInt(question.nonce);
  return send(ADDRESSES.permit2, PERMIT2, 'invalidateUnorderedNonces', [nonce >> 8n, 1n << (nonce & 255n)], walletOf(account));
}

const cancel = ({ account, question }) => chain.cancelAuthorization(account, question.nonce);

/** Mines a block at this time. */
async function travel(time) {
  await chain.client.request({ method: 'evm_setNextBlockTimestamp', params: [toHex(time)] });
  await chain.client.request({ method: 'evm_mine', params: [] });
}

/** The chain with so many more blocks after its newest one; some may be `unknown` to whom is asked. */
function aged(blocks, unknown = () => false) {
  let head;
  const real = (number) => toHex(Math.min(Number(number), head));
  return async (request, send) => {
    const { method, id, params: [first, second] } = request;
    if (method === 'eth_getBlockByNumber') {
      const answer = await send(request);
      head = Number(answer.result.number);
      return { ...answer, result: { ...answer.result, number: toHex(head + blocks) } };
    }
    if (method === 'eth_call') {
      if (unknown(Number(second))) return { jsonrpc: '2.0', id, error: { code: -32000, message: 'header not found' } };
      return send({ ...request, params: [first, real(second)] });
    }
    if (method !== 'eth_getLogs') return send(request);
    if (Number(first.fromBlock) > head) return { jsonrpc: '2.0', id, result: [] };
    return send({ ...request, params: [{ ...first, toBlock: real(first.toBlock) }] });
  };
}

// The clock of the chain runs ahead from here on: nothing is signed or settled after this.
it('after the end: unspent, cancelled, and what stays open', async () => {
  const purchases = {};
  for (const means of ['eip3009', 'permit2', 'upto']) {
    purchases[means] = { unspent: await signed(await payer(), means), used: await signed(await payer(), means), burnt: await signed(await payer(), means) };
    await settled(purchases[means].used);
  }
  await cancel(purchases.eip3009.burnt);
  await invalidate(purchases.permit2.burnt);
  await invalidate(purchases.upto.burnt);
  const everything = Object.values(purchases).flatMap((one) => Object.values(one));
  const [first, last] = [Math.min, Math.max].map((pick) => BigInt(pick(...everything.map(({ question }) => Number(question.validBefore)))));
  const found = async (options) => {
    const proofs = {};
    for (const [means, { unspent, used, burnt }] of Object.entries(purchases)) {
      proofs[means] = [await asked(unspent.question, options), await asked(used.question, options), await asked(burnt.question, options)].join();
    }
    return proofs;
  };
  const yet = { eip3009: 'open,paid,open', permit2: 'open,paid,open', upto: 'open,paid,open' };
  assert.deepEqual(await found(), yet);
  await travel(first + FINALITY);
  assert.deepEqual(await found(), yet, 'not a second before the last block that could take it is final');
  await travel(last + FINALITY + 1n);
  const then = { eip3009: 'unspent,paid,cancelled', permit2: 'unspent,paid,open', upto: 'unspent,paid,open' };
  assert.deepEqual(await found(), then);

  for (const means of ['eip3009', 'permit2']) await record(`${means}, unspent`, purchases[means].unspent.question);
  await record('eip3009, cancelled', purchases.eip3009.burnt.question);
  const { question } = purchases.eip3009.unspent;
  assert.equal(await asked(question, { finality: 7_200 }), 'open');
  assert.equal(await asked({ ...question, token: ADDRESSES.exactProxy }), 'open', 'no such contract');
  const onBase = { node: async (request, send) => ({ ...await send(request), ...(request.method === 'eth_chainId' && { result: '0x2105' }) }) };
  assert.equal(await asked(question, onBase), 'open', 'everything is unused on another chain');
  const head = Number(await chain.client.getBlockNumber());
  // A node that is ahead answers for the newest block, and one that is behind for the rest.
  const behind = await prover.ask(question, { node: aged(1, (number) => number > head) });
  assert.equal(behind.proof, 'open');
  // The transfers that were proven are the seller's money, to the last unit.
  const paid = (await chain.transfers()).filter(({ to }) => to === SELLER);
  const charged = new Set(paid.map(({ transaction }) => transaction));
  assert.equal(charged.size, paid.length);

  // Older than one window of blocks, and older than all of them.
  assert.deepEqual(await found({ node: aged(2_500) }), then);
  const old = await prover.ask(purchases.eip3009.used.question, { node: aged(18_000) });
  assert.deepEqual([old.proof, old.methods.length], ['open', 12]);
});
