// The seventh client: a person's browser. Headless Chromium with a wallet as extensions give
// one, an EIP-1193 provider in window.ethereum, whose keys are here.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { createWalletClient, http, numberToHex } from 'viem';
import { baseSepolia } from 'viem/chains';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const PATIENCE_MS = 30_000;

/** Where Chromium is, or undefined. */
export function findChromium() {
  if (process.env.X402_CHROMIUM !== undefined) return process.env.X402_CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not there.
      }
    }
  }
  return undefined;
}

/** Runs in the page, before its own scripts. */
function provide() {
  const listeners = [];
  window.ethereum = {
    isMetaMask: true,
    async request({ method, params }) {
      const { result, error } = JSON.parse(await window.askWallet(JSON.stringify({ method, params: params ?? [] })));
      if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code });
      return result;
    },
    on: (_, listener) => listeners.push(listener),
    removeListener() {},
  };
}

/** A wallet of one account: what it was asked, in order, and the answers. */
function walletOf({ account, rpc, declines = false, network = baseSepolia.id }) {
  const client = createWalletClient({ account, chain: baseSepolia, transport: http(rpc) });
  const asked = [];
  let chainId = network;
  const answer = async (method, params) => {
    switch (method) {
      case 'eth_accounts':
      case 'eth_requestAccounts':
        return [account.address];
      case 'eth_chainId':
        return numberToHex(chainId);
      case 'wallet_switchEthereumChain':
        chainId = Number(params[0].chainId);
        return null;
      case 'eth_signTypedData_v4': {
        if (declines) throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
        const { domain, types: { EIP712Domain: _, ...types }, primaryType, message } = JSON.parse(params[1]);
        if (Number(domain.chainId) !== chainId) throw Object.assign(new Error('another chain is active'), { code: -32603 });
        return account.signTypedData({ domain, types, primaryType, message });
      }
      case 'eth_sendTransaction':
        return client.sendTransaction({ to: params[0].to, data: params[0].data });
      default:
        return client.request({ method, params });
    }
  };
  const ask = async (text) => {
    const { method, params } = JSON.parse(text);
    asked.push(method);
    try {
      return JSON.stringify({ result: await answer(method, params) });
    } catch (error) {
      return JSON.stringify({ error: { code: error.code ?? -32603, message: error.message } });
    }
  };
  return { ask, asked };
}

/** Opens pages, each with a wallet and cookies of its own. */
export async function startBrowser() {
  const browser = await puppeteer.launch({
    executablePath: findChromium(),
    headless: true,
    // The sandbox needs privileges that containers do not give; what is visited is ours.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run', '--disable-extensions'],
    timeout: PATIENCE_MS,
  });
  return {
    async open(url, wallet) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      const complaints = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      const { ask, asked } = walletOf(wallet);
      await page.exposeFunction('askWallet', ask);
      await page.evaluateOnNewDocument(provide);
      const response = await page.goto(url, { waitUntil: 'load' });
      const text = () => page.evaluate(() => document.body.innerText);
      return {
        page,
        asked,
        complaints,
        status: response.status(),
        text,
        click: () => page.click('#x402-pay'),
        until: async (pattern) => {
          const { source, flags } = pattern;
          await page.waitForFunction((one, how) => new RegExp(one, how).test(document.body?.innerText ?? ''), {}, source, flags)
            .catch(async (error) => { throw new Error(`never showed ${pattern}, but: ${await text()}`, { cause: error }); });
        },
        close: () => context.close(),
      };
    },
    stop: () => browser.close(),
  };
}
