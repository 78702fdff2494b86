use super::*;
use crate::reply::tests::every_refusal;
use crate::reply::Quote;

fn spelled(refusal: Refusal) -> Status {
    let quote = Quote { header: "cXVvdGU=".into(), v1_accepts: Some("[]".into()) };
    let receipt = ("payment-response", "cmVjZWlwdA==".to_owned());
    Status::of(refusal, &refusal.reply(Some(quote), vec![receipt], "GET"))
}

#[test]
fn every_refusal_has_a_status_clients_can_act_on() {
    for refusal in every_refusal() {
        let status = spelled(refusal);
        let get = |name: &str| {
            let found = status.metadata.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        };
        let http = refusal.status();
        let expected = match http {
            402 | 409 | 412 | 502 => 9,
            503 => 14,
            405 => 12,
            403 => 7,
            429 => 8,
            400 if refusal == Refusal::GrpcSettlesBefore => 12,
            400 => 3,
            other => panic!("{refusal:?} {other}"),
        };
        assert_eq!(status.code, expected, "{refusal:?}");
        assert_eq!(get("x402-code"), Some(refusal.code()));
        assert_eq!(get("payment-required").is_some(), refusal.quotes(), "{refusal:?}");
        let waits = matches!(http, 429 | 503);
        assert_eq!(get("grpc-retry-pushback-ms").is_some(), waits, "{refusal:?}");
        assert_eq!(get("retry-after").is_some(), waits, "{refusal:?}");
        assert_eq!((get("content-type"), get("allow")), (None, None));
        assert!(status.message.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'%'), "{refusal:?}");
        for (name, value) in &status.metadata {
            assert!(!name.ends_with("-bin") && value.bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
    }
}

#[test]
fn only_what_the_host_answers_in_grpc_is_grpc() {
    for (content_type, dialect) in [
        ("application/grpc", Dialect::Grpc),
        ("application/grpc+proto", Dialect::Grpc),
        ("application/grpc-web", Dialect::Web),
        ("application/grpc-web+proto", Dialect::Web),
        ("application/grpc-web-text", Dialect::Web),
        ("application/grpc;charset=x", Dialect::Http),
        ("application/grpc,application/grpc", Dialect::Http),
        ("application/GRPC", Dialect::Http),
        ("application/grpcx", Dialect::Http),
        ("application/json", Dialect::Http),
    ] {
        assert_eq!(Dialect::of(content_type.as_bytes()), dialect, "{content_type}");
    }
}

#[test]
fn grpc_web_says_it_in_headers_a_page_may_read() {
    let quote = Some(Quote { header: "cXVvdGU=".into(), v1_accepts: None });
    let mut reply = Refusal::PaymentRequired.reply(quote, Vec::new(), "");
    reply.headers.push(("access-control-expose-headers", "PAYMENT-REQUIRED".into()));
    let reply = Status::of(Refusal::PaymentRequired, &reply).into_headers(Dialect::Web);
    let get = |name: &str| {
        let found = reply.headers.iter().filter(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(get("content-type"), ["application/grpc-web+proto"]);
    assert_eq!(get("cache-control"), ["no-store"]);
    assert_eq!((get("grpc-status"), get("payment-required")), (vec!["9"], vec!["cXVvdGU="]));
    assert_eq!(get("access-control-expose-headers"), ["PAYMENT-REQUIRED", EXPOSED]);
}
