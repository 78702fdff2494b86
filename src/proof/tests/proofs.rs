//! What is proven by a node that says how it is, and what is not.

use super::node::{payment, settle, Log, Node, Sent};
use super::*;

fn paid(question: &Question, node: &Node) -> bool {
    matches!(ask(question, node), Proof::Paid(_))
}

/// One payment, bent.
fn bent(question: &Question, bend: impl Fn(&mut Sent)) -> Proof {
    let mut sent = payment(question, 1, 49_990);
    bend(&mut sent);
    // Long after the end, when everything that can be said may be said.
    ask(question, &Node::default().at(END + 100_000).using(question).sending(sent))
}

#[test]
fn each_payment_is_proven_by_its_own_transaction() {
    for (at, means) in ALL.into_iter().enumerate() {
        let (proof, methods) = asked(&question(means), &PAID);
        assert_eq!(proof, Proof::Paid(Transaction([at as u8 + 1; 32])));
        let by_permit = means != Means::Eip3009;
        assert!(methods.len() <= if by_permit { 7 } else { 5 }, "{methods:?}");
    }
}

#[test]
fn nothing_is_denied_before_a_final_block_is_past_the_end() {
    for means in ALL {
        let question = question(means);
        for (time, proof) in [
            (END - 30, Proof::Open),
            (END, Proof::Open),
            (END + FINALITY, Proof::Open),
            (END + FINALITY + 1, Proof::Unspent),
        ] {
            assert_eq!(ask(&question, &Node::default().at(time)), proof, "{means:?} at {time}");
            assert!(!paid(&question, &Node::default().at(time)));
        }
        let endless = Question { valid_before: u64::MAX, ..question };
        assert_eq!(ask(&endless, &Node::default().at(u64::MAX)), Proof::Open);
        let used = Node::default().at(END + FINALITY + 1).using(&question);
        assert_eq!(ask(&question, &used), Proof::Open, "used, who knows for what");
    }
}

#[test]
fn a_cancellation_is_proven_for_eip_3009_alone() {
    let question = question(Means::Eip3009);
    let cancel = |time: u64| {
        let sent =
            Sent { logs: vec![log_of(receipt::CANCELLED, &question)], ..payment(&question, 1, 49_000) };
        Node::default().at(time).using(&question).sending(sent)
    };
    assert_eq!(ask(&question, &cancel(END + FINALITY)), Proof::Open);
    assert_eq!(ask(&question, &cancel(END + FINALITY + 1)), Proof::Cancelled);
    // Of somebody else's nonce, which this answer should not hold.
    for other in [Question { payer: address(1), ..question }, Question { nonce: [1; 32], ..question }] {
        let foreign = super::node::hex0(&crate::evm::address_word(&other.payer));
        let node = cancel(END + FINALITY + 1).lying(move |method, mut answer| {
            if method == "eth_getLogs" && answer["result"].get(0).is_some() {
                answer["result"][0]["topics"][1] = foreign.clone().into();
                answer["result"][0]["topics"][2] = super::node::hex0(&other.nonce).into();
            }
            answer
        });
        assert_eq!(ask(&question, &node), Proof::Open);
    }
    // Both at once is a contradiction.
    let both = cancel(END + FINALITY + 1).sending(payment(&question, 2, 49_001));
    assert_eq!(ask(&question, &both), Proof::Open);
}

#[test]
fn what_is_not_exactly_the_payment_proves_nothing() {
    for means in ALL {
        let question = question(means);
        assert!(matches!(bent(&question, |_| ()), Proof::Paid(_)));
        let transfer = |bend: &dyn Fn(&mut Log)| bent(&question, |sent| bend(sent.logs.last_mut().unwrap()));
        let amount = |units: u64| Amount::from_u64(units).to_be_bytes().to_vec();
        assert_eq!(transfer(&|log| log.data = amount(4_999)), Proof::Open, "one less");
        assert_eq!(transfer(&|log| log.data = amount(5_001)), Proof::Open, "one more");
        assert_eq!(transfer(&|log| log.data.clear()), Proof::Open, "nothing said");
        assert_eq!(transfer(&|log| log.data.extend([0; 32])), Proof::Open, "more said");
        assert_eq!(transfer(&|log| log.address = address(0x71)), Proof::Open, "another token");
        assert_eq!(transfer(&|log| log.topics[1][31] ^= 1), Proof::Open, "another payer");
        assert_eq!(transfer(&|log| log.topics[1][0] ^= 1), Proof::Open, "no address");
        assert_eq!(transfer(&|log| log.topics[2][31] ^= 1), Proof::Open, "another payee");
        assert_eq!(transfer(&|log| log.topics[0][0] ^= 1), Proof::Open, "another event");
        assert_eq!(
            transfer(&|log| log.topics.push([0; 32])),
            Proof::Open,
            "another event, indexed otherwise"
        );
        assert_eq!(transfer(&|log| log.removed = true), Proof::Open, "undone");
        assert_eq!(bent(&question, |sent| sent.logs.pop().map_or((), drop)), Proof::Open, "no transfer");
    }
}

