//! Pays for one request, and shows every step.

use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value as Positional};
use x402_devstack::cli::{environment, value, Stop};
use x402_devstack::client::Answer;
use x402_devstack::payer::{visit, Visit, Wallet};

const HELP: &str = "\
x402-payer URL: asks, reads the quote, signs, asks again, shows the receipt

Options (and the environment variables behind them):
  --key KEY          [X402_PAYER_KEY] 32 bytes of hex, or dev0 to dev9 for the public test
                     keys every local chain ships with; default dev0
  --method METHOD    default GET
  --header 'N: V'    repeatable
  --body TEXT        sent with both requests
  --expect STATUS    leave with 0 exactly when the last answer has this status
  --quiet            only the last line
  --help

Leaves with 0 when the answer was paid for, 1 when it was not, 2 on wrong usage.
";

struct Order {
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: String,
    wallet: Wallet,
    expect: Option<u16>,
    quiet: bool,
}

fn main() -> ExitCode {
    match read_order().and_then(|order| run(&order)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(stop) => stop.report(HELP),
    }
}

fn read_order() -> Result<Order, Stop> {
    let mut key = environment("X402_PAYER_KEY", "dev0".to_owned())?;
    let mut order = Order {
        url: String::new(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: String::new(),
        wallet: Wallet::dev(0),
        expect: None,
        quiet: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(flag) = parser.next()? {
        match flag {
            Long("key") => key = value(&mut parser)?,
            Long("method") => order.method = value(&mut parser)?,
            Long("header") => {
                let header: String = value(&mut parser)?;
                let Some((name, value)) = header.split_once(':') else {
                    return Err(Stop::Wrong(format!("{header}: no colon in the header")));
                };
                order.headers.push((name.to_owned(), value.trim().to_owned()));
            }
            Long("body") => order.body = value(&mut parser)?,
            Long("expect") => order.expect = Some(value(&mut parser)?),
            Long("quiet") => order.quiet = true,
            Long("help") | Short('h') => return Err(Stop::Help),
            Positional(url) if order.url.is_empty() => {
                order.url = url.to_string_lossy().into_owned();
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if order.url.is_empty() {
        return Err(Stop::Wrong("which URL? See --help".to_owned()));
    }
    order.wallet = wallet(&key)?;
    Ok(order)
}

fn wallet(key: &str) -> Result<Wallet, Stop> {
    let wallet = match key.strip_prefix("dev").map(str::parse::<usize>) {
        Some(Ok(index)) if index < 10 => Some(Wallet::dev(index)),
        Some(_) => None,
        None => Wallet::from_hex(key),
    };
    wallet.ok_or_else(|| Stop::Wrong("--key: 32 bytes of hex, or dev0 to dev9".to_owned()))
}

fn run(order: &Order) -> Result<bool, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let paying = visit(&order.url, &order.method, &order.headers, order.body.clone().into(), &order.wallet);
    let visit = match runtime.block_on(paying) {
        Ok(visit) => visit,
        Err(why) => {
            eprintln!("not paid: {why}");
            return Ok(false);
        }
    };
    if !order.quiet {
        show(order, &visit);
    }
    let status = visit.answer().status;
    let paid = visit.paid();
    println!("{} {status}", if paid { "paid" } else { "not paid" });
    Ok(order.expect.map_or(paid, |expected| expected == status))
}

fn show(order: &Order, visit: &Visit) {
    println!("> {} {}", order.method, order.url);
    show_head(&visit.first);
    if let Some(quote) = &visit.quote {
        println!("\nquote (version {})", quote.version);
        for accept in &quote.accepts {
            println!("{}", pretty(accept));
        }
    }
    if let (Some(payment), Some(second)) = (&visit.payment, &visit.second) {
        println!("\npayment by {}", payment.payer);
        println!("{}", pretty(&payment.json["payload"]));
        println!("\n> {} {} with {}", order.method, order.url, payment.header_name());
        show_head(second);
    }
    println!("\n{}", visit.answer().text());
    match visit.answer().receipt() {
        Some(receipt) => println!("\nreceipt\n{}", pretty(&receipt)),
        None => println!("\nno receipt"),
    }
}

fn show_head(answer: &Answer) {
    println!("< {}", answer.status);
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value);
        let shown: String = value.chars().take(100).collect();
        let more = if shown.len() < value.len() { "…" } else { "" };
        println!("< {name}: {shown}{more}");
    }
    if let Some(broken) = answer.broken {
        println!("< broken: {broken:?}");
    }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
