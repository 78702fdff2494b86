//! x402-axum as its README wires it, on one thread, with the list of what the facilitator
//! supports kept for ten minutes, as its documentation advises.

use std::error::Error;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{json, Value};
use x402_axum::X402Middleware;
use x402_chain_eip155::chain::ChecksummedAddress;
use x402_chain_eip155::{KnownNetworkEip155, V2Eip155Exact};
use x402_types::networks::USDC;

async fn item() -> Json<Value> {
    Json(json!({"ok": true}))
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("PORT")?.parse()?;
    let x402 = X402Middleware::try_new(&std::env::var("FACILITATOR")?)?
        .with_supported_cache_ttl(Duration::from_secs(600));
    let pay_to: ChecksummedAddress = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".parse()?;
    let price = V2Eip155Exact::price_tag(pay_to, USDC::base_sepolia().parse("0.001")?).with_timeout(300);
    let layer = x402.with_price_tag(price).with_description("One item".to_owned());
    let app = Router::new().route("/before/{id}", get(item).layer(layer));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
