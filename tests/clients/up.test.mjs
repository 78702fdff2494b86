// `make up` is for a person with curl: every command it prints must work as printed.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const run = promisify(execFile);

test('every command that make up prints works', { timeout: 60_000 }, async () => {
  const up = spawn(process.execPath, ['tests/demo/up.mjs'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let text = '';
    for await (const chunk of up.stdout) {
      text += chunk;
      if (text.includes('Ctrl-C')) break;
    }
    const commands = text.split('\n').filter((line) => /^ {2}(curl|node|\S*x402-payer) /.test(line)).map((line) => line.trim());
    assert.ok(commands.length >= 9, `too few commands in:\n${text}`);
    for (const command of commands) {
      const { stdout } = await run('bash', ['-o', 'pipefail', '-c', command], { cwd: root, timeout: 20_000 });
      assert.notEqual(stdout, '', command);
      if (/^curl -i .*\/v1\//.test(command)) assert.match(stdout, /^HTTP\/1\.1 402 /, command);
      if (/^\S*x402-payer /.test(command)) assert.match(stdout, /^< 200\n(< .*\n)*< payment-response: /im, command);
      if (command.includes('base64 -d')) assert.equal(JSON.parse(stdout).x402Version, 2, command);
      if (command.includes('^x402')) assert.match(stdout, /x402_outcome="delivered"/, command);
    }
  } finally {
    up.kill('SIGINT');
    await once(up, 'exit');
  }
});
