//! Answers that are none.

use proptest::prelude::*;
use serde_json::{json, Value};

use super::node::Node;
use super::*;

const METHODS: [&str; 6] = [
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_call",
    "eth_getLogs",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
];

/// A node that lies about one method.
fn lying(node: Node, method: &'static str, lie: impl Fn(Value) -> Value + Send + Sync + 'static) -> Node {
    node.lying(move |asked, answer| if asked == method { lie(answer) } else { answer })
}

/// Nodes that else say: paid; unspent.
fn nodes(means: Means) -> [Node; 2] {
    [Node::default().paying(&[question(means)]), Node::default().at(END + 100_000)]
}

/// Whether a node's lie about a method is met at all.
fn is_asked(means: Means, paid: bool, method: &str) -> bool {
    let by_permit = means != Means::Eip3009;
    match method {
        "eth_getTransactionByHash" => paid && by_permit,
        "eth_getLogs" | "eth_getTransactionReceipt" => paid,
        _ => true,
    }
}

fn open_after(lie: fn(Value) -> Value, what: &str) {
    for means in ALL {
        for method in METHODS {
            for (node, paid) in nodes(means).into_iter().zip([true, false]) {
                let proof = ask(&question(means), &lying(node, method, lie));
                if is_asked(means, paid, method) {
                    assert_eq!(proof, Proof::Open, "{what}: {means:?} {method}");
                } else {
                    assert_ne!(proof, Proof::Open, "{means:?} {method} is not asked");
                }
            }
        }
    }
}

#[test]
fn an_answer_that_is_none_proves_nothing() {
    open_after(|_| json!(null), "null");
    open_after(|_| json!([]), "a list");
    open_after(|answer| json!([answer]), "a batch");
    open_after(|_| json!("0x1"), "a text");
    open_after(|_| json!({}), "nothing");
    open_after(|answer| json!({"id": answer["id"], "result": null}), "no result");
    open_after(|answer| json!({"id": answer["id"], "result": {}}), "an empty result");
    open_after(|answer| json!({"id": answer["id"], "result": 1}), "a number");
    open_after(|answer| json!({"id": answer["id"], "result": "0x"}), "empty bytes");
    open_after(
        |answer| json!({"id": answer["id"], "error": {"code": -32005, "message": "limit exceeded"}}),
        "error",
    );
    open_after(|answer| json!({"id": answer["id"], "result": answer["result"], "error": {}}), "both");
    open_after(|answer| json!({"id": 0, "result": answer["result"]}), "id 0");
    open_after(
        |answer| json!({"id": answer["id"].as_u64().map(|id| id + 1), "result": answer["result"]}),
        "the next id",
    );
    open_after(
        |answer| json!({"id": answer["id"].as_u64().map(|id| id + 256), "result": answer["result"]}),
        "an id beyond",
    );
    open_after(
        |answer| json!({"id": answer["id"].to_string(), "result": answer["result"]}),
        "an id in quotes",
    );
    open_after(|answer| json!({"result": answer["result"]}), "no id");
    open_after(
        |answer| json!({"id": answer["id"], "Result": answer["result"], "result": answer["result"]}),
        "spelt twice",
    );
    open_after(|answer| json!({"id": answer["id"], "result": format!("{}", answer["result"])}), "in quotes");
}

/// The same answers are taken where nothing is wrong with them.
#[test]
fn what_does_not_matter_does_not() {
    for means in ALL {
        for (node, proof) in nodes(means).into_iter().zip([Proof::Paid(Transaction([1; 32])), Proof::Unspent])
        {
            let chatty = node.lying(|_, mut answer| {
                answer["error"] = Value::Null;
                answer["usage"] = json!({"cost": [1.5, -2, {}]});
                answer
            });
            assert_eq!(ask(&question(means), &chatty), proof);
        }
    }
}

#[test]
fn numbers_beyond_their_size_are_none() {
    for text in ["0x", "0x1ffffffffffffffff", "0x-1", "0x+1", "1", "-0x1", "0xg", "0x 1", "0X1", ""] {
        assert_eq!(answer::quantity(&json!(text).to_string()), None, "{text}");
    }
    assert_eq!(answer::quantity("1"), None);
    assert_eq!(
        answer::quantity(&format!("\"0x{}1\"", "0".repeat(10_000))),
        Some(1),
        "leading zeros are read"
    );
    assert_eq!(answer::quantity("\"0xffffffffffffffff\""), Some(u64::MAX));
    for means in ALL {
        let question = question(means);
        // The last block there can be, and a time far away: nothing overflows.
        for number in [u64::MAX, 0] {
            let node = lying(Node::default(), "eth_getBlockByNumber", move |mut answer| {
                answer["result"]["number"] = json!(format!("{number:#x}"));
                answer["result"]["timestamp"] = json!("0xffffffffffffffff");
                answer
            });
            let expected = if number == 0 { Proof::Unspent } else { Proof::Open };
            assert_eq!(ask(&question, &node), expected, "{number}");
        }
    }
}

