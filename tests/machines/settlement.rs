//! The settlement.

use x402_proxy_wasm::exchange::Settled;
use x402_proxy_wasm::settlement::{Effect, Event, Finding, Settlement, Step};

use super::*;

const QUEUED: [Settlement; 2] = [Settlement::Queued { waiting: false }, Settlement::Queued { waiting: true }];
const SENT: [Settlement; 2] = [Settlement::Sent { waiting: false }, Settlement::Sent { waiting: true }];
const MOVING: [Settlement; 2] = [Settlement::Moving { waiting: false }, Settlement::Moving { waiting: true }];
const FINDINGS: [Finding; 7] = [
    Finding::Paid(TX),
    Finding::Rejected(REASON),
    Finding::NotSent,
    Finding::Unknown,
    Finding::Reused(TX),
    Finding::Disproved,
    Finding::Cancelled,
];
/// Who is asked instead.
const NEXT: u32 = 78;

const DOUBTS: [Doubt; 6] = [
    Doubt::Broken,
    Doubt::NotProtocol,
    Doubt::TooLarge,
    Doubt::Contradicts,
    Doubt::Inconclusive,
    Doubt::Pending,
];

fn recording(finding: Finding, waiting: bool) -> Settlement {
    Settlement::Recording { finding, waiting }
}

/// What is written down for a finding, and who is promised the delivery.
fn step(finding: Finding, waiting: bool) -> Option<Effect> {
    Some(Effect::Claim(match finding {
        Finding::Paid(transaction) => Step::Settled { transaction, deliver: waiting },
        Finding::Rejected(_) | Finding::NotSent => Step::Release,
        Finding::Unknown => Step::Unknown,
        Finding::Reused(transaction) => Step::Void { transaction },
        Finding::Disproved => Step::Disprove,
        Finding::Cancelled => Step::Cancel,
    }))
}

fn answers() -> Vec<(Event, Finding)> {
    let mut answers = vec![
        (Event::Answer(Answer::Accepted(TX)), Finding::Paid(TX)),
        (Event::Answer(Answer::Rejected(REASON)), Finding::Rejected(REASON)),
        (Event::Answer(Answer::NotSent), Finding::NotSent),
        (Event::Reused(TX), Finding::Reused(TX)),
        (Event::Disproved, Finding::Disproved),
        (Event::Cancelled, Finding::Cancelled),
    ];
    answers.extend(DOUBTS.map(|doubt| (Event::Answer(Answer::Unknown(doubt)), Finding::Unknown)));
    answers
}

#[test]
fn a_settlement_starts_with_somebody_waiting() {
    assert_eq!(Settlement::queued(), Settlement::Queued { waiting: true });
    assert_eq!(Settlement::unattended(), Settlement::Queued { waiting: false }, "or with nobody, later");
}

#[test]
fn an_answer_is_written_down_whether_somebody_waits_or_not() {
    for (answer, finding) in answers() {
        for (waiting, from) in QUEUED.into_iter().chain(SENT).enumerate() {
            let waiting = waiting % 2 == 1;
            let expected = (recording(finding, waiting), step(finding, waiting));
            assert_eq!(from.on(answer), expected, "{from:?}");
        }
    }
}

#[test]
fn a_client_that_leaves_before_the_call_is_not_charged_and_after_it_is_written_down() {
    for from in QUEUED {
        let released = (recording(Finding::NotSent, false), Some(Effect::Claim(Step::Release)));
        assert_eq!(from.on(Event::Left), released);
    }
    for from in SENT {
        // Whoever comes next is told to wait, not to pay.
        let orphaned = (Settlement::Sent { waiting: false }, Some(Effect::Claim(Step::Orphan)));
        assert_eq!(from.on(Event::Left), orphaned);
    }
    for from in MOVING {
        assert_eq!(from.on(Event::Left), (Settlement::Moving { waiting: false }, None));
    }
    for finding in FINDINGS {
        for waiting in [false, true] {
            assert_eq!(recording(finding, waiting).on(Event::Left), (recording(finding, false), None));
        }
    }
}

/// What is told once a finding met an outcome of the table.
fn told(finding: Finding, outcome: Outcome) -> Settled {
    match (finding, outcome) {
        (_, Outcome::Unavailable) => Settled::Unknown,
        (Finding::Paid(transaction), Outcome::Deliver) => Settled::Paid(transaction),
        // Somebody else may deliver it.
        (Finding::Paid(_), _) => Settled::Superseded,
        (_, Outcome::Doubtful) | (Finding::Unknown, _) => Settled::Unknown,
        (Finding::Rejected(reason), Outcome::Done) => Settled::Rejected(reason),
        (Finding::NotSent, Outcome::Done) => Settled::NotSent,
        (Finding::Reused(transaction), Outcome::Done) => Settled::Reused(transaction),
        // It cannot be settled any more: what was signed is over, or was taken back.
        (Finding::Disproved, Outcome::Done) => Settled::Rejected(Reason::Expired),
        (Finding::Cancelled, Outcome::Done) => Settled::Rejected(Reason::Other),
        (_, _) => Settled::Superseded,
    }
}

