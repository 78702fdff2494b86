//! What a facilitator that wants signed calls gets to read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use x402_live::{plugin, refused, Scene};
use x402_proxy_wasm::signing::{jwt::Cdp, Key};

const KEYS: &str = include_str!("../../vectors/signing.json");
const KEY_ID: &str = "11111111-2222-3333-4444-555555555555";

type Heads = Arc<Mutex<Vec<String>>>;

/// A facilitator that keeps every head it reads and refuses every payment.
async fn keeper() -> (SocketAddr, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"}") {
                    if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let text = String::from_utf8_lossy(&seen).into_owned();
                let body = r#"{"success":false,"errorReason":"insufficient_funds","transaction":"","network":"eip155:84532"}"#;
                let answer = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                heads.lock().expect("unpoisoned").push(text);
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, kept)
}

fn header<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(": ").filter(|(n, _)| *n == name).map(|(_, v)| v)).collect()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

async fn called_with(key: &Value) {
    let text = key["text"].as_str().expect("text");
    let mut config = plugin("5s");
    config["facilitators"]["main"] = json!({
        "cluster": "facilitator", "authority": "api.cdp.example", "pathPrefix": "/platform/v2/x402", "timeout": "5s",
        "auth": { "cdp": { "keyId": { "env": "CDP_ID" }, "secret": { "env": "CDP_SECRET" } } },
    });
    let (address, heads) = keeper().await;
    let text_of_env = text.to_owned();
    let scene = Scene::new(config).settler(address).envoy(move |options| {
        options.concurrency(1).vm_variable("CDP_ID", KEY_ID).vm_variable("CDP_SECRET", &text_of_env)
    });
    let Some(stage) = scene.start() else { return };
    for item in ["/before/a", "/before/b"] {
        let payment = stage.payment(item).await;
        refused(&stage.buy(item, &payment).await, 402, "insufficient_funds");
    }
    let heads = heads.lock().expect("unpoisoned").clone();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].starts_with("POST /platform/v2/x402/settle HTTP/1.1\r\n"), "{}", heads[0]);
    let authorization = header(&heads[0], "authorization");
    assert_eq!(authorization.len(), 1, "{}", heads[0]);
    assert_eq!(header(&heads[1], "authorization"), authorization, "one token serves for a minute");
    let correlation = header(&heads[0], "correlation-context");
    assert!(correlation[0].contains("sdk_language=rust,source=x402"), "{correlation:?}");

    // The 32-bit sandbox signs what this machine does.
    let token = authorization[0].strip_prefix("Bearer ").expect("a bearer token");
    let parts: Vec<&str> = token.split('.').collect();
    let (head, claims) = (decoded(parts[0]), decoded(parts[1]));
    assert_eq!(claims["uris"], json!(["POST api.cdp.example/platform/v2/x402/settle"]));
    let nonce = head["nonce"].as_str().expect("a nonce");
    let nonce: Vec<u8> =
        (0..16).map(|i| u8::from_str_radix(&nonce[2 * i..2 * i + 2], 16).expect("a byte")).collect();
    let nonce: [u8; 16] = nonce.try_into().expect("sixteen");
    let issued = claims["iat"].as_u64().expect("seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now").as_secs();
    assert!(now - issued < 60, "{issued} at {now}");
    let cdp = Cdp::new(KEY_ID.to_owned(), Key::parse(text).expect("a key")).expect("a CDP key");
    let expected = cdp.jwt("POST", "api.cdp.example", "/platform/v2/x402/settle", issued, &nonce);
    assert_eq!(Some(token.to_owned()), expected);
    let log = stage.filter_log();
    assert!(!log.contains(parts[2]) && !log.contains("PRIVATE KEY"), "no secret in the log");
}

#[tokio::test]
async fn s31_each_call_is_signed_with_the_operators_key() {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let find = |name: &str| {
        let all = keys["keys"].as_array().expect("keys");
        all.iter().find(|key| key["name"].as_str().is_some_and(|n| n.starts_with(name))).expect(name).clone()
    };
    for name in ["base64 of seed", "the same in one line", "openssl genpkey -algorithm EC P-256"] {
        called_with(&find(name)).await;
    }
}
