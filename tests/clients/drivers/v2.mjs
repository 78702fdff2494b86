// The schemes of @x402/evm as its documentation registers them, v1 networks included.

import { registerExactEvmScheme } from '@x402/evm/exact/client';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { toClientEvmSigner } from '@x402/evm';
import { createPublicClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';

const NETWORK = `eip155:${baseSepolia.id}`;

export function withEvm(client, { key, rpc }) {
  const account = privateKeyToAccount(key);
  const signer = rpc === undefined
    ? account
    : toClientEvmSigner(account, createPublicClient({ chain: baseSepolia, transport: http(rpc) }));
  registerExactEvmScheme(client, { signer, networks: [NETWORK] });
  return client.register(NETWORK, new UptoEvmScheme(signer));
}
