// How the demo talks: plain text, with colour only for a terminal that wants it.

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb';
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

const bold = (text) => paint('1', text);
const dim = (text) => paint('2', text);
const green = (text) => paint('32', text);
const red = (text) => paint('31', text);
const cyan = (text) => paint('36', text);

const indent = (text) => text.replace(/^/gm, '   ');
const shorten = (text) => (text.length > 72 ? `${text.slice(0, 60)}… (${text.length} bytes)` : text);

let steps = 0;

export function step(title) {
  steps += 1;
  console.log(`\n${bold(`${steps}. ${title}`)}`);
}

export function headers(request, response, names = []) {
  console.log(indent(dim(request)));
  console.log(indent(cyan(`${response.status}`)));
  for (const name of names) {
    const value = response.headers.get(name);
    if (value !== null) console.log(indent(`${dim(`${name}:`)} ${shorten(value)}`));
  }
}

export function json(title, value) {
  console.log(indent(dim(`${title}:`)));
  console.log(indent(JSON.stringify(value, null, 2)));
}

export const note = (text) => console.log(indent(dim(text)));

export const ok = (text) => console.log(indent(green(`ok  ${text}`)));

export function problem(error) {
  console.log(`\n${red(`not as it should be: ${error.message}`)}`);
  if (error.code !== 'ERR_ASSERTION') console.log(dim(error.stack ?? ''));
}

export const summary = () => console.log(`\n${bold(green(`${steps} steps, all as they should be`))}`);
