//! Ways to pay from a terminal.

use super::text::{escape, put};

/// What `@x402/fetch` takes to pay for the address in its first argument. It signs with the key
/// in `X402_PAYER_KEY`, which stays out of the shell's history that way.
const CLIENT: &str = r#"npm install @x402/fetch @x402/evm viem
node --input-type=module -e '
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { UptoEvmScheme } from "@x402/evm/upto/client";
import { privateKeyToAccount } from "viem/accounts";
const payer = privateKeyToAccount(process.env.X402_PAYER_KEY);
const client = new x402Client();
for (const Scheme of [ExactEvmScheme, UptoEvmScheme]) client.register("eip155:*", new Scheme(payer));
const answer = await wrapFetchWithPayment(fetch, client)(process.argv[1]);
console.log(answer.status, await answer.text());
' "#;

/// Longest address that is written into the commands, in bytes. It is on the page once already.
const MAX_URL: usize = 512;

/// Appends the section.
pub(super) fn push(out: &mut String, url: &str) {
    let url = if url.len() <= MAX_URL { quoted(url) } else { r#""$URL""#.to_owned() };
    put(
        out,
        concat!(
        "<section aria-labelledby=\"terminal\">\n<h2 id=\"terminal\">Pay from a terminal</h2>\n",
        "<p>What is asked for, in the header <code>PAYMENT-REQUIRED</code>:</p>\n<pre tabindex=\"0\"><code>",
    ),
    );
    escape(out, "curl -gi ");
    escape(out, &url);
    put(
        out,
        concat!(
            "</code></pre>\n<p>Any x402 client pays it. ",
            "With Node.js, and a key in <code>X402_PAYER_KEY</code>:</p>\n<pre tabindex=\"0\"><code>",
        ),
    );
    escape(out, CLIENT);
    escape(out, &url);
    put(out, "</code></pre>\n");
    if url.starts_with('"') {
        put(out, "<p><code>URL</code> is the address above, too long to repeat.</p>\n");
    }
    put(out, "</section>\n");
}

/// One argument of a POSIX shell, whatever is in it.
fn quoted(url: &str) -> String {
    format!("'{}'", url.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_argument() {
        assert_eq!(quoted("https://a/b?c=$(d)&e"), "'https://a/b?c=$(d)&e'");
        assert_eq!(quoted("https://a/';rm -rf ~;'"), r"'https://a/'\'';rm -rf ~;'\'''");
    }
}