#[test]
fn only_one_and_nothing_say_whether_a_nonce_is_used() {
    let odd = ["02", "80", "ff"].map(|last| "0".repeat(62) + last);
    let high = "1".to_owned() + &"0".repeat(63);
    for word in odd.into_iter().chain([high, "0".repeat(66), "0".repeat(62), "f".repeat(64)]) {
        let node = lying(Node::default().at(END + 100_000), "eth_call", move |mut answer| {
            answer["result"] = json!(format!("0x{word}"));
            answer
        });
        assert_eq!(ask(&question(Means::Eip3009), &node), Proof::Open);
    }
    // Each bit of a word is one nonce's.
    for bit in [0, 1, 7, 8, 200, 255_u8] {
        let mut nonce = question(Means::Permit2).nonce;
        nonce[31] = bit;
        let question = Question { nonce, ..question(Means::Permit2) };
        let late = || Node::default().at(END + 100_000);
        assert_eq!(ask(&question, &late().using(&question)), Proof::Open, "bit {bit}");
        nonce[31] ^= 1;
        assert_eq!(
            ask(&question, &late().using(&Question { nonce, ..question })),
            Proof::Unspent,
            "next to {bit}"
        );
        nonce[31] ^= 1;
        nonce[0] ^= 1;
        assert_eq!(
            ask(&question, &late().using(&Question { nonce, ..question })),
            Proof::Unspent,
            "another word"
        );
    }
}

#[test]
fn a_node_that_is_behind_proves_nothing() {
    for means in ALL {
        // It does not know the block that another one named.
        let node = lying(Node::default(), "eth_getBlockByNumber", |mut answer| {
            answer["result"]["number"] = json!("0xc351");
            answer["result"]["timestamp"] = json!("0xffffffff");
            answer
        });
        assert_eq!(ask(&question(means), &node), Proof::Open);
        // It knows the use, and answers for the logs without the newest blocks.
        let node = lying(Node::default().paying(&[question(means)]), "eth_getLogs", |mut answer| {
            answer["result"] = json!([]);
            answer
        });
        assert_eq!(ask(&question(means), &node.at(END + 100_000)), Proof::Open);
    }
}

#[test]
fn another_transaction_than_was_asked_for_proves_nothing() {
    for means in ALL {
        for (method, name) in
            [("eth_getTransactionReceipt", "transactionHash"), ("eth_getTransactionByHash", "hash")]
        {
            let node = lying(Node::default().paying(&[question(means)]), method, move |mut answer| {
                answer["result"][name] = json!(format!("0x{}", "07".repeat(32)));
                answer
            });
            let is_open = ask(&question(means), &node) == Proof::Open;
            assert_eq!(is_open, is_asked(means, true, method), "{means:?} {method}");
        }
    }
}

#[test]
fn a_list_with_one_odd_log_is_not_believed() {
    let odd: [fn(&mut Value); 8] = [
        |log| *log = json!(null),
        |log| *log = json!("0x"),
        |log| log["topics"] = json!("0x"),
        |log| log["topics"] = json!([1]),
        |log| log["topics"] = json!(["0x00"]),
        |log| log["address"] = json!("0x00"),
        |log| log["removed"] = json!("false"),
        |log| log["transactionHash"] = json!(null),
    ];
    for means in ALL {
        for (at, bend) in odd.into_iter().enumerate() {
            for method in ["eth_getLogs", "eth_getTransactionReceipt"] {
                let node = lying(Node::default().paying(&[question(means)]), method, move |mut answer| {
                    let place = if method == "eth_getLogs" { "/result" } else { "/result/logs" };
                    let logs = answer.pointer_mut(place).unwrap().as_array_mut().unwrap();
                    if let Some(mut log) = logs.first().cloned() {
                        bend(&mut log);
                        logs.push(log);
                    }
                    answer
                });
                assert_eq!(ask(&question(means), &node), Proof::Open, "{means:?} {method} {at}");
            }
        }
    }
}

