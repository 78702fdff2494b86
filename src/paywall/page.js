(() => {
'use strict';
const NAME = 'x402-payment', PERMIT2 = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
const SPENDERS = {
  exact: '0x402085c248EeA27D92E8b30b2C58ed07f9E20001',
  upto: '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002',
};
const MAX_COOKIE = 3800;
const el = (id) => document.getElementById(id);
const page = el('x402'), button = el('x402-pay'), status = el('x402-status');
const { code, retry, keep, challenge } = page.dataset;
const skew = Math.round(page.dataset.now - Date.now() / 1000);

const say = (text, bad) => {
  status.textContent = text;
  status.className = bad ? 'bad' : '';
};
const problem = (text) => Object.assign(new Error(text), { ours: true });

// The payment, kept for this path.
const cookies = () => document.cookie.split('; ').filter((pair) => pair.startsWith(NAME + '='));
const write = (path, value, age) => {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${NAME}=${value}; Path=${path}; Max-Age=${age}; SameSite=Strict${secure}`;
};
// Forgets the one that was presented: the nearest, of this path or of a folder above.
const forget = () => {
  const before = cookies().length;
  for (let path = location.pathname; path && before && cookies().length === before;) {
    write(path, '', 0);
    path = path.replace(/(\/|[^/]+)$/, '');
  }
};
// A navigation of our own making: it carries the cookie wherever the visitor came from.
const visit = () => location.replace(location.pathname + location.search);

// Whatever was presented is of no more use; without it a reload asks for the price again.
if (retry === 'new' && code !== 'payment_required') forget();

for (const box of document.querySelectorAll('pre')) {
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.textContent = 'Copy';
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(box.textContent);
      copy.textContent = 'Copied';
      say('Copied.');
    } catch {
      getSelection().selectAllChildren(box);
      copy.textContent = 'Selected: copy it now';
    }
  };
  box.after(copy);
}

if (!challenge || !button) return;
const bytes = Uint8Array.from(atob(challenge), (c) => c.charCodeAt(0));
const quote = JSON.parse(new TextDecoder().decode(bytes));

const method = (way) => (way.scheme === 'upto' ? 'permit2' : way.extra?.assetTransferMethod ?? 'eip3009');
const payable = (way) => /^eip155:\d+$/.test(way.network) && (
  method(way) === 'permit2' ? way.scheme === 'exact' || (way.scheme === 'upto' && way.extra?.facilitatorAddress)
    : method(way) === 'eip3009' && way.scheme === 'exact' && way.extra?.name && way.extra?.version);
const ways = quote.accepts.filter(payable);
if (!ways.length) {
  say('A wallet in the browser cannot pay this: use one of the ways below.');
  return;
}
let chosen = ways[0];
const left = [...quote.accepts];
for (const row of el('x402-ways').children) {
  const place = left.findIndex((way) =>
    row.dataset.way.toLowerCase() === [way.scheme, way.network, way.asset, way.amount].join(' ').toLowerCase());
  const [way] = place < 0 ? [] : left.splice(place, 1);
  // What is not quoted now cannot be paid now.
  row.hidden = !way;
  if (ways.length < 2 || !ways.includes(way)) continue;
  const label = document.createElement('label'), radio = document.createElement('input');
  Object.assign(radio, { type: 'radio', name: 'way', checked: way === chosen, onchange: () => { chosen = way; } });
  label.append(radio, ...row.childNodes);
  row.append(label);
}

let announced;
addEventListener('eip6963:announceProvider', (event) => { announced ??= event.detail.provider; });
dispatchEvent(new Event('eip6963:requestProvider'));

const hex = (array) => '0x' + [...array].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const random = () => hex(crypto.getRandomValues(new Uint8Array(32)));
const fields = (text) => text.split(',').map((field) => {
  const [type, name] = field.split(' ');
  return { name, type };
});
const word = (value) => BigInt(value).toString(16).padStart(64, '0');

// What is signed, and what the payment says of it.
const terms = (way, from) => {
  const deadline = String(Math.floor(Date.now() / 1000) + skew + way.maxTimeoutSeconds);
  const chainId = Number(way.network.slice(7));
  if (method(way) === 'eip3009') {
    const authorization = {
      from, to: way.payTo, value: way.amount, validAfter: '0', validBefore: deadline, nonce: random(),
    };
    const { name, version } = way.extra;
    return {
      payload: { authorization },
      typed: {
        domain: { name, version, chainId, verifyingContract: way.asset },
        primaryType: 'TransferWithAuthorization',
        types: {
          EIP712Domain: fields('string name,string version,uint256 chainId,address verifyingContract'),
          TransferWithAuthorization: fields('address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce'),
        },
        message: authorization,
      },
    };
  }
  const upto = way.scheme === 'upto';
  const signed = {
    permitted: { token: way.asset, amount: way.amount },
    spender: SPENDERS[way.scheme],
    nonce: BigInt(random()).toString(),
    deadline,
    witness: { to: way.payTo, ...(upto && { facilitator: way.extra.facilitatorAddress }), validAfter: '0' },
  };
  return {
    payload: { permit2Authorization: { from, ...signed } },
    typed: {
      domain: { name: 'Permit2', chainId, verifyingContract: PERMIT2 },
      primaryType: 'PermitWitnessTransferFrom',
      types: {
        EIP712Domain: fields('string name,uint256 chainId,address verifyingContract'),
        PermitWitnessTransferFrom: fields('TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness'),
        TokenPermissions: fields('address token,uint256 amount'),
        Witness: fields(`address to,${upto ? 'address facilitator,' : ''}uint256 validAfter`),
      },
      message: signed,
    },
  };
};

// Permit2 moves what the token's owner has let it move.
const allow = async (ask, way, from) => {
  const pair = word(from) + word(PERMIT2);
  const allowed = await ask('eth_call', { to: way.asset, data: '0xdd62ed3e' + pair }, 'latest');
  if (BigInt(allowed) >= BigInt(way.amount)) return;
  say('Your token must first be opened to Permit2, once, for this amount. The network takes a fee for that. Confirm it in your wallet…');
  const data = '0x095ea7b3' + word(PERMIT2) + word(way.amount);
  const hash = await ask('eth_sendTransaction', { from, to: way.asset, data });
  say('Waiting for the network…');
  for (let tries = 0; tries < 60; tries++) {
    const receipt = await ask('eth_getTransactionReceipt', hash);
    if (receipt && BigInt(receipt.status) === 1n) return;
    if (receipt) throw problem('The network refused to open your token to Permit2. Nothing was paid.');
    await new Promise((wake) => setTimeout(wake, 2000));
  }
  throw problem('The network takes long. Try again later. Nothing was paid.');
};

const enter = async (ask, way) => {
  const chainId = '0x' + BigInt(way.network.slice(7)).toString(16);
  if (BigInt(await ask('eth_chainId')) === BigInt(chainId)) return;
  say('Confirm the change of network in your wallet…');
  try {
    await ask('wallet_switchEthereumChain', { chainId });
  } catch (error) {
    if (error.code !== 4902 && error.data?.originalError?.code !== 4902) throw error;
    throw problem(`Your wallet does not know the network ${way.network}. Add it there, then try again. Nothing was paid.`);
  }
};

const sign = async (wallet, way) => {
  const ask = (method, ...params) => wallet.request({ method, params });
  say('Choose an account in your wallet…');
  const [from] = await ask('eth_requestAccounts');
  if (!from) throw problem('Your wallet gave no account. Nothing was paid.');
  await enter(ask, way);
  if (method(way) === 'permit2') await allow(ask, way, from);
  const { payload, typed } = terms(way, from);
  say('Confirm the payment in your wallet…');
  let signature = await ask('eth_signTypedData_v4', from, JSON.stringify(typed));
  // Some hardware wallets count the recovery id from 0.
  if (/^0x.{128}0[01]$/.test(signature)) signature = signature.slice(0, -2) + (signature.endsWith('0') ? '1b' : '1c');
  const { resource, extensions } = structuredClone(quote);
  const named = extensions?.['payment-identifier'];
  if (named) named.info = { ...named.info, id: 'pay_' + random().slice(2, 34) };
  const encode = (more) => {
    const payment = { x402Version: 2, accepted: way, payload: { signature, ...payload }, ...more };
    const text = new TextEncoder().encode(JSON.stringify(payment));
    return btoa(Array.from(text, (byte) => String.fromCharCode(byte)).join(''));
  };
  const whole = encode({ resource, extensions });
  // What a cookie has no room for says nothing the seller does not know.
  return whole.length <= MAX_COOKIE ? whole : encode({ extensions: named && { 'payment-identifier': named } });
};

// Without a cookie: what is bought is shown in this page, as far as its policy lets it.
let unkept;
const show = async (payment) => {
  unkept = payment;
  const answer = await fetch(location.pathname + location.search, {
    headers: { 'PAYMENT-SIGNATURE': payment }, cache: 'no-store', credentials: 'same-origin',
  });
  const type = answer.headers.get('content-type') ?? '';
  if (!answer.ok && type.startsWith('application/json')) {
    const said = await answer.json();
    if (said.retry !== 'same') unkept = undefined;
    throw problem(said.message ?? `The answer was ${answer.status}.`);
  }
  unkept = undefined;
  const body = await answer.blob();
  const heading = document.createElement('h1');
  heading.textContent = answer.ok ? 'Paid: here it is' : `The answer was ${answer.status}`;
  heading.tabIndex = -1;
  page.replaceChildren(heading);
  if (type.startsWith('image/')) {
    const reader = new FileReader(), image = new Image();
    await new Promise((done) => { reader.onloadend = done; reader.readAsDataURL(body); });
    image.src = reader.result;
    image.alt = quote.resource?.description || 'What was paid for';
    page.append(image);
  } else if (/^text\/|json|xml|javascript/.test(type)) {
    const box = document.createElement('pre');
    box.textContent = await body.text();
    page.append(box);
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(body);
  link.download = location.pathname.split('/').pop() || 'download';
  link.textContent = 'Save it';
  page.append(link);
  heading.focus();
};

const deliver = async (payment) => {
  say('Paying, and opening what you paid for…');
  const { pathname } = location;
  if (payment.length <= MAX_COOKIE && !pathname.includes(';')) {
    write(pathname, payment, keep);
    if (document.cookie.includes(payment)) {
      try { sessionStorage.setItem(NAME, `${Date.now()} ${payment}`); } catch {}
      return visit();
    }
  }
  await show(payment);
};

let busy = false;
button.onclick = async () => {
  if (busy) return;
  busy = true;
  button.setAttribute('aria-busy', 'true');
  try {
    // One that the browser kept back, coming from elsewhere, is presented before another is signed.
    if (code === 'payment_required' && cookies().length) return visit();
    if (unkept) return await show(unkept);
    const wallet = window.ethereum ?? announced;
    if (!wallet) throw problem('There is no wallet in this browser. Install one, open this page in a wallet app, or use the terminal.');
    await deliver(await sign(wallet, chosen));
  } catch (error) {
    const declined = error.code === 4001 ? 'You declined in your wallet. Nothing was paid.' : '';
    say(declined || (error.ours ? error.message : `It did not work: ${error.message ?? error}`), true);
  } finally {
    busy = false;
    button.removeAttribute('aria-busy');
  }
};
button.hidden = false;

// A redirect led here, where the cookie does not reach: what was just paid is presented, once.
try {
  const [at, payment] = (sessionStorage.getItem(NAME) ?? '').split(' ');
  sessionStorage.removeItem(NAME);
  const [entry] = performance.getEntriesByType('navigation');
  const led = code === 'payment_required' && entry?.redirectCount && performance.timeOrigin - at < 2e3;
  if (led && !cookies().length) deliver(payment).catch(() => {});
} catch {}
})();
