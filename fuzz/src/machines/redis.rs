//! The store that replicas share: its two scripts, as Redis runs them.

use std::collections::{BTreeMap, HashMap};

use x402_proxy_wasm::claims::bucket::from_text;
use x402_proxy_wasm::claims::{Claim, Owes, State};
use x402_proxy_wasm::store::MAX_OPEN;

/// Scores of what is due count eighths of a second.
const EIGHTHS: u64 = 8;

/// What is kept.
#[derive(Default)]
pub(super) struct Redis {
    texts: HashMap<String, (String, u64)>,
    sets: HashMap<String, BTreeMap<String, u64>>,
    /// Which root wrote an attempt first; none where it had given the call up.
    owners: HashMap<u64, Option<u32>>,
    /// The server knows the scripts.
    pub(super) scripts: bool,
}

impl Redis {
    /// A server that knows the scripts, or does not yet.
    pub(super) fn new(scripts: bool) -> Self {
        Self { scripts, ..Self::default() }
    }

    /// Answers a call in the dialect of Upstash; `root` waits for it.
    pub(super) fn answer(&mut self, body: &[u8], now: u64, root: Option<u32>) -> (u16, Vec<u8>) {
        let words: Vec<String> =
            serde_json::from_slice(body).expect("a store is called with a list of texts");
        if words[0] == "EVALSHA" && !self.scripts {
            return (400, br#"{"error":"NOSCRIPT No matching script."}"#.to_vec());
        }
        self.scripts = true;
        let count: usize = words[2].parse().expect("a number of keys");
        let (keys, arguments) = words[3..].split_at(count);
        self.texts.retain(|_, (_, expires)| now < *expires);
        let result = match count {
            4 | 5 => {
                let reply = self.swap(keys, arguments, now);
                if let Some(claim) = from_text(&arguments[1]).filter(|_| reply[1] == "1") {
                    self.owners.entry(claim.attempt.0).or_insert(root);
                }
                reply
            }
            _ => self.due(&keys[0], arguments, now),
        };
        (200, serde_json::json!({"result": result}).to_string().into_bytes())
    }

    /// The claim of a nonce, in digits.
    pub(super) fn claim(&self, nonce: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(key, _)| key.starts_with("x402:c:") && key.ends_with(nonce));
        found.map(|(_, (value, _))| value.as_str())
    }

    /// The root whose attempt a claim is, if it heard that it is.
    pub(super) fn owner(&self, claim: &Claim) -> Option<u32> {
        self.owners.get(&claim.attempt.0).copied().flatten()
    }

    fn get(&self, key: &str) -> Option<String> {
        self.texts.get(key).map(|(value, _)| value.clone())
    }