#[test]
fn what_never_came_proves_nothing() {
    let node = &*PAID;
    for means in ALL {
        for lost in 1..=5 {
            let (mut inquiry, mut body) = Inquiry::new(question(means), FINALITY);
            for call in 1..=lost {
                let (_, text) = node.answer(&body);
                let whole = Delivery::arrived(200, true, None, Some(text.as_bytes()));
                if call < lost {
                    let Next::Ask(next, next_body) = inquiry.on(&whole) else { panic!("{call}") };
                    (inquiry, body) = (next, next_body);
                    continue;
                }
                let long = text.clone() + &" ".repeat(MAX_ANSWER_BYTES - text.len() + 1);
                let not_utf8 = [text.as_bytes(), &[0xff]].concat();
                for delivery in [
                    Delivery::Refused,
                    Delivery::Broken,
                    Delivery::arrived(
                        307,
                        true,
                        Some(b"https://elsewhere.example.com/"),
                        Some(text.as_bytes()),
                    ),
                    Delivery::arrived(200, true, None, None),
                    Delivery::arrived(429, true, None, Some(text.as_bytes())),
                    Delivery::arrived(500, true, None, Some(text.as_bytes())),
                    Delivery::arrived(200, true, None, Some(&text.as_bytes()[..text.len() - 1])),
                    Delivery::arrived(200, true, None, Some(long.as_bytes())),
                    Delivery::arrived(200, true, None, Some(&not_utf8)),
                ] {
                    assert_eq!(
                        inquiry.clone().on(&delivery),
                        Next::Done(Proof::Open),
                        "{means:?} {call} {delivery:?}"
                    );
                }
                let fits = text.clone() + &" ".repeat(MAX_ANSWER_BYTES - text.len());
                let fits = Delivery::arrived(200, true, None, Some(fits.as_bytes()));
                assert_ne!(inquiry.clone().on(&fits), Next::Done(Proof::Open), "{means:?} {call}");
            }
        }
    }
}

/// Whatever is nested, long or many: it is read in one go, or not at all.
#[test]
fn the_largest_answers_are_read_without_harm() {
    let deep = "[".repeat(MAX_ANSWER_BYTES / 2) + &"]".repeat(MAX_ANSWER_BYTES / 2);
    let many = format!("{{\"id\":4,\"result\":[{}0]}}", "0,".repeat(MAX_ANSWER_BYTES / 2 - 20));
    let empty = format!("{{\"id\":4,\"result\":[{}{{}}]}}", "{},".repeat(MAX_ANSWER_BYTES / 3 - 20));
    let topics =
        format!("{{\"id\":4,\"result\":[{{\"topics\":[{}0]}}]}}", "0,".repeat(MAX_ANSWER_BYTES / 2 - 40));
    for text in [deep, many, empty, topics] {
        let (mut inquiry, mut body) = Inquiry::new(question(Means::Eip3009), FINALITY);
        for _ in 0..3 {
            let (_, text) = PAID.answer(&body);
            let Next::Ask(next, next_body) =
                inquiry.on(&Delivery::arrived(200, true, None, Some(text.as_bytes())))
            else {
                panic!("it asks for logs")
            };
            (inquiry, body) = (next, next_body);
        }
        assert!(text.len() <= MAX_ANSWER_BYTES);
        let delivery = Delivery::arrived(200, true, None, Some(text.as_bytes()));
        assert_eq!(inquiry.on(&delivery), Next::Done(Proof::Open));
    }
}

proptest! {
    /// One byte of one answer changed: the same proof, or none.
    #[test]
    fn a_bent_answer_never_proves_something_else(means in 0..3_usize, call in 0..7_usize, at in 0..4000_usize, byte: u8) {
        let question = question(ALL[means]);
        for node in nodes(ALL[means]) {
            let honest = ask(&question, &node);
            let (mut inquiry, mut body) = Inquiry::new(question, FINALITY);
            for count in 0.. {
                let (_, text) = node.answer(&body);
                let mut text = text.into_bytes();
                if count == call {
                    let place = at % text.len();
                    text[place] = byte;
                }
                match inquiry.on(&Delivery::arrived(200, true, None, Some(&text))) {
                    Next::Ask(next, next_body) => (inquiry, body) = (next, next_body),
                    Next::Done(proof) => {
                        prop_assert!(proof == honest || proof == Proof::Open, "{proof:?}");
                        break;
                    }
                }
            }
        }
    }
}