#[test]
fn a_failed_transaction_proves_nothing() {
    for means in ALL {
        for status in ["0x0", "0x2", "", "1"] {
            let node = Node::default().paying(&[question(means)]).lying(move |method, mut answer| {
                if method == "eth_getTransactionReceipt" {
                    answer["result"]["status"] = status.into();
                }
                answer
            });
            assert_eq!(ask(&question(means), &node), Proof::Open, "{status:?}");
        }
    }
}

#[test]
fn the_transfer_is_the_tokens_next_log_after_the_use() {
    let question = question(Means::Eip3009);
    let [used, transfer] = [log_of(receipt::USED, &question), transfer_of(&question)];
    let other = Question { nonce: [9; 32], pay_to: address(0xbb), ..question };
    let [other_used, other_transfer] = [log_of(receipt::USED, &other), transfer_of(&other)];
    let foreign = Log { address: address(0x71), ..used.clone() };
    let is_paid = |logs: &[&Log]| {
        let logs: Vec<Log> = logs.iter().map(|log| (*log).clone()).collect();
        matches!(bent(&question, |sent| sent.logs = logs.clone()), Proof::Paid(_))
    };
    assert!(is_paid(&[&used, &transfer]));
    assert!(is_paid(&[&other_used, &other_transfer, &used, &transfer]), "among others");
    assert!(is_paid(&[&used, &transfer, &other_used, &other_transfer]));
    assert!(is_paid(&[&used, &foreign, &transfer]), "other contracts may speak in between");
    assert!(!is_paid(&[&transfer, &used]), "a transfer that was another nonce's");
    assert!(!is_paid(&[&used, &other_transfer, &transfer]), "a transfer beside the use");
    assert!(!is_paid(&[&used, &other_used, &transfer]), "a transfer of the other nonce");
    assert!(!is_paid(&[&used, &other_transfer, &other_used, &transfer]), "one transfer for two nonces");
    assert!(!is_paid(&[&used, &used, &transfer]), "used twice");
    assert!(!is_paid(&[&used]));
}

/// The use in one transaction, the transfer in another.
#[test]
fn a_transfer_elsewhere_is_no_payment() {
    let question = question(Means::Eip3009);
    let [mut uses, mut moves] = [payment(&question, 1, 49_000), payment(&question, 2, 49_000)];
    uses.logs.truncate(1);
    moves.logs.remove(0);
    let node = Node::default().using(&question).sending(uses).sending(moves);
    assert_eq!(ask(&question, &node), Proof::Open);
}

#[test]
fn permit2_is_proven_by_the_proxys_own_call() {
    for means in BY_PERMIT {
        let question = question(means);
        let call = |bend: &dyn Fn(&mut Sent)| bent(&question, bend);
        let is_paid = |proof: Proof| matches!(proof, Proof::Paid(_));
        assert!(is_paid(call(&|sent| sent.input = settle(&question, true))));
        assert!(is_paid(call(&|sent| sent.input.extend([0; 40]))), "what follows is nobody's argument");
        let other = Question { nonce: [9; 32], ..question };
        let behind = [settle(&other, false), settle(&question, false)].concat();
        assert_eq!(call(&|sent| sent.input = behind.clone()), Proof::Open, "the nonce behind another's");
        assert_eq!(call(&|sent| sent.to = Some(address(0xca))), Proof::Open, "another contract");
        assert_eq!(call(&|sent| sent.to = None), Proof::Open, "a deployment");
        assert_eq!(call(&|sent| sent.input.truncate(4 + 5 * 32)), Proof::Open, "cut off");
        assert_eq!(call(&|sent| sent.input.clear()), Proof::Open, "no call");
        assert_eq!(call(&|sent| sent.input[0] ^= 1), Proof::Open, "another function");
        let last = if means == Means::Upto { 7 } else { 6 };
        for word in (0..last).filter(|word| *word != 3 && (means != Means::Upto || *word != 1)) {
            for byte in [0, 31] {
                let at = 4 + word * 32 + byte;
                assert_eq!(call(&|sent| sent.input[at] ^= 1), Proof::Open, "argument {word}, byte {byte}");
            }
        }
        let twice = |sent: &mut Sent| sent.logs.push(transfer_of(&question));
        assert_eq!(call(&twice), Proof::Open, "two transfers in a call for one");
    }
    let [exact, upto] = BY_PERMIT.map(question);
    let crossed = |sent: &mut Sent| {
        sent.to = Some(crate::evm::permit2::UPTO_PROXY);
        sent.input = settle(&upto, false);
    };
    assert_eq!(bent(&exact, crossed), Proof::Open, "the other scheme's proxy");
}

