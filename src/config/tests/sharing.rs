//! What offers have in common is there once, and nobody can tell.

use super::*;

/// The example with a route of its own path and name for each of these offers, by the seller named.
fn selling(offers: &[(Json, Option<&str>)]) -> Policy {
    let payee =
        |digit: char| json!({"network": "base", "payTo": format!("0x{}", digit.to_string().repeat(40))});
    let mut config = with(&[(
        "/sellers",
        json!({"acme": {"accepts": [payee('1')]}, "blue": {"accepts": [payee('2')], "labels": {"team": "b"}}}),
    )]);
    let routes = config["routes"].as_array_mut().unwrap();
    for (place, (offer, seller)) in offers.iter().enumerate() {
        let mut route =
            json!({"name": format!("own-{place}"), "match": {"path": format!("/{place}")}, "offer": offer});
        if let Some(seller) = seller {
            route["seller"] = json!(seller);
        }
        routes.push(route);
    }
    read(&config).unwrap()
}

#[test]
fn offers_share_what_they_have_in_common() {
    let own = |number: usize| json!({"price": format!("$0.{number:04}"), "description": format!("No. {number}"), "sku": format!("s-{number}")});
    let policy = selling(&(1..50).map(|number| (own(number), None)).collect::<Vec<_>>());
    let first = offer(&policy, "/0");
    for place in 0..49 {
        let offer = offer(&policy, &format!("/{place}"));
        let number = place + 1;
        assert!(Arc::ptr_eq(&offer.conditions, &first.conditions), "{place}");
        assert_eq!(offer.price(), (number * 100).to_string());
        assert_eq!(
            (offer.description(), offer.sku()),
            (&*format!("No. {number}"), Some(&*format!("s-{number}")))
        );
        assert_eq!(offer.name(&route(&policy, &format!("/{place}"))), format!("own-{place}"));
    }
}

#[test]
fn whoever_differs_in_anything_shares_nothing() {
    let plain = json!({"price": "$0.01"});
    let but = |key: &str, value: Json| {
        let mut offer = plain.clone();
        offer[key] = value;
        (offer, None)
    };
    let mut offers =
        vec![(plain.clone(), None), (plain.clone(), Some("acme")), (plain.clone(), Some("blue"))];
    offers.extend([
        but("settle", json!("after")),
        but("verify", json!("facilitator")),
        but("wallets", json!("eoa")),
        but("maxTimeoutSeconds", json!(61)),
        but("redeemFor", json!("2h")),
        but("mimeType", json!("text/plain")),
        but("labels", json!({"team": "b"})),
        but("bazaar", json!({})),
        but("paymentIdentifier", json!("optional")),
        but("gasSponsoring", json!("off")),
        but("accepts", json!([{"network": "base", "payTo": format!("0x{}", "3".repeat(40))}])),
        but(
            "accepts",
            json!([{"network": "base-sepolia", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}]),
        ),
    ]);
    let policy = selling(&offers);
    let offers: Vec<_> = (0..offers.len()).map(|place| offer(&policy, &format!("/{place}"))).collect();
    for (place, one) in offers.iter().enumerate() {
        assert!(
            offers.iter().take(place).all(|other| !Arc::ptr_eq(&other.conditions, &one.conditions)),
            "{place}"
        );
    }
}

#[test]
fn sellers_in_turn_share_each_with_himself() {
    let own = |number: usize| json!({"price": format!("$0.{number:04}")});
    let sellers = [Some("acme"), Some("blue"), None];
    let policy = selling(&(0..30).map(|place| (own(place + 1), sellers[place % 3])).collect::<Vec<_>>());
    for place in 3..30 {
        let [one, before] = [place, place - 3].map(|place| offer(&policy, &format!("/{place}")));
        assert!(Arc::ptr_eq(&one.conditions, &before.conditions), "{place}");
        assert_eq!(one.seller.as_deref(), sellers[place % 3]);
    }
}