    fn swap(&mut self, keys: &[String], arguments: &[String], now: u64) -> Vec<String> {
        let [claim, open, payment, due, seal @ ..] = keys else { panic!("{keys:?}") };
        let [before, next, expires, base, member, place, want, kept, at, lease, id, until @ ..] = arguments
        else {
            panic!("{arguments:?}")
        };
        let value = self.get(claim).unwrap_or_default();
        let mut reply = vec![id.clone(), "0".to_owned(), now.to_string(), value.clone()];
        let holder = seal.first().and_then(|seal| self.get(seal));
        if holder.as_ref().is_some_and(|holder| holder != claim) && (value.is_empty() || value == *before) {
            return vec![id.clone(), "3".to_owned(), now.to_string(), String::new()];
        }
        let (want, over) = want.split_at(1);
        if want != "0" {
            let set = self.sets.entry(open.clone()).or_default();
            set.retain(|_, score| *score > now);
            let mut members: Vec<(u64, String)> =
                set.iter().map(|(name, score)| (*score, name.clone())).collect();
            members.sort_by(|one, other| other.cmp(one));
            for (_, name) in members.into_iter().filter(|(_, name)| name != member && !over.contains(name)) {
                if reply.len() >= 4 + 2 * MAX_OPEN {
                    break;
                }
                match self.get(&format!("{base}{name}")) {
                    Some(value) if want == "1" && works(&value, now) => {}
                    Some(value) if want == "2" && lapsed(&value, now) => {}
                    Some(value) if used(&value) => {
                        self.sets.entry(open.clone()).or_default().remove(&name);
                    }
                    Some(value) if exhausted(&value, now) => {}
                    Some(value) => reply.extend([name, value]),
                    None => drop(self.sets.entry(open.clone()).or_default().remove(&name)),
                }
            }
            if value == *before && reply.len() > 4 {
                reply[1] = "2".to_owned();
                return reply;
            }
        }
        if value != *before {
            return reply;
        }
        if lease.parse::<u64>().is_ok_and(|lease| lease <= now) {
            return vec![id.clone(), "4".to_owned(), now.to_string(), String::new()];
        }
        if let ([seal], [until]) = (seal, until) {
            let until = until.parse::<u64>().expect("a time");
            if until > self.texts.get(seal).map_or(0, |(_, ends)| *ends) {
                self.texts.insert(seal.clone(), (claim.clone(), until));
            }
        }
        let until = expires.parse::<u64>().expect("a time").max(now) + 5;
        match next.as_str() {
            "" => drop(self.texts.remove(claim)),
            next => drop(self.texts.insert(claim.clone(), (next.to_owned(), until))),
        }
        match place.as_str() {
            "+" => {
                let set = self.sets.entry(open.clone()).or_default();
                set.retain(|_, score| *score > now);
                if set.contains_key(member) || set.len() < MAX_OPEN {
                    set.insert(member.clone(), until);
                }
            }
            "-" => drop(self.sets.entry(open.clone()).or_default().remove(member)),
            _ => {}
        }
        let told = if kept == "?" { self.get(payment).unwrap_or_default() } else { String::new() };
        match kept.as_str() {
            "-" => drop(self.texts.remove(payment)),
            "" | "?" if next.is_empty() => {}
            "" | "?" => drop(self.texts.get_mut(payment).map(|(_, expires)| *expires = until)),
            text => drop(self.texts.insert(payment.clone(), (text.to_owned(), until))),
        }
        let times = self.sets.entry(due.clone()).or_default();
        match at.as_str() {
            "-" => drop(times.remove(claim)),
            "" => {}
            at => {
                let asks = from_text(next).map_or(0, |claim| claim.asks);
                assert!(asks <= 1, "a try puts off when an open claim is asked about: {next} to {at}");
                times.insert(claim.clone(), at.parse::<u64>().expect("a time") * EIGHTHS);
            }
        }
        vec![id.clone(), "1".to_owned(), now.to_string(), told]
    }

    fn due(&mut self, key: &str, arguments: &[String], now: u64) -> Vec<String> {
        let [prefix, most, id, waits @ ..] = arguments else { panic!("{arguments:?}") };
        let number = |text: &String| text.parse::<u64>().expect("a number");
        let set = self.sets.entry(key.to_owned()).or_default();
        let mut found: Vec<(u64, String)> = set
            .iter()
            .filter(|(_, score)| **score / EIGHTHS <= now)
            .map(|(name, score)| (*score, name.clone()))
            .collect();
        found.sort();
        let mut reply = vec![id.clone(), now.to_string()];
        for (score, name) in found.into_iter().take(number(most) as usize) {
            let Some(value) = self.get(&name) else {
                self.sets.entry(key.to_owned()).or_default().remove(&name);
                continue;
            };
            let payment = self.get(&format!("{prefix}p:{}", &name[prefix.len() + 2..])).unwrap_or_default();
            let looks = score % EIGHTHS;
            let wait = number(waits.get(looks as usize).or(waits.last()).expect("a wait"));
            let next = (now + wait) * EIGHTHS + (looks + 1).min(EIGHTHS - 1);
            self.sets.entry(key.to_owned()).or_default().insert(name.clone(), next);
            reply.extend([name, value, payment]);
        }
        reply
    }
}

/// Whether a claim that is noted as open was tried too often.
fn exhausted(text: &str, now: u64) -> bool {
    let claim = from_text(text).and_then(|claim| claim.at(now));
    claim.is_some_and(|claim| claim.state == State::Taken && claim.owes() == Owes::Nothing)
}

/// Whether a claim that is noted as open is used up.
fn used(text: &str) -> bool {
    from_text(text).is_some_and(|claim| matches!(claim.state, State::Delivered | State::Credited))
}

/// Whether a claim that is noted as open was held, and is over.
fn lapsed(text: &str, now: u64) -> bool {
    from_text(text).is_some_and(|claim| claim.state == State::Held && claim.lease <= now)
}

/// Whether a claim that is noted as open is at work, and owes nothing.
fn works(text: &str, now: u64) -> bool {
    let claim = from_text(text).and_then(|claim| claim.at(now));
    claim.is_some_and(|claim| {
        matches!(claim.state, State::Settling | State::Redeeming) && claim.owes() == Owes::Nothing
    })
}