#[test]
fn many_equal_payments_are_told_apart_as_far_as_is_asked() {
    for means in BY_PERMIT {
        let nonce = |at: u8| Question { nonce: [at; 32], ..question(means) };
        let questions: Vec<Question> = (0..20).map(nonce).collect();
        let node = Node::default().paying(&questions);
        for (at, question) in questions.iter().enumerate() {
            let (proof, methods) = asked(question, &node);
            // The newest seven are looked at.
            let expected = if at >= 13 { Proof::Paid(Transaction([at as u8 + 1; 32])) } else { Proof::Open };
            assert_eq!(proof, expected, "payment {at}: {methods:?}");
        }
    }
}

#[test]
fn older_blocks_are_looked_through_as_far_as_is_asked() {
    for (means, windows) in [(Means::Eip3009, 8), (Means::Permit2, 7)] {
        let question = question(means);
        for (age, found) in
            [(0, true), (1_999, true), (2_000, true), (windows * 2_000 - 1, true), (windows * 2_000, false)]
        {
            let node = Node::default().using(&question).sending(payment(&question, 1, 50_000 - age));
            assert_eq!(paid(&question, &node), found, "{means:?} {age} blocks ago");
        }
        // A chain that has fewer blocks than one asks for.
        for (head, block) in [(0, 0), (1, 0), (1_999, 0), (2_000, 0), (4_000, 1)] {
            let mut node = Node::default().using(&question).sending(payment(&question, 1, block));
            node.head = head;
            assert!(paid(&question, &node), "{head} blocks");
        }
        let mut empty = Node::default().using(&question);
        empty.head = 100;
        assert_eq!(ask(&question, &empty), Proof::Open);
    }
}

/// What was paid before it was asked for was paid for something else.
#[test]
fn a_payment_counts_since_it_was_asked_for() {
    for means in ALL {
        let question = question(means);
        let node = Node::default().using(&question).sending(payment(&question, 1, 49_990));
        let then = node.time_of(49_990);
        for (since, counts) in
            [(0, true), (then - 1, true), (then, true), (then + 1, false), (u64::MAX, false)]
        {
            let (proof, methods) = asked_since(&question, &node, Some(since));
            let expected = if counts { Proof::Paid(Transaction([1; 32])) } else { Proof::Open };
            assert_eq!(proof, expected, "{means:?} since {since}, paid at {then}");
            assert_eq!(methods.last().unwrap(), "eth_getBlockByNumber");
        }
        // Denying needs no date.
        let unused = Node::default().at(END + FINALITY + 1);
        assert_eq!(asked_since(&question, &unused, Some(u64::MAX)).0, Proof::Unspent);
    }
}

/// The date of another block, or none, proves nothing.
#[test]
fn a_date_is_of_the_receipts_own_block() {
    for means in ALL {
        let question = question(means);
        let paid = || Node::default().using(&question).sending(payment(&question, 1, 49_990));
        for (what, method, member, value) in [
            ("another block", "eth_getBlockByNumber", "number", "0xc347"),
            ("no number", "eth_getBlockByNumber", "number", ""),
            ("no time", "eth_getBlockByNumber", "timestamp", "0x"),
            ("no block", "eth_getTransactionReceipt", "blockNumber", "latest"),
        ] {
            let node = paid().lying(move |asked, mut answer| {
                // Of the newest block everything is true.
                let newest = answer["result"]["number"] == "0xc350";
                if asked == method && !newest {
                    answer["result"][member] = value.into();
                }
                answer
            });
            assert_eq!(asked_since(&question, &node, Some(1)).0, Proof::Open, "{means:?}, {what}");
            let undated = asked(&question, &node).0;
            assert_eq!(undated, Proof::Paid(Transaction([1; 32])), "{means:?}, {what}, and nobody asked");
        }
    }
}

#[test]
fn another_chain_proves_nothing() {
    for means in ALL {
        let mut node = Node::default().at(END + 100_000);
        node.chain_id = 84532;
        assert_eq!(ask(&question(means), &node), Proof::Open);
        let mut node = Node::default().paying(&[question(means)]);
        node.chain_id = 1;
        assert_eq!(ask(&question(means), &node), Proof::Open);
    }
}
