//! The published reqwest client: asks, pays what is asked, shows the answer as one line of JSON.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use alloy_signer_local::PrivateKeySigner;
use reqwest::{Method, Url};
use serde_json::{json, Value};
use x402_chain_eip155::{V1Eip155ExactClient, V2Eip155ExactClient, V2Eip155UptoClient};
use x402_reqwest::{ReqwestWithPayments, ReqwestWithPaymentsBuild, X402Client};
use x402_rust_clients::{prefixed, Arguments};

const USAGE: &str = "usage: x402-rust-client pay URL --key HEX [--rpc URL] [--method GET]";
const PATIENCE: Duration = Duration::from_secs(60);

struct Order {
    url: Url,
    method: Method,
    signer: Arc<PrivateKeySigner>,
    rpc: Option<Url>,
}

fn order(mut arguments: Arguments) -> Result<Order, Box<dyn Error>> {
    let key = arguments.required("--key")?;
    let rpc = arguments.optional("--rpc")?.map(|url| url.parse()).transpose()?;
    let method = arguments.optional("--method")?.map_or(Ok(Method::GET), |name| name.parse())?;
    match arguments.rest().as_slice() {
        [verb, url] if verb == "pay" => {
            Ok(Order { url: url.parse()?, method, signer: Arc::new(prefixed(&key).parse()?), rpc })
        }
        _ => Err(USAGE.into()),
    }
}

async fn pay(order: Order) -> Result<Value, Box<dyn Error>> {
    let client = X402Client::new()
        .register(V2Eip155ExactClient::new(Arc::clone(&order.signer)))
        .register(V1Eip155ExactClient::new(Arc::clone(&order.signer)));
    // Only `upto` can look at the chain, to sponsor the approval of Permit2.
    let upto = V2Eip155UptoClient::new(order.signer);
    let client = match order.rpc {
        Some(rpc) => client.register(upto.with_provider(rpc)),
        None => client.register(upto),
    };
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = http.with_payments(client).build().request(order.method, order.url).send().await?;

    let receipt = ["payment-response", "x-payment-response"]
        .into_iter()
        .find_map(|name| answer.headers().get(name))
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(
        json!({ "status": answer.status().as_u16(), "paymentResponse": receipt, "body": answer.text().await? }),
    )
}

/// An error and what caused it, in one line.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::of_process();
    if arguments.flag("--help") {
        println!("{USAGE}");
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let line = match order(arguments) {
        Ok(order) => runtime.block_on(pay(order)),
        Err(error) => Err(error),
    };
    println!("{}", line.unwrap_or_else(|error| json!({ "error": told(error.as_ref()) })));
    Ok(())
}
