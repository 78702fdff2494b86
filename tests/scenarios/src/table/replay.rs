//! A1 and A2: one payment, one grant, however often and in whatever bytes it comes.

use x402_devstack::client::RawRequest;
use x402_devstack::payer::{Base64Form, HexCase, KeyOrder, Payment, SignatureForm, Style};

use super::Table;
use crate::stage::{receipt_of, refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    for (name, path) in [("before", "/v1/cheap"), ("after", "/v1/late")] {
        table.add(format!("a1_same_payment_twice_{name}"), move |stage| twice(stage, path));
        table.add(format!("a1_used_payment_on_another_route_{name}"), move |stage| elsewhere(stage, path));
        table.add(format!("a1_same_payment_many_times_{name}"), move |stage| many(stage, path));
    }
    for (name, style) in styles() {
        table.add(format!("a2_{name}"), move |stage| {
            re_encoded(stage, &|payment| vec![payment.header_name_and(payment.styled(&style))]);
        });
    }
    for (name, form) in forms() {
        table.add(format!("a2_signature_{name}"), move |stage| {
            re_encoded(stage, &|payment| {
                let twisted = payment.clone().sign_as(form);
                vec![twisted.header_name_and(twisted.header())]
            });
        });
    }
    table.add("a2_under_the_other_header", |stage| {
        re_encoded(stage, &|payment| vec![("x-payment".to_owned(), payment.header())]);
    });
    table.add("a2_with_another_resource", |stage| {
        re_encoded(stage, &|payment| {
            let other = payment.clone().tamper("/resource/url", "https://elsewhere.example/".into());
            vec![other.header_name_and(other.header())]
        });
    });
    table.add("a2_with_another_member", |stage| {
        re_encoded(stage, &|payment| {
            let other = payment.clone().tamper("/unheard-of", 1.into());
            vec![other.header_name_and(other.header())]
        });
    });
    table.add("a2_as_version_1", |stage| {
        re_encoded(stage, &|payment| {
            let other = payment.clone().tamper("/x402Version", 1.into());
            vec![("x-payment".to_owned(), other.header())]
        });
    });
}

fn styles() -> Vec<(&'static str, Style)> {
    vec![
        ("base64_unpadded", Style::base64(Base64Form::Unpadded)),
        ("base64_url_safe", Style::base64(Base64Form::UrlSafe)),
        ("base64_wrapped", Style::base64(Base64Form::Wrapped)),
        ("base64_left_out", Style::base64(Base64Form::Raw)),
        ("keys_sorted", Style::order(KeyOrder::Sorted)),
        ("keys_reversed", Style::order(KeyOrder::Reversed)),
        ("hex_lower", Style::hex(HexCase::Lower)),
        ("hex_upper", Style::hex(HexCase::Upper)),
    ]
}

fn forms() -> [(&'static str, SignatureForm); 6] {
    [
        ("high_s", SignatureForm::HighS),
        ("v_zero_or_one", SignatureForm::ZeroOneV),
        ("compact", SignatureForm::Compact),
        ("flipped_v", SignatureForm::FlippedV),
        ("too_long", SignatureForm::Long),
        ("zero", SignatureForm::Zero),
    ]
}

fn twice(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = stage.paid(&stage.get(path));
    let first = stage.send(&request);
    served(&first);
    let second = stage.again(&request);
    refused(&second, 402, "payment_already_used");
    assert_eq!(receipt_of(&second), receipt_of(&first), "the original receipt");
    assert_eq!(second.json()["paymentState"], "delivered");
    stage.charged_once(&payment, 1);
    assert_eq!(stage.settles(&payment), 1);
}

fn many(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = stage.paid(&stage.get(path));
    let answers: Vec<_> = (0..12).map(|_| stage.again(&request)).collect();
    served(&answers[0]);
    answers[1..].iter().for_each(|answer| refused(answer, 402, "payment_already_used"));
    stage.charged_once(&payment, 1);
}

fn elsewhere(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = stage.paid(&stage.get(path));
    served(&stage.send(&request));
    for other in ["/v1/twin", "/v1/tree/a", "/v1/dear"] {
        let answer = stage.again(&stage.get(other).pay(&payment));
        refused(&answer, 402, "payment_already_used");
    }
    stage.charged_once(&payment, 1);
}

type Encode<'a> = &'a dyn Fn(&Payment) -> Vec<(String, String)>;

/// Plain first, then in other bytes; and the other way round.
fn re_encoded(stage: &mut Stage<'_>, encode: Encode<'_>) {
    let asked = stage.get("/v1/cheap");
    let with = |payment: &Payment| -> RawRequest {
        let headers = encode(payment).into_iter();
        headers.fold(asked.clone(), |request, (name, value)| request.header(name, value))
    };
    let payment = stage.pay(&asked);
    served(&stage.send(&asked.clone().pay(&payment)));
    let again = stage.again(&with(&payment));
    assert_eq!(again.status, 402, "{}", again.text());
    stage.charged_once(&payment, 1);
    assert_eq!(stage.settles(&payment), 1);

    let payment = stage.pay(&asked);
    let first = stage.send(&with(&payment));
    assert!(matches!(first.status, 200 | 402), "{}", first.text());
    let second = stage.again(&asked.clone().pay(&payment));
    assert_ne!(first.status, second.status, "granted once, by one of them");
    stage.charged_once(&payment, 2);
    assert_eq!(stage.settles(&payment), 1);
}

trait Named {
    fn header_name_and(&self, value: String) -> (String, String);
}

impl Named for Payment {
    fn header_name_and(&self, value: String) -> (String, String) {
        (self.header_name().to_owned(), value)
    }
}
