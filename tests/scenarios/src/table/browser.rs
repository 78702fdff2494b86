//! A person's browser pays with a cookie, since a navigation carries no other header of a page's.

use x402_devstack::client::RawRequest;
use x402_devstack::payer::Payment;

use super::Table;
use crate::stage::{refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    for path in ["/v1/cheap", "/v1/late"] {
        let name = path.rsplit('/').next().unwrap_or("");
        table.add(format!("spine_a_cookie_pays_for_a_navigation_{name}"), move |stage| pays(stage, path));
    }
    table.add("a9_a_cookie_is_no_payment_of_programs", |stage| {
        let payment = stage.pay(&stage.get("/v1/cheap"));
        let asked = stage.get("/v1/cheap").header("cookie", cookie(&payment));
        refused(&stage.send(&asked), 402, "payment_required");
        stage.untouched(&payment);
    });
    table.add("a9_a_payment_in_a_cookie_stays_here", |stage| {
        let payment = stage.pay(&stage.get("/v1/cheap"));
        let asked = stage
            .get("/healthz")
            .header("x-test-echo", "1")
            .header("cookie", format!("a=\"1; 2\" ; {}; b=2", cookie(&payment)));
        stage.send(&asked);
        stage.send(&stage.get("/healthz").header("x-test-echo", "1").header("cookie", cookie(&payment)));
        let received = stage.received();
        assert_eq!(received[0].header_text("cookie"), Some("a=\"1; 2\" ; b=2"));
        assert_eq!(received[1].count("cookie"), 0);
    });
    table.add("a8_a_cookie_that_is_garbage", |stage| {
        for garbage in ["A", "%", "e30=", &"A".repeat(20_000)] {
            let answer =
                stage.send(&navigate(stage, "/v1/cheap").header("cookie", format!("x402-payment={garbage}")));
            assert_eq!((answer.status, answer.count("payment-required")), (402, 1));
            assert_eq!(answer.quote().unwrap().error.as_deref(), Some("invalid_payload"));
        }
        assert_eq!(stage.hits(), 0);
    });
}

fn navigate(stage: &Stage<'_>, path: &str) -> RawRequest {
    stage.get(path).header("accept", "text/html,*/*;q=0.8").header("sec-fetch-mode", "navigate")
}

fn cookie(payment: &Payment) -> String {
    format!("x402-payment={}", payment.header())
}

fn pays(stage: &mut Stage<'_>, path: &str) {
    let payment = stage.pay(&navigate(stage, path));
    let asked = navigate(stage, path).header("cookie", format!("a=1; {}; b=\"2", cookie(&payment)));
    served(&stage.send(&asked));
    let upstream = stage.received().remove(0);
    assert_eq!(upstream.header_text("cookie"), Some("a=1; b=\"2"));
    stage.charged_once(&payment, 1);

    let reload = stage.again(&asked);
    assert_eq!(reload.status, 402);
    assert_eq!(reload.quote().unwrap().error.as_deref(), Some("payment_already_used"));
    stage.charged_once(&payment, 1);
}
