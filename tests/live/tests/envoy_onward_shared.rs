//! Redirects to what is sold here, where replicas share claims (A17): whoever follows at once is served.

use std::time::Duration;

use x402_devstack::client::{request, RawRequest};
use x402_devstack::network::{Aim, Trouble};
use x402_live::{pause, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn a17_who_follows_a_redirect_at_once_is_served() {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    for late in [0, 5, 60] {
        if late > 0 {
            shop.to_store().trouble(Trouble::Delay(Duration::from_millis(late)), Aim::All);
            shop.to_store().break_off();
            pause(100).await;
        }
        for settle in ["before", "after"] {
            for round in 0..8 {
                let at = round % 2;
                let first =
                    format!("/{settle}/{late}-{round}?status=302&h=location:/{settle}/there-{late}-{round}");
                let payment = shop.sign(&first).await;
                let answer = shop.ask(at, &first, &payment).await;
                assert_eq!(answer.status, 302, "{answer:?}");
                let next = format!("/{settle}/there-{late}-{round}");
                let answer =
                    request(shop.replicas.envoy(at).address(), &RawRequest::get(&next).pay(&payment)).await;
                assert_eq!(answer.status, 200, "{settle}, the store {late} ms away: {answer:?}");
                assert_eq!(shop.transfers(&[&payment]).len(), 1);
            }
        }
    }
}
