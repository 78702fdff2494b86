//! Answers to `/supported`, one after the other, and the snapshot that workers share.
//!
//! The input is parts that begin with a line `--- SECONDS STATUS`: time passes, and this comes
//! back. A part `=== ` and a line break is bytes that some other program left in the store.

use serde_json::Value;
use x402_proxy_wasm::facilitator::supported::{
    Event, Fetched, Kindness, Knowledge, Snapshot, Trouble, MAX_EXTRA, MAX_KINDS, MAX_LISTED, MAX_NAME,
    PIN_SECONDS,
};
use x402_proxy_wasm::facilitator::Delivery;

use crate::cost;

const PARTS: usize = 16;

/// A few answers.
pub fn run(data: &[u8]) {
    let (mut now, mut snapshot) = (1_000_000_u64, Snapshot::default());
    for part in parts(data).into_iter().take(PARTS) {
        let end = part.iter().position(|b| *b == b'\n').unwrap_or(part.len());
        let (line, body) = (String::from_utf8_lossy(&part[..end]), part.get(end + 1..).unwrap_or_default());
        let mut words = line.split(' ');
        if words.next() == Some("===") {
            stored(body);
            continue;
        }
        let mut number =
            |otherwise: u64| words.next().and_then(|word| word.parse().ok()).unwrap_or(otherwise);
        now += number(60) % 100_000;
        let status = u16::try_from(number(200)).unwrap_or(200);
        snapshot = heard(snapshot, status, body, now);
    }
}

fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut from = 0;
    for at in 1..data.len() {
        if data[at - 1] == b'\n' && (data[at..].starts_with(b"--- ") || data[at..].starts_with(b"=== ")) {
            found.push(&data[from..at]);
            from = at;
        }
    }
    found.push(&data[from..]);
    found
}

/// Bytes are a snapshot if they are one's, byte for byte.
fn stored(bytes: &[u8]) {
    let decoded = cost::within(4_096, 64, bytes.len(), || Snapshot::decode(bytes));
    if let Some(snapshot) = decoded {
        assert_eq!(snapshot.encode(), bytes);
        let _ = snapshot.on(Event::Asking(15), 1_000_000).is_due(60, 1_000_000);
    }
}

fn heard(before: Snapshot, status: u16, body: &[u8], now: u64) -> Snapshot {
    let location = Some(&b"https://elsewhere.example/x"[..]);
    let delivery = Delivery::arrived(status, true, location, Some(body));
    let fetched = cost::within(16_384, 64, body.len(), || Fetched::read(&delivery));
    assert!(!fetched.name().is_empty());
    match &fetched {
        Fetched::Supported(answer) => {
            assert!((200..300).contains(&status));
            assert!(answer.kinds().len() <= MAX_KINDS && answer.extensions().len() <= MAX_LISTED);
            let value = serde_json::from_slice::<Value>(body).ok();
            let kinds = value.as_ref().and_then(|value| value["kinds"].as_array());
            for kind in answer.kinds() {
                assert!(
                    (1..=MAX_NAME).contains(&kind.scheme.len())
                        && (1..=MAX_NAME).contains(&kind.network.len())
                );
                let extra = kind.extra.as_deref().map(|extra| {
                    assert!(extra.len() <= MAX_EXTRA);
                    serde_json::from_str::<Value>(extra)
                });
                if let Some(kinds) = kinds {
                    let same = |k: &Value| {
                        k["x402Version"] == kind.version
                            && k["scheme"] == *kind.scheme
                            && k["network"] == *kind.network
                    };
                    assert!(kinds.iter().any(same), "a kind that was not said: {kind:?}");
                    if let Some(extra) = extra {
                        let extra = extra.expect("extra is JSON");
                        let said = |k: &Value| same(k) && crate::payment::means(&k["extra"], &extra);
                        assert!(kinds.iter().any(said), "{extra}");
                    }
                }
            }
        }
        Fetched::Failed(Trouble::Status(failed)) => assert!(!(200..300).contains(failed)),
        Fetched::Failed(Trouble::Redirected(_)) => assert!(matches!(status, 301 | 302 | 303 | 307 | 308)),
        Fetched::Failed(trouble) => assert!(!trouble.to_string().is_empty() && (200..300).contains(&status)),
    }
    let was = before.clone();
    let after = before.on(Event::Over(fetched.clone(), 7), now);
    let bytes = after.encode();
    assert!(bytes.len() < 300_000, "{} bytes are shared", bytes.len());
    assert_eq!(Snapshot::decode(&bytes).as_ref(), Some(&after));
    knows(&was, &after, &fetched, now);
    after
}

fn knows(was: &Snapshot, after: &Snapshot, fetched: &Fetched, now: u64) {
    match fetched {
        Fetched::Supported(answer) => {
            assert_eq!(after.knowledge(), Knowledge::Known(now));
            let kept = after.supported().expect("the answer");
            assert_eq!(kept.kinds().len(), answer.kinds().len());
            // The same again is no news, and changes no address.
            let again = after.clone().on(Event::Over(fetched.clone(), 7), now);
            assert_eq!(again.generation(), after.generation());
            assert_eq!(again.supported(), after.supported());
            assert_eq!(
                was.generation() == after.generation(),
                !was.is_redirected() && was.supported() == after.supported()
            );
        }
        Fetched::Failed(_) => {
            assert_eq!(after.supported(), was.supported(), "what was known is forgotten");
            assert!(!after.is_due(60, now) && after.is_due(60, now + 200));
        }
    }
    let Some(known) = after.supported() else { return };
    for kind in known.kinds() {
        assert!(
            !matches!(after.kind(kind.version, &kind.scheme, &kind.network), Kindness::Unsupported)
                || kind.network.ends_with('*')
        );
        let network = kind.network.replace('*', "1");
        // What is advertised is accepted, and what was a moment ago still is.
        for address in
            [after.facilitator_address(&network), was.facilitator_address(&network)].into_iter().flatten()
        {
            let heard = matches!(was.knowledge(), Knowledge::Known(at) | Knowledge::Stale(at) if now < at + PIN_SECONDS);
            let current = after.facilitator_address(&network) == Some(address);
            if current || heard {
                assert!(after.accepts_facilitator(&network, &address, now), "{address} on {network}");
            }
        }
    }
}