#[test]
fn whoever_waits_is_told_what_the_table_says_and_nobody_else_is() {
    for finding in FINDINGS {
        for outcome in OUTCOMES {
            let next = match outcome {
                Outcome::Unavailable => recording(finding, false),
                _ => Settlement::Done,
            };
            let waited = recording(finding, true).on(Event::Claim(outcome));
            assert_eq!(waited, (next, Some(Effect::Tell(told(finding, outcome)))), "{finding:?} {outcome:?}");
            // A delivery promised to somebody who has left is given back.
            let given_back = matches!((finding, outcome), (Finding::Paid(_), Outcome::Deliver));
            let effect = given_back.then_some(Effect::Claim(Step::Undelivered));
            let alone = recording(finding, false).on(Event::Claim(outcome));
            assert_eq!(alone, (next, effect), "{finding:?} {outcome:?}, nobody waits");
        }
    }
}

#[test]
fn a_settlement_moves_on_only_once_that_is_written_and_somebody_still_waits() {
    for (waiting, from) in QUEUED.into_iter().chain(SENT).enumerate() {
        let waiting = waiting % 2 == 1;
        let moving = (Settlement::Moving { waiting }, Some(Effect::Claim(Step::Move { settler: NEXT })));
        assert_eq!(from.on(Event::Elsewhere(NEXT)), moving, "{from:?}");
    }
    for outcome in OUTCOMES {
        let [alone, waited] = MOVING.map(|from| from.on(Event::Claim(outcome)));
        let given_up = |waiting| (recording(Finding::NotSent, waiting), step(Finding::NotSent, waiting));
        assert_eq!(alone, given_up(false), "{outcome:?}");
        match outcome {
            Outcome::Done => assert_eq!(waited, (Settlement::queued(), Some(Effect::Ask))),
            _ => assert_eq!(waited, given_up(true), "{outcome:?}"),
        }
    }
}

#[test]
fn only_the_table_says_that_money_moved_or_did_not() {
    for finding in FINDINGS {
        for outcome in but(&[Outcome::Done, Outcome::Deliver]) {
            let (_, effect) = recording(finding, true).on(Event::Claim(outcome));
            let said = matches!(
                effect,
                Some(Effect::Tell(
                    Settled::Paid(_) | Settled::Rejected(_) | Settled::NotSent | Settled::Reused(_)
                ))
            );
            assert!(!said, "{finding:?} {outcome:?}");
        }
    }
}

#[test]
fn what_could_not_be_written_is_written_later_for_nobody() {
    for finding in FINDINGS {
        let (kept, effect) = recording(finding, true).on(Event::Claim(Outcome::Unavailable));
        assert_eq!(effect, Some(Effect::Tell(Settled::Unknown)));
        let (mut machine, mut effect) = kept.on(Event::Tick);
        for _ in 0..3 {
            assert_eq!(
                (machine, effect),
                (recording(finding, false), step(finding, false)),
                "as often as it takes"
            );
            let (failed, silent) = machine.on(Event::Claim(Outcome::Unavailable));
            assert_eq!(silent, None, "told once");
            (machine, effect) = failed.on(Event::Tick);
        }
    }
}

#[test]
fn everything_else_holds() {
    let claims = OUTCOMES.map(Event::Claim);
    let hold = |from: Settlement, events: &[Event]| {
        for event in events {
            assert_eq!(from.on(*event), (from, None), "{from:?} on {event:?}");
        }
    };
    let all_answers: Vec<_> = answers().into_iter().map(|(answer, _)| answer).collect();
    for (queued, sent) in QUEUED.into_iter().zip(SENT) {
        assert_eq!(queued.on(Event::Dispatched), (sent, None));
        hold(queued, &claims);
        hold(queued, &[Event::Tick]);
        hold(sent, &claims);
        hold(sent, &[Event::Tick, Event::Dispatched]);
    }
    for finding in FINDINGS {
        hold(recording(finding, true), &all_answers);
        hold(recording(finding, true), &[Event::Dispatched, Event::Elsewhere(NEXT)]);
    }
    for moving in MOVING {
        // Nothing is out: an answer is nobody's.
        hold(moving, &all_answers);
        hold(moving, &[Event::Tick, Event::Dispatched, Event::Elsewhere(NEXT)]);
    }
    hold(
        Settlement::Done,
        &[&all_answers[..], &claims, &[Event::Tick, Event::Dispatched, Event::Left, Event::Elsewhere(NEXT)]]
            .concat(),
    );
}
