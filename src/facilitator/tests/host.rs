//! What the host says in the facilitator's place, and answers that send the caller elsewhere.

use super::*;

#[test]
fn what_the_host_would_not_send_was_not_sent() {
    assert_eq!(Answer::read(&Delivery::Refused, &expected()), Answer::NotSent);
}

#[test]
fn only_envoys_own_word_proves_that_no_connection_was_made() {
    let own = |status, text: &str| answered(status, false, text.as_bytes());
    assert_eq!(own(503, NO_CONNECTION), Answer::NotSent);
    let bare =
        "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
    assert_eq!(own(503, bare), Answer::NotSent, "older Envoys say no more");
    let broken = Answer::Unknown(Doubt::Broken);
    assert_eq!(own(503, CUT), broken, "it was sent, then cut");
    assert_eq!(own(503, RETRIED), broken, "an earlier try may have been sent");
    for reason in ["local reset", "overflow", "protocol error", "connection timeout", "remote reset"] {
        assert_eq!(own(503, &CUT.replace("connection termination", reason)), broken, "{reason}");
    }
    let both = CUT.to_owned() + ". reset reason: remote connection failure";
    assert_eq!(own(503, &both), broken, "the first reason counts");
    assert_eq!(own(503, &NO_CONNECTION.to_uppercase()), broken, "a text that changed");
    assert_eq!(own(503, &format!(" {NO_CONNECTION}")), broken);
    assert_eq!(own(503, "no healthy upstream"), broken);
    assert_eq!(own(503, ""), broken);
    assert_eq!(own(504, "upstream request timeout"), broken);
    assert_eq!(own(504, NO_CONNECTION), broken);
    for status in [200, 500, 502] {
        assert_eq!(own(status, NO_CONNECTION), Answer::Unknown(Doubt::NotProtocol), "{status}");
    }
}

#[test]
fn the_same_word_from_upstream_proves_nothing() {
    for text in [NO_CONNECTION, CUT, RETRIED, "upstream request timeout"] {
        for status in [503, 504] {
            assert_eq!(read(status, text), Answer::Unknown(Doubt::NotProtocol), "{text}");
        }
    }
}

#[test]
fn a_503_or_504_the_host_made_is_never_read_as_an_answer() {
    for status in [503, 504] {
        for body in [success(), npm("insufficient_funds")] {
            let answer = answered(status, false, body.to_string().as_bytes());
            assert_eq!(answer, Answer::Unknown(Doubt::Broken), "{status} {body}");
        }
    }
}

/// A redirect may have been the answer of something that kept the request; it is never
/// followed, and never read as an answer, whatever is in it.
#[test]
fn a_redirect_leaves_it_open_and_is_no_verdict() {
    let (paid, valid) = (success().to_string(), json!({"isValid": true}).to_string());
    for status in [301, 302, 303, 307, 308] {
        for body in [paid.as_bytes(), valid.as_bytes(), b""] {
            let delivery = Delivery::arrived(status, true, Some(b"https://www.example.com/x"), Some(body));
            let answer = Answer::read(&delivery, &expected());
            assert_eq!(answer, Answer::Unknown(Doubt::Redirected));
            assert!(!answer.spoke());
            let verdict = Verdict::read(&delivery);
            assert_eq!(verdict, Verdict::Unavailable);
            assert!(!verdict.spoke(&delivery));
        }
        let large = Delivery::arrived(status, true, None, None);
        assert_eq!(Answer::read(&large, &expected()), Answer::Unknown(Doubt::Redirected));
    }
    for status in [200, 300, 304, 305, 400, 412, 500] {
        let delivery = Delivery::arrived(status, true, Some(b"/x"), Some(b""));
        assert!(matches!(delivery, Delivery::Answered { .. }), "{status}");
    }
}
