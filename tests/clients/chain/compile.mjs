// The contracts in contracts/, compiled by the solc of npm. Six seconds, so the result is
// kept beside the packages under the hash of what went in.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
};

/** The contracts by name: `{abi, creation, runtime}`, the code as 0x hex. */
export function contracts() {
  const folder = here('contracts/');
  const sources = Object.fromEntries(readdirSync(folder).filter((name) => name.endsWith('.sol')).sort()
    .map((name) => [name, { content: readFileSync(folder + name, 'utf8') }]));
  const input = JSON.stringify({ language: 'Solidity', sources, settings: SETTINGS });
  const { version } = require('solc/package.json');
  const cache = here(`../node_modules/.cache/contracts-${createHash('sha256').update(version + input).digest('hex').slice(0, 16)}.json`);
  try {
    return JSON.parse(readFileSync(cache, 'utf8'));
  } catch {
    // Not compiled yet.
  }
  const output = JSON.parse(require('solc').compile(input));
  const mistakes = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (mistakes.length > 0) throw new Error(mistakes.map((one) => one.formattedMessage).join('\n'));
  const result = {};
  for (const file of Object.values(output.contracts)) {
    for (const [name, { abi, evm }] of Object.entries(file)) {
      result[name] = { abi, creation: `0x${evm.bytecode.object}`, runtime: `0x${evm.deployedBytecode.object}` };
    }
  }
  mkdirSync(here('../node_modules/.cache/'), { recursive: true });
  writeFileSync(`${cache}.${process.pid}`, JSON.stringify(result));
  renameSync(`${cache}.${process.pid}`, cache);
  return result;
}
