//! What is sold where in the module measured.

use serde_json::{json, Value};

/// Who is paid, and by default how.
const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// Every way to pay that is measured, and twenty routes more.
pub fn policy() -> Value {
    let permit = json!([{"network": "base-sepolia", "payTo": PAYEE, "assetTransferMethod": "permit2"}]);
    let offer = |settle: &str| json!({"price": "$0.001", "settle": settle, "maxTimeoutSeconds": 300, "description": "One item"});
    let permitted = |verify: &str| {
        let mut offer = offer("before");
        offer["accepts"] = permit.clone();
        offer["verify"] = json!(verify);
        offer
    };
    // As a policy has it that says nothing of wallets.
    let mut any = offer("before");
    any["wallets"] = json!("any");
    let mut routes = vec![
        json!({"name": "before", "match": {"methods": ["GET"], "path": "/before/{id}"}, "offer": "item"}),
        json!({"name": "after", "match": {"methods": ["GET"], "path": "/after/{id}"}, "offer": offer("after")}),
        json!({"name": "permit", "match": {"methods": ["GET"], "path": "/permit/{id}"}, "offer": permitted("local")}),
        json!({"name": "asked", "match": {"methods": ["GET"], "path": "/asked/{id}"}, "offer": permitted("facilitator")}),
        json!({"name": "any", "match": {"methods": ["GET"], "path": "/any/{id}"}, "offer": any}),
        json!({"name": "free", "match": {"path": "/free/{id}"}, "free": true}),
        json!({"name": "read", "match": {"methods": ["GET"], "path": "/mixed/{id}"}, "free": true}),
        json!({"name": "write", "match": {"methods": ["POST"], "path": "/mixed/{id}"}, "offer": "item"}),
    ];
    routes.extend((0..20).map(|number| more(&format!("/v1/more/{number}/{{id}}"), number)));
    whole(&routes)
}

/// So many routes, all with the same offer, one of them free: `/free/{id}`.
pub fn of_size(count: usize) -> Value {
    let mut routes = vec![json!({"name": "free", "match": {"path": "/free/{id}"}, "free": true})];
    routes.push(
        json!({"name": "before", "match": {"methods": ["GET"], "path": "/before/{id}"}, "offer": "item"}),
    );
    // A hundred services of as many resources, as a large installation has them.
    routes.extend(
        (2..count).map(|number| {
            more(&format!("/service-{}/resource-{}/{{id}}", number % 100, number / 100), number)
        }),
    );
    whole(&routes)
}

fn more(path: &str, number: usize) -> Value {
    json!({"name": format!("more-{number}"), "match": {"path": path}, "offer": "item"})
}

fn whole(routes: &[Value]) -> Value {
    let most = json!({"perMinute": 1_000_000, "burst": 1_000_000});
    json!({
        "version": 1,
        "origin": "https://api.example.com",
        "unmatched": "free",
        "settle": "before",
        // Not the default: under it a forged payment is a question to the facilitator.
        "wallets": "eoa",
        // All load comes from one source.
        "limit": {"walletChecks": most, "challenges": most, "failures": most},
        "facilitators": {"main": {"cluster": "facilitator", "authority": "facilitator", "timeout": "10s"}},
        "accepts": [{"network": "base-sepolia", "asset": "USDC", "payTo": PAYEE}],
        "offers": {"item": {"price": "$0.001", "maxTimeoutSeconds": 300, "description": "One item"}},
        "routes": routes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_the_routes_it_was_asked_for() {
        for count in [10, 1_000] {
            assert_eq!(of_size(count)["routes"].as_array().map(Vec::len), Some(count));
        }
    }
}
