//! The published x402-rs facilitator, settling on one EVM chain.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use alloy_provider::Provider;
use serde_json::json;
use x402_chain_eip155::chain::config::{Eip155ChainConfig, Eip155ChainConfigInner};
use x402_chain_eip155::chain::{Eip155ChainProvider, Eip155ChainReference, Eip155MetaTransactionProvider};
use x402_chain_eip155::{V1Eip155Exact, V2Eip155Exact, V2Eip155Upto};
use x402_facilitator_local::{handlers, FacilitatorLocal};
use x402_rust_clients::{prefixed, Arguments};
use x402_types::chain::{ChainId, ChainProviderOps, ChainRegistry, FromConfig};
use x402_types::scheme::{
    SchemeBlueprints, SchemeConfig, SchemeRegistry, X402SchemeFacilitator, X402SchemeFacilitatorBuilder,
};

const USAGE: &str = "usage: x402-rust-facilitator --rpc URL [--port N] [--chain ID] [--gas-sponsoring] \
                     --key HEX [--key HEX ...]";
/// How often a receipt is asked for. The crates' own seven seconds suit a public chain.
const RECEIPT_EVERY: Duration = Duration::from_millis(100);

/// The chain, as a type of this crate: only then may the schemes be told how to build on it.
struct Chain(Arc<Eip155ChainProvider>);

impl ChainProviderOps for Chain {
    fn signer_addresses(&self) -> Vec<String> {
        ChainProviderOps::signer_addresses(&self.0)
    }

    fn chain_id(&self) -> ChainId {
        self.0.chain_id()
    }
}

macro_rules! built_on_chain {
    ($($scheme:ty),+) => {$(
        impl X402SchemeFacilitatorBuilder<&Chain> for $scheme {
            fn build(
                &self,
                chain: &Chain,
                config: Option<serde_json::Value>,
            ) -> Result<Box<dyn X402SchemeFacilitator>, Box<dyn Error>> {
                self.build(Arc::clone(&chain.0), config)
            }
        }
    )+};
}
built_on_chain!(V1Eip155Exact, V2Eip155Exact, V2Eip155Upto);

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::of_process();
    if arguments.flag("--help") {
        println!("{USAGE}");
        return Ok(());
    }
    let rpc = arguments.required("--rpc")?;
    let port: u16 = arguments.optional("--port")?.map_or(Ok(0), |port| port.parse())?;
    let chain: u64 = arguments.optional("--chain")?.map_or(Ok(84532), |id| id.parse())?;
    let sponsoring = arguments.flag("--gas-sponsoring");
    let keys: Vec<String> = arguments.repeated("--key")?.iter().map(|key| prefixed(key)).collect();
    let rest = arguments.rest();
    if keys.is_empty() || !rest.is_empty() {
        return Err(USAGE.into());
    }

    let inner: Eip155ChainConfigInner =
        serde_json::from_value(json!({ "signers": keys, "rpc": [{ "http": rpc }] }))?;
    let config = Eip155ChainConfig { chain_reference: Eip155ChainReference::new(chain), inner };
    let provider = Eip155ChainProvider::from_config(&config).await?;
    provider.inner().client().set_poll_interval(RECEIPT_EVERY);

    let chain = Chain(Arc::new(provider));
    let id = chain.chain_id();
    let schemes: Vec<SchemeConfig> = ["v1-eip155-exact", "v2-eip155-exact", "v2-eip155-upto"]
        .into_iter()
        .map(|scheme| {
            serde_json::from_value(json!({
                "id": scheme,
                "chains": id.to_string(),
                "config": { "eip2612_gas_sponsoring": sponsoring },
            }))
        })
        .collect::<Result<_, _>>()?;
    let blueprints = SchemeBlueprints::new()
        .and_register(V1Eip155Exact)
        .and_register(V2Eip155Exact)
        .and_register(V2Eip155Upto);
    let registry =
        SchemeRegistry::build(ChainRegistry::new(HashMap::from([(id, chain)])), blueprints, &schemes);
    let app = handlers::routes().with_state(Arc::new(FacilitatorLocal::new(registry)));

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", json!({ "url": format!("http://{}", listener.local_addr()?) }));
    axum::serve(listener, app).await?;
    Ok(())
}
