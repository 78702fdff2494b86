#!/usr/bin/env node
// A chain of our own that looks like Base Sepolia to whoever pays on it: its id, its USDC,
// Permit2, the x402 proxies and what facilitators expect to find, each at its address.
//
//   node tests/clients/chain/deploy.mjs        prints {rpc, chainId, token, ...}, until its input ends

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { createPublicClient, createWalletClient, encodeFunctionData, getAddress, http, nonceManager, parseAbiItem, parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';

import { freePort } from '../matrix/ports.mjs';
import { contracts } from './compile.mjs';

const require = createRequire(import.meta.url);
const READY_WITHIN_MS = 20_000;
// What fits into the gas of one transaction.
const GRANTS_AT_ONCE = 100;

export const ADDRESSES = {
  token: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
  permit2: '0x000000000022D473030F116dDEE9F6B43aC78BA3',
  exactProxy: '0x402085c248EeA27D92E8b30b2C58ed07f9E20001',
  uptoProxy: '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002',
  multicall3: '0xcA11bde05977b3631167028862bE2a173976CA11',
  validator6492: '0xdAcD51A54883eb67D95FAEb2BBfdC4a9a6BD2a3B',
  walletFactory: '0x00000000000000000000000000000000fac70000',
  delegatedWallet: '0x000000000000000000000000000000007702c0de',
};

const CONTRACTS = {
  token: 'TestUSDC',
  exactProxy: 'X402ExactPermit2Proxy',
  uptoProxy: 'X402UptoPermit2Proxy',
  multicall3: 'Multicall3',
  validator6492: 'Validator6492',
  walletFactory: 'WalletFactory',
  delegatedWallet: 'DelegatedWallet',
};

// Keys for play money: the test mnemonic's eighth, ninth and tenth.
export const KEYS = {
  faucet: '0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356',
  npmFacilitator: '0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97',
  rustFacilitator: '0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6',
};

const TRANSFER = parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)');

/** Permit2 as it is deployed; only these bytes have its address in them. */
function permit2Runtime() {
  const file = require.resolve('@uniswap/v4-periphery/package.json').replace('package.json', 'lib/permit2/test/utils/DeployPermit2.sol');
  const hex = /hex"([0-9a-f]+)"/.exec(readFileSync(file, 'utf8'))?.[1];
  if (hex?.length !== 2 * 9152) throw new Error(`no Permit2 bytecode of 9152 bytes in ${file}`);
  return `0x${hex}`;
}

