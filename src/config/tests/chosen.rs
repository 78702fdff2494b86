//! Several facilitators for one offer.

use serde_json::json;

use super::mistakes::mistakes;
use super::*;

/// Two names with one tag in one place.
const TWINS: [&str; 2] = ["f-17848", "f-23814"];

/// The example with the facilitators `main`, `backup` and `spare`, and more changes.
fn three(changes: &[(&str, Json)]) -> Vec<(&'static str, Json)> {
    let other = |cluster: &str| json!({"cluster": cluster, "authority": "x", "timeout": "2s"});
    let mut all = vec![("/facilitators/backup", other("backup")), ("/facilitators/spare", other("spare"))];
    all.extend(changes.iter().map(|(pointer, value)| (&*pointer.to_string().leak(), value.clone())));
    all
}

fn chosen(changes: &[(&str, Json)], path: &str) -> (Vec<String>, Vec<u32>) {
    let policy = read(&with(&three(changes))).unwrap_or_else(|errors| panic!("{errors}"));
    let offer = offer(&policy, path);
    (offer.facilitators.iter().map(|one| one.name.clone()).collect(), offer.weights.to_vec())
}

#[test]
fn names_are_an_order_and_weights_are_shares() {
    let default = ("/defaultFacilitators", json!(["backup"]));
    let (names, weights) = chosen(
        &[default.clone(), ("/routes/1/offer/facilitators", json!(["spare", "main"]))],
        "/v1/embeddings",
    );
    assert_eq!((names, weights), (vec!["spare".to_owned(), "main".to_owned()], vec![]));
    let weighted = json!([{"name": "main", "weight": 1000}, {"name": "backup", "weight": 1}]);
    let (names, weights) =
        chosen(&[default.clone(), ("/routes/1/offer/facilitators", weighted)], "/v1/embeddings");
    assert_eq!((names, weights), (vec!["main".to_owned(), "backup".to_owned()], vec![1000, 1]));
    assert_eq!(chosen(&[default], "/v1/embeddings"), (vec!["backup".to_owned()], vec![]));
}

#[test]
fn the_offer_comes_before_its_seller_and_the_seller_before_the_top() {
    let seller = [
        ("/defaultFacilitators", json!(["main"])),
        ("/sellers", json!({"acme": {"facilitators": ["backup", "spare"]}})),
        ("/routes/1/seller", json!("acme")),
    ];
    assert_eq!(chosen(&seller, "/v1/embeddings").0, ["backup", "spare"]);
    let mut own = seller.to_vec();
    own.push(("/routes/1/offer/facilitators", json!(["spare"])));
    assert_eq!(chosen(&own, "/v1/embeddings").0, ["spare"]);
}

#[test]
fn mistakes_in_a_choice_are_all_named() {
    let default = ("/defaultFacilitators", json!(["main"]));
    let at = |value: Json| mistakes(&three(&[default.clone(), ("/routes/1/offer/facilitators", value)]));
    let path = "routes[1].offer.facilitators";
    for (value, expected) in [
        (json!("main"), ": a list belongs here, not text"),
        (json!([]), ": the list must have 1 to 16 entries"),
        (json!(["main", "main"]), "[1]: \"main\" is there twice (remove one)"),
        (json!(["main", "bakcup"]), "[1]: no facilitator is named \"bakcup\" (did you mean \"backup\"?)"),
        (json!([7]), "[0]: text belongs here, not a number"),
        (
            json!(["main", {"name": "backup", "weight": 1}]),
            ": some have a weight and some have none (give each a weight, or write names only, the preferred one first)",
        ),
        (
            json!([{"name": "main"}]),
            "[0].weight: missing (a whole number, or write the name alone)",
        ),
        (json!([{"weight": 1}]), "[0].name: missing (the name of a facilitator)"),
        (json!([{"name": "main", "weight": 0}]), "[0].weight: not a whole number from 1 to 1000"),
        (json!([{"name": "main", "weight": 1001}]), "[0].weight: not a whole number from 1 to 1000"),
        (json!([{"name": "main", "wieght": 1, "weight": 1}]), "[0].wieght: unknown key"),
    ] {
        let found = at(value.clone());
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}{expected}")), "{value}: {found:?}");
    }
    let many = at(json!([{"name": "mian", "weight": 0}, "backup", {"name": "backup", "weight": 1}]));
    assert_eq!(many.len(), 4, "{many:?}");
    let none = mistakes(&three(&[("/offers/tile/facilitators", json!(["main"]))]));
    assert_eq!(
        none,
        ["routes[1].offer.facilitators: missing (several are defined: name those that settle it, here or in defaultFacilitators)"]
    );
    let unknown = mistakes(&three(&[("/defaultFacilitators", json!(["nobody"]))]));
    assert_eq!(
        unknown,
        ["defaultFacilitators[0]: no facilitator is named \"nobody\" (define it under facilitators)"]
    );
}

/// A payment outlives the last facilitator's call, however long those before it took to connect.
#[test]
fn a_payment_outlives_every_facilitator_that_may_be_asked() {
    let both = ("/defaultFacilitators", json!(["backup", "spare"]));
    let policy = read(&with(&three(std::slice::from_ref(&both)))).unwrap();
    let offer = offer(&policy, "/v1/embeddings");
    assert_eq!((offer.timeout_seconds(), offer.margin_seconds()), (4, 4 + 6 + 15));
    let short = |seconds: u32| {
        mistakes(&three(&[both.clone(), ("/routes/1/offer/maxTimeoutSeconds", json!(seconds))]))
    };
    assert!(short(29)[0].contains("at least 30"), "{:?}", short(29));
    assert!(read(&with(&three(&[both.clone(), ("/routes/1/offer/maxTimeoutSeconds", json!(30))]))).is_ok());
}

/// One that is never asked what it supports is no obstacle where another is.
#[test]
fn one_that_says_what_it_supports_is_enough_for_what_needs_it() {
    let off = |names: Json| {
        with(&three(&[
            ("/defaultFacilitators", json!(["backup"])),
            ("/facilitators/main/supported", json!("off")),
            ("/routes/1/offer/facilitators", names),
            ("/routes/1/offer/scheme", json!("upto")),
        ]))
    };
    assert!(read(&off(json!(["main", "backup"]))).is_ok());
    let refused = read(&off(json!(["main"]))).unwrap_err();
    assert!(refused.to_string().contains("its supported is off"), "{refused}");
}

#[test]
fn tags_tell_facilitators_apart() {
    let policy = read(&with(&three(&[("/defaultFacilitators", json!(["main"]))]))).unwrap();
    let hash = crate::evm::keccak256([b"main\nx402.example.com\n"]);
    let main = policy.facilitators.iter().find(|one| one.name == "main").unwrap();
    assert_eq!(main.tag().to_le_bytes(), hash[..4]);
    let tags: std::collections::BTreeSet<_> = policy.facilitators.iter().map(|one| one.tag()).collect();
    assert!(tags.len() == 3 && !tags.contains(&0));
    let old = crate::evm::keccak256([b"main"]);
    assert_eq!(main.old_tag().to_le_bytes(), old[..4], "what modules before this one wrote");
    let [one, other] = TWINS;
    let twins = mistakes(&three(&[
        ("/defaultFacilitators", json!(["main"])),
        (&format!("/facilitators/{one}"), json!({"cluster": "c", "authority": "x"})),
        (&format!("/facilitators/{other}"), json!({"cluster": "c", "authority": "x"})),
    ]));
    assert_eq!(
        twins,
        [format!(
            "facilitators.{other}: claims could not tell it from \"{one}\": they have one tag (rename one)"
        )]
    );
}