/** Starts the chain. `stop()` ends it; so does the end of this process. */
export async function startChain() {
  const port = await freePort();
  const rpc = `http://127.0.0.1:${port}`;
  const binary = require.resolve('@foundry-rs/anvil-linux-amd64/package.json').replace('package.json', 'bin/anvil');
  const anvil = spawn(binary, ['--port', port, '--chain-id', baseSepolia.id, '--silent', '--no-request-size-limit'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  anvil.stderr.on('data', (chunk) => { complaint += chunk; });
  const kill = () => anvil.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    if (anvil.exitCode === null && anvil.signalCode === null) {
      const exited = once(anvil, 'exit');
      kill();
      await exited;
    }
  };

  try {
    const transport = http(rpc, { batch: { wait: 2 } });
    const client = createPublicClient({ chain: baseSepolia, transport, pollingInterval: 50, cacheTime: 0 });
    await ready(client, anvil, () => complaint);
    const compiled = contracts();
    const code = Object.fromEntries(Object.entries(CONTRACTS).map(([key, name]) => [key, compiled[name].runtime]));
    await Promise.all(Object.entries({ ...code, permit2: permit2Runtime() })
      .map(([key, runtime]) => client.request({ method: 'anvil_setCode', params: [ADDRESSES[key], runtime] })));
    const funded = Object.values(KEYS).map((key) => privateKeyToAccount(key).address);
    await Promise.all(funded.map((address) =>
      client.request({ method: 'anvil_setBalance', params: [address, `0x${parseEther('10000').toString(16)}`] })));
    return chain({ rpc, client, transport, compiled, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(client, anvil, complaint) {
  const until = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await client.getChainId();
      return;
    } catch (error) {
      if (anvil.exitCode !== null) throw new Error(`anvil ended: ${complaint()}`);
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function chain({ rpc, client, transport, compiled, stop }) {
  const faucet = privateKeyToAccount(KEYS.faucet, { nonceManager });
  const wallet = createWalletClient({ account: faucet, chain: baseSepolia, transport });
  const { abi } = compiled.TestUSDC;
  const token = ADDRESSES.token;
  const mined = async (hash) => {
    const { status } = await client.waitForTransactionReceipt({ hash });
    if (status !== 'success') throw new Error(`transaction ${hash} ${status}`);
  };
  return {
    rpc,
    client,
    stop,
    chainId: baseSepolia.id,
    addresses: ADDRESSES,
    compiled,

    /** Mints. Entries are `{account, amount, spender?}`; a spender is approved without limit. */
    async grant(grants) {
      const list = grants.map(({ account, amount, spender }) =>
        ({ account, amount: BigInt(amount), spender: spender ?? '0x0000000000000000000000000000000000000000' }));
      for (let at = 0; at < list.length; at += GRANTS_AT_ONCE) {
        const some = list.slice(at, at + GRANTS_AT_ONCE);
        await mined(await wallet.writeContract({ address: token, abi, functionName: 'grant', args: [some] }));
      }
    },

    balanceOf: (account) => client.readContract({ address: token, abi, functionName: 'balanceOf', args: [account] }),

    authorizationState: (account, nonce) =>
      client.readContract({ address: token, abi, functionName: 'authorizationState', args: [account, nonce] }),

    /** Every transfer since the start that was not the faucet's, oldest first. */
    async transfers(from) {
      const logs = await client.getLogs({ address: token, event: TRANSFER, args: from === undefined ? {} : { from }, fromBlock: 0n });
      return logs.map(({ args, transactionHash }) => ({ ...args, transaction: transactionHash }))
        .filter((one) => BigInt(one.from) !== 0n);
    },

    /** The payer takes an authorisation back. */
    async cancelAuthorization(account, nonce) {
      const domain = { name: 'USDC', version: '2', chainId: baseSepolia.id, verifyingContract: token };
      const types = { CancelAuthorization: [{ name: 'authorizer', type: 'address' }, { name: 'nonce', type: 'bytes32' }] };
      const signature = await account.signTypedData({ domain, types, primaryType: 'CancelAuthorization', message: { authorizer: account.address, nonce } });
      const byBytes = abi.filter(({ name, inputs }) => name === 'cancelAuthorization' && inputs.length === 3);
      await mined(await wallet.writeContract({ address: token, abi: byBytes, functionName: 'cancelAuthorization', args: [account.address, nonce, signature] }));
    },

    /** One more block, at this time by the clock. */
    mine: () => client.request({ method: 'evm_mine', params: [] }),

    /** Ether, for those who pay for a transaction themselves. */
    ether: (address) => client.request({ method: 'anvil_setBalance', params: [address, `0x${parseEther('1').toString(16)}`] }),

    /** Makes an ordinary account one with code, as EIP-7702 does. */
    delegate: (address) =>
      client.request({ method: 'anvil_setCode', params: [address, `0xef0100${ADDRESSES.delegatedWallet.slice(2)}`] }),

    /** A wallet with code whose owner is the given account, and what deploys it. */
    async smartWallet(owner, { deploy }) {
      const factory = { address: ADDRESSES.walletFactory, abi: compiled.WalletFactory.abi };
      const address = await client.readContract({ ...factory, functionName: 'addressOf', args: [owner] });
      if (deploy) await mined(await wallet.writeContract({ ...factory, functionName: 'deploy', args: [owner] }));
      const calldata = encodeFunctionData({ abi: factory.abi, functionName: 'deploy', args: [owner] });
      return { address: getAddress(address), factory: factory.address, calldata };
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { rpc, chainId, stop } = await startChain();
  console.log(JSON.stringify({ rpc, chainId, addresses: ADDRESSES, keys: KEYS }));
  process.stdin.resume();
  process.stdin.once('end', stop);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().then(() => process.exit()));
}
