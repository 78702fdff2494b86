#!/usr/bin/env python3
"""Takes one safeguard at a time out of a copy of the tree; the tests named beside it must turn
red. A safeguard whose removal nobody notices is not guarded.

Each mutant replaces one piece of source (white space does not count; it must be found exactly
once) and runs the tests named beside it, of one test target. The build directory is shared with
the tree, and what was compiled for one mutant is used for the next as far as it goes."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEARCH = ["-p", "x402-proxy-wasm", "--test", "model_search"]
MACHINES = ["-p", "x402-proxy-wasm", "--test", "machines"]
LIB = ["-p", "x402-proxy-wasm", "--lib"]
NATIVE = ["-p", "x402-scenarios", "--test", "table_native"]
RECOVERY = ["-p", "x402-proxy-wasm", "--test", "recovery"]
# The whole module over a simulated store, chain and node; built where `make test-model` builds it.
MODEL = ["--release", "--manifest-path", "fuzz/Cargo.toml", "--lib", "--target-dir",
         os.path.join(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "fuzz")]
# Against a real Redis.
REDIS = ["-p", "x402-live", "--test", "store"]

# (what is removed, file, the safeguard, what stands there instead, target, tests that see it)
MUTANTS = [
    (
        "the claim", "src/claims/life.rs",
        "(Some(claim), Op::Begin(begin)) => claim.present(begin, now),",
        "(Some(_), Op::Begin(begin)) => Self::open(begin),",
        NATIVE, ["a1_same_payment_twice_before::native", "a1_same_payment_twice_after::native"],
    ),
    (
        "the lease of a settlement", "src/claims/life.rs",
        "Self::Settling if now >= lease => Self::Unknown,",
        "Self::Settling if now >= lease => return None,",
        SEARCH, ["no_promise_is_broken_before", "no_promise_is_broken_after"],
    ),
    (
        "the attempt that fences a lease", "src/claims/life.rs",
        "op => op.attempt().is_none_or(|attempt| attempt == self.attempt),",
        "_ => true,",
        SEARCH, ["no_promise_is_broken_before", "no_promise_is_broken_after"],
    ),
    (
        "the hold of a response", "src/exchange.rs",
        "Charge::Full => close(None, true),",
        "Charge::Full => (Self::Over, one(Effect::PassUnpaid)),",
        NATIVE, ["spine_rejected_for_lack_of_funds_after::native", "spine_paid_after::native"],
    ),
    (
        "the hold of a request", "src/exchange.rs",
        "(Check::Local, Settle::Before) => (Self::Paying(None), one(Effect::Settle(None))),",
        "(Check::Local, Settle::Before) => "
        "(Self::Working { paid: Some(Paid::NOTHING) }, one(Effect::Forward)),",
        NATIVE, ["spine_rejected_for_lack_of_funds_before::native", "spine_paid_before::native"],
    ),
    (
        "the renewal of a lease that is not young", "src/shell/worker/leases.rs",
        "let young = age.is_some_and(|age| age < YOUNG_SECONDS);", "let young = age.is_some();",
        MODEL, ["machines::tests::the_books_balance_after_any_interleaving"],
    ),
    (
        "the renewal of long work", "src/shell/worker/leases.rs",
        "const EVERY_SECONDS: u64 = 4;",
        "const EVERY_SECONDS: u64 = 4_000_000;",
        MODEL, ["machines::tests::the_books_balance_after_any_interleaving"],
    ),
    (
        "the renewal at the response", "src/exchange.rs",
        "(Self::Fencing { paid, worth: true }, one(Effect::Claim(Step::Renew)))",
        "(Self::Delivering { worth: true }, one(Effect::Release(paid)))",
        SEARCH, ["no_promise_is_broken_before", "no_promise_is_broken_after"],
    ),
    (
        "the delivery of what has begun", "src/exchange/delivery.rs",
        "Event::Begun | Event::End { clean: true } if worth => give_up(Step::Delivered),",
        "Event::End { clean: true } if worth => give_up(Step::Delivered),",
        MACHINES, ["exchange::every_state_against_every_event",
                   "exchange::promises::what_has_begun_is_delivered_once"],
    ),
    (
        "the beginning of a socket", "src/admission/endless.rs",
        "Some(101) => Kind::Tunnel,", "",
        LIB, ["admission::endless::tests::a_socket_begins_with_its_head_and_events_with_their_first_byte"],
    ),
    (
        "the first byte of events", "src/admission/endless.rs",
        "Kind::Events => self.has_bytes,", "Kind::Events => true,",
        LIB, ["admission::endless::tests::a_socket_begins_with_its_head_and_events_with_their_first_byte"],
    ),
    (
        "the events that began", "src/shell/stream/visit.rs",
        "self.endless.flow(); self.begin(worker);", "self.endless.flow();",
        NATIVE, ["a12_events_cut_after_they_began_are_delivered_before::native"],
    ),
    (
        "the socket that began", "src/shell/stream/visit.rs",
        "self.release(worker, paid); self.begin(worker);", "self.release(worker, paid);",
        NATIVE, ["a12_events_cut_after_they_began_are_delivered_after::native_allow"],
    ),
    (
        "the documents that count", "src/shell/stream/document.rs",
        "match (worker.told(u32::try_from(parts).unwrap_or(u32::MAX)), seat) {", "match (None, seat) {",
        NATIVE, ["a16_documents_count_as_challenges::native"],
    ),
    (
        "the length of the documents that count", "src/shell/stream/document.rs",
        "sent.div_ceil(PART).max(1)", "1",
        NATIVE, ["a16_documents_count_as_challenges::native"],
    ),
    (
        "a full bucket for more than it holds", "src/limit.rs",
        "i64::from(deed.take).saturating_mul(TOKEN).min(most)", "i64::from(deed.take).saturating_mul(TOKEN)",
        LIB, ["limit::tests::a_full_bucket_is_enough_for_more_than_it_holds"],
    ),
    (
        "the heads that cost no body", "src/shell/stream/document.rs",
        'let is_head = head.method == "HEAD";', "let is_head = false;",
        NATIVE, ["a16_heads_of_documents_count_as_challenges::native"],
    ),
    (
        "the documents that need no room", "src/wellknown/flight.rs",
        "if bytes <= SMALL {", "if false {",
        LIB, ["wellknown::flight::tests::a_small_document_is_always_let_go_and_takes_no_room"],
    ),
    (
        "the documents on their way", "src/wellknown/flight.rs",
        "if flying > 0 && then > MOST {", "if false && then > MOST {",
        LIB, ["wellknown::flight::tests::what_is_on_its_way_is_bounded_and_one_is_always_let_go",
              "wellknown::flight::tests::a_seat_is_given_back_once"],
    ),
    (
        "the room of a document that was sent", "src/wellknown/flight.rs",
        "FLYING.set(FLYING.get().saturating_sub(self.0));", "",
        LIB, ["wellknown::flight::tests::a_seat_is_given_back_once"],
    ),
    (
        "the pause of request bodies", "src/shell/stream.rs",
        "State::Paying(visit) => visit.try_borrow().is_ok_and(|visit| visit.forwarded),",
        "State::Paying(_) => true,",
        NATIVE, ["spine_paid_post_with_a_body_before::native_allow"],
    ),
    (
        "the pause of response bodies", "src/shell/stream.rs",
        "visit.try_borrow().is_ok_and(|visit| !visit.withheld && !visit.machine.holds_response())",
        "visit.try_borrow().is_ok()",
        NATIVE, ["spine_paid_after::native_allow"],
    ),
    (
        "the path guard", "src/route.rs",
        "if priced && !refused && self.reaches_money(&chain, path, leaf, method) {",
        "if false && priced && !refused && self.reaches_money(&chain, path, leaf, method) {",
        NATIVE, ["a6_encoded_slash::native", "a6_capitals::native", "a6_double_slash::native"],
    ),
    (
        "the look at a method beside the request's own", "src/admission/head.rs",
        "[b'x', _, b'h' | b'm', ..] => head.overridden |= overrides_method(name),",
        "",
        NATIVE, ["a7_x_http_method_override_reaches_no_price::native",
                 "a7_x_method_override_changes_no_price::native"],
    ),
    (
        "the same where no route names the path", "src/admission.rs",
        "if head.overridden && method::is_ambiguous(policy, head, path, route.map(|route| &**route)) {",
        "if head.overridden && route.is_some_and(|route| method::is_ambiguous(policy, head, path, Some(route))) {",
        NATIVE, ["a7_a_method_override_on_a_crooked_path_reaches_no_price::native"],
    ),
    (
        "the dearer method beside one that is for sale", "src/admission/method.rs",
        "(Target::Offer(other), Some(Target::Offer(offer))) => !Arc::ptr_eq(other, offer),",
        "(Target::Offer(_), Some(Target::Offer(_))) => false,",
        NATIVE, ["a7_x_http_method_changes_no_price::native"],
    ),
    (
        "the one look at a path for all methods that headers name", "src/admission/method.rs",
        "policy.routes.resolve_any(head.other_methods(), head.authority, path, wrong)",
        "head.other_methods().any(|method| { let other = policy.routes.resolve(&method, head.authority, path); "
        "matches!(other, Resolution::Ambiguous) || wrong(&other) })",
        LIB, ["admission::method::tests::"
              "a16_method_overrides_cost_one_look_at_the_path_however_many_there_are"],
    ),
    (
        "the bound of a path's steps", "src/route/guard.rs",
        "Some(left) => { self.steps = left; true }",
        "Some(_) => true,",
        LIB, ["route::tests::effort::"
              "a16_what_readings_multiply_in_is_refused_after_a_bounded_number_of_steps"],
    ),
    (
        "the bound of a walk's steps", "src/route/build.rs",
        "if let Some(node) = self.routes.tree.beyond(MAX_WALK) {",
        "if let Some(node) = self.routes.tree.beyond(u16::MAX) {",
        LIB, ["route::tests::effort::"
              "a16_wildcards_beside_literals_are_followed_in_a_bounded_number_of_steps_or_refused"],
    ),
    (
        "the whole of a cookie being searched", "src/admission/browser.rs",
        "let name = value.get(end.checked_sub(place)?..)?;",
        "let name = value.get(end.checked_sub(12)?..).filter(|_| place > 0)?;",
        LIB, ["admission::browser::tests::the_name_is_found_wherever_it_stands"],
    ),
    (
        "the values of a piece, each once", "src/route/reading.rs",
        "if values.any(|value| Some(value) == last) {",
        "if values.any(|_| false) && last.is_some() {",
        LIB, ["route::tests::effort::a16_a_value_that_a_piece_may_have_is_followed_once"],
    ),
    (
        "the removal of what shared caches are told", "src/reply/cache.rs",
        "if FOR_SHARED_CACHES.iter().any(|shared| name.eq_ignore_ascii_case(shared)) {",
        "if FOR_SHARED_CACHES.iter().any(|shared| name == *shared) {",
        NATIVE, ["a18_public_beside_private_cheap::native"],
    ),
    (
        "the single addresses behind NAT64", "src/limit/source.rs",
        "match prefix(address).filter(|_| !is_translated(address)) {",
        "match prefix(address) {",
        LIB, ["limit::source::tests::addresses_behind_nat64_are_sources_of_their_own"],
    ),
    (
        "the strip of a payment in a cookie", "src/shell/stream/visit.rs",
        "if let Some(cookies) = self.cookies.take() {",
        "if let Some(cookies) = self.cookies.take().filter(|_| false) {",
        NATIVE, ["spine_a_cookie_pays_for_a_navigation_cheap::native"],
    ),
    (
        "the strip of a payment in a cookie on free routes", "src/shell/stream.rs",
        "if let Some(cookies) = &head.cookies {",
        "if let (Some(cookies), false) = (&head.cookies, true) {",
        NATIVE, ["a9_a_payment_in_a_cookie_stays_here::native"],
    ),
    (
        "the cookie's being for navigations only", "src/admission/head.rs",
        "if paywall && self.navigates() => {",
        "if paywall => {",
        NATIVE, ["a9_a_cookie_is_no_payment_of_programs::native"],
    ),
    (
        "the strip of a client's headers", "src/admission/head.rs",
        "const OWNED_PREFIX: &str = \"x402-\";",
        "const OWNED_PREFIX: &str = \"not-x402-\";",
        NATIVE, ["a9_owned_headers_of_a_client_cheap::native"],
    ),
    (
        "the underscore that is a hyphen to some", "src/admission/head.rs",
        "a == b || (a == b'_' && b == b'-')",
        "a == b",
        NATIVE, ["a9_underscores_are_hyphens_to_some::native"],
    ),
    (
        "the strip of what reads as a payment to some", "src/admission/head.rs",
        "\"payment_signature\" | \"x_payment\" => note(&mut head.payments, name),",
        "\"payment_signature\" | \"x_payment\" => {}",
        NATIVE, ["a9_underscores_are_hyphens_to_some::native"],
    ),
    (
        "the strip of an upstream's headers", "src/admission/head.rs",
        "OWNED_IN_RESPONSE.contains(&name)",
        "name.is_empty()",
        NATIVE, ["a9_owned_headers_of_the_upstream_late::native"],
    ),
    (
        "the cut to what was signed", "src/charge.rs",
        "let charged = amount.min(signed.most);", "let charged = amount;",
        NATIVE, ["a17_upto_charge_above_is_cut::native", "a17_upto_charge_quantity_above_is_cut::native"],
    ),
    (
        "the redirect that is not what was bought", "src/charge.rs",
        "Given::One(location) if leads_on(status, location)",
        "Given::One(location) if false && leads_on(status, location)",
        NATIVE, ["a17_a_redirect_up_and_down_pays_for_that::native",
                 "a17_a_redirect_paid_before_is_owed_to_the_same_payment::native"],
    ),
    (
        "the money for a redirect inside the shop", "src/exchange.rs",
        "Charge::Onward(amount) => close(amount, false),",
        "Charge::Onward(_) => Self::priced(Charge::Nothing),",
        NATIVE, ["a17_a_redirect_up_and_down_pays_for_that::native"],
    ),
    (
        "what is owed before a redirect can be followed", "src/exchange.rs",
        "if worth { return (Self::Delivering { worth }, one(Effect::Release(paid))); }",
        "if true { return (Self::Delivering { worth: true }, one(Effect::Release(paid))); }",
        NATIVE, ["a17_a_redirect_up_and_down_pays_for_that::native"],
    ),
    (
        "the place that a led payment is bound to", "src/claims/life.rs",
        "redeems, asks, binding: *binding, ..self }", "redeems, asks, ..self }",
        LIB, ["claims::tests::what_a_claim_is_bound_to_never_changes"],
    ),
    (
        "the end of redirects", "src/claims/life.rs",
        "State::Taken | State::Redeeming) && self.asks < MAX_REDEEMS", "State::Taken | State::Redeeming)",
        LIB, ["claims::tests::credit::redirects_come_to_an_end"],
    ),
    (
        "the question whether a redirect still leads on", "src/shell/stream.rs",
        "let leads = !visit.redeems || worker.may_be_led(&visit.identity);", "let leads = true;",
        NATIVE, ["a17_a_redirect_without_end_is_what_was_bought_at_the_fourth::native"],
    ),
    (
        "the payment that follows where another one was led", "src/claims/life.rs",
        "if mine { Outcome::Credited(nonce) } else { Outcome::CreditedElsewhere(nonce) }",
        "if mine { Outcome::Credited(nonce) } else { Outcome::Elsewhere(self.state) }",
        LIB, ["claims::tests::credit::a_presenter_who_is_not_vouched_for_gets_nothing_bought_elsewhere"],
    ),
    (
        "the count of redirects that begins when it was paid", "src/claims/life.rs",
        "let claim = Self { lease, asks: 0, ..known };", "let claim = Self { lease, ..known };",
        LIB, ["claims::tests::what_a_claim_is_bound_to_never_changes"],
    ),
    (
        "the offer of where a redirect leads", "src/admission/purchase/onward.rs",
        "self.is_sold_by(&route).then(", "true.then(",
        NATIVE, ["a17_a_redirect_to_another_offer_is_charged_after::native"],
    ),
    (
        "the query of where a redirect leads", "src/admission/purchase/onward.rs",
        "if place.query.is_some_and(|query| query != own) {", "if false {",
        NATIVE, ["a17_a_redirect_with_what_may_open_it_is_charged_after::native"],
    ),
    (
        "the other methods of where a redirect leads", "src/admission/purchase/onward.rs",
        "&& hosts.into_iter().all(sold)", "",
        LIB, ["admission::purchase::onward::tests::it_is_followed_by_the_method_that_clients_use"],
    ),
    (
        "the operator's word on redirects", "src/charge.rs",
        "&& offer.settle_on.is_default()", "",
        NATIVE, ["a17_a_redirect_that_settle_on_names_is_charged::native"],
    ),
    (
        "the shop's own name in a redirect", "src/admission/purchase/onward.rs",
        "if place.authority.is_some_and(|authority| !is_own(policy, authority)) {",
        "if place.authority.is_some_and(|authority| authority.is_empty()) {",
        LIB, ["admission::purchase::onward::tests::the_requests_own_host_is_not_the_shops",
              "admission::purchase::onward::tests::a_place_elsewhere_or_free_does_not"],
    ),
    (
        "the one reading of a redirect", "src/route/location.rs",
        "is_some_and(stays_escaped)",
        "is_some()",
        LIB, ["route::location::tests::a_place_that_some_read_otherwise_is_none"],
    ),
    (
        "the price of what is redeemed", "src/exchange.rs",
        "if paid.amount.is_some_and(|amount| amount < cost) =>",
        "if paid.amount.is_some_and(|amount| amount < cost) && false =>",
        SEARCH, ["no_promise_is_broken_by_usage"],
    ),
    (
        "the end of a payment that cost nothing", "src/claims/life.rs",
        "(State::Held, Op::Waive { .. }) => (Next::Put(self.buried(None, now)), Outcome::Done),",
        "(State::Held, Op::Waive { .. }) => (Next::Remove, Outcome::Done),",
        NATIVE, ["a17_upto_zero_override::native", "a17_upto_zero_quantity::native"],
    ),
    (
        "the strip of a client's own charge", "src/admission/head.rs",
        "const OWNED: [&str; 3] = [\"payment-response\", \"x-payment-response\", \"settlement-overrides\"];",
        "const OWNED: [&str; 2] = [\"payment-response\", \"x-payment-response\"];",
        NATIVE, ["a17_upto_clients_override_is_ignored::native"],
    ),
    (
        "the question before the claim", "src/admission/purchase.rs",
        "(_, Judge::Facilitator) => Check::First,",
        "(_, Judge::Facilitator) => Check::Local,",
        NATIVE, ["w_refused_then_valid_after::native", "a14_what_nobody_vouches_for_takes_no_room::native"],
    ),
    (
        "the binding to a signature", "src/admission/purchase/claim.rs",
        "offered.with_signature(text.as_bytes())",
        "offered.with_signature(&[])",
        NATIVE, ["a2_wallet_another_signature_gets_nothing::native"],
    ),
    (
        "the refusal of a signature's twin", "src/precheck.rs",
        "if twin.is_some_and(|twin| signs(&twin)) {",
        "if false && twin.is_some_and(|twin| signs(&twin)) {",
        NATIVE, ["a2_wallet_twin_high_s_is_refused_without_a_call::native"],
    ),
    (
        "the limit of checks", "src/shell/worker.rs",
        "Effect::Verify if !self.may_ask(visit, purchase) => {",
        "Effect::Verify if false && !self.may_ask(visit, purchase) => {",
        NATIVE, ["a16_checks_are_limited_per_source::native"],
    ),
    (
        "the limit of unpaid requests", "src/shell/worker/limits.rs",
        "return self.challenged().map_or(refusal, Refusal::RateLimited);",
        "return refusal;",
        NATIVE, ["a16_unpaid_requests_are_limited_and_payers_are_served::native"],
    ),
    (
        "the count of failing payments", "src/shell/worker/limits.rs",
        "if refusal.blames_sender() {",
        "if false && refusal.blames_sender() {",
        NATIVE, ["a16_failing_replayed::native", "a16_failing_at_the_facilitator::native"],
    ),
    (
        "the count of those who leave before they paid", "src/shell/stream/visit.rs",
        "if before.on_trust() {",
        "if false && before.on_trust() {",
        NATIVE, ["a16_failing_by_leaving::native"],
    ),
    (
        "the pause between asks about what is open", "src/claims/life.rs",
        "self.asks >= QUICK_ASKS && self.lease == begin.lease",
        "false && self.asks >= QUICK_ASKS && self.lease == begin.lease",
        LIB, ["claims::tests::identity::an_open_claim_is_soon_asked_about_once_a_second"],
    ),
    (
        "the date of what the chain shows paid", "src/proof.rs",
        "(number == block && time >= self.since?)",
        "(number == block && time >= self.since.unwrap_or(0).min(1))",
        LIB, ["proof::tests::proofs::a_payment_counts_since_it_was_asked_for"],
    ),
    (
        "the block of that date", "src/proof.rs",
        "(number == block && time >= self.since?)",
        "(time >= self.since?)",
        LIB, ["proof::tests::proofs::a_date_is_of_the_receipts_own_block"],
    ),
    (
        "the bar of those who failed too often", "src/admission.rs",
        "if let (Some(seconds), true) = (head.barred, offered != Offered::Nothing) {",
        "if let (Some(seconds), true) = (head.barred, false) {",
        NATIVE, ["a16_failing_forged::native", "a16_failing_mismatched::native"],
    ),
    (
        "the look at every request of who is at the limit", "src/limit/gate.rs",
        "if self.watched_until <= now {",
        "if true || self.watched_until <= now {",
        LIB, ["limit::tests::a_source_alone_gets_its_burst_and_what_workers_do_not_see_and_then_its_rate"],
    ),
    (
        "the count of what passed unseen", "src/limit/gate.rs",
        "self.passed = self.passed.saturating_add(1);",
        "",
        LIB, ["limit::tests::a_source_alone_gets_its_burst_and_what_workers_do_not_see_and_then_its_rate"],
    ),
    (
        "the debt of who failed", "src/limit.rs",
        ".clamp(most.saturating_neg(), most);",
        ".clamp(0, most);",
        LIB, ["limit::tests::what_is_gone_is_paid_back_first_and_is_bounded"],
    ),
    (
        "the spender of a permit", "src/precheck/fit.rs",
        "if permit.spender != proxy {",
        "if false && permit.spender != proxy {",
        NATIVE, ["a3_permit_signed_for_another_spender::native", "a3_permit_signed_for_the_upto_proxy::native"],
    ),
    (
        "the token of a permit", "src/precheck/fit.rs",
        "if permit.token != terms.asset.address {",
        "if false && permit.token != terms.asset.address {",
        NATIVE, ["a3_permit_signed_for_another_token::native"],
    ),
    (
        "the submitter of a permit", "src/precheck/fit.rs",
        "if permit.witness.facilitator != terms.facilitator {",
        "if false && permit.witness.facilitator != terms.facilitator {",
        NATIVE, ["a17_upto_signed_for_another_submitter::native"],
    ),
    (
        "version 1's being off", "src/precheck/fit.rs",
        "None => offer.v1 && accept.means",
        "None => accept.means",
        NATIVE, ["v1_off::native"],
    ),
    (
        "the transaction that pays once", "src/shell/worker/answers.rs",
        "Outcome::Elsewhere(_) => settlement::Event::Reused(transaction),",
        "Outcome::Elsewhere(_) => settlement::Event::Answer(Answer::Accepted(transaction)),",
        NATIVE, ["a1_one_transaction_pays_once::native"],
    ),
    (
        "the signature that is one authorisation's", "src/shell/worker/owed.rs",
        "(!matches!(outcome, Outcome::Granted | Outcome::Present)).then_some(outcome)",
        "Some(outcome).filter(|_| false)",
        NATIVE, ["a2_wallet_one_signature_buys_one_thing_before::native",
                 "a2_wallet_one_signature_buys_one_thing_after::native"],
    ),
    (
        "the call that a signature of another's does not cost", "src/admission/purchase/claim.rs",
        "Step::Look => false,",
        "Step::Look => return None,",
        NATIVE, ["a2_wallet_one_signature_buys_one_thing_before::native"],
    ),
    (
        "the payment that was used up before its signature was another's", "src/shell/worker/owed.rs",
        "let decided = || begins && self.known(&purchase.identity, now).is_some();",
        "let decided = || begins && false;",
        NATIVE, ["a2_wallet_what_was_used_up_decides_whoever_has_its_signature::native",
                 "a10_a_permit_that_was_used_up_decides_whoever_has_its_signature_before::native"],
    ),
    (
        "the signature of what is asked about again for somebody else", "src/shell/worker/owed.rs",
        "demand.seal(self.now()).is_some_and(taken)",
        "demand.seal(self.now()).is_some_and(|seal| false && taken(seal))",
        NATIVE, ["a10_what_is_owed_is_asked_about_with_no_signature_of_anothers::native",
                 "a10_a_permit_asked_about_again_has_its_second_signature_too::native"],
    ),
    (
        "the signature of an account's permit", "src/admission/purchase/claim.rs",
        "!(permit || self.payment.judge() == Judge::Facilitator)",
        "self.payment.judge() != Judge::Facilitator",
        LIB, ["admission::purchase::tests::a_signature_that_could_stand_for_others_has_a_name"],
    ),
    (
        "the signature of a settlement after the response", "src/admission/purchase/claim.rs",
        "Step::Settling(_) => true,",
        "Step::Settling(_) => return None,",
        NATIVE, ["a2_wallet_one_signature_buys_one_thing_after::native"],
    ),
    (
        "the memory of a payload beside its transaction's", "src/demand.rs",
        "until: if self.payer.is_none() { self.spent_until(now) } else { 0 },",
        "until: 0,",
        LIB, ["demand::tests::what_only_the_facilitator_reads_is_remembered_as_long_as_its_transaction"],
    ),
    (
        "the memory of a payload that was settled", "src/claims/life.rs",
        "claim.lasting(*until).settled(",
        "claim.settled(",
        LIB, ["demand::tests::what_only_the_facilitator_reads_is_remembered_as_long_as_its_transaction"],
    ),
    (
        "the transaction that pays a contract wallet once", "src/demand.rs",
        "Some(payer) if self.judged => {",
        "Some(payer) if self.judged && payer == Identity::NONE.payer => {",
        LIB, ["demand::tests::a_transaction_pays_one_claim_of_a_payer_whom_only_the_facilitator_knows"],
    ),
    (
        "the pin of a facilitator's address", "src/facilitator/supported/pins.rs",
        "if self.address == named || listed == Some(true) {",
        "if self.address == named {",
        LIB, ["facilitator::supported::tests::pinned::a_random_member_of_the_pool_does_not_move_the_quote"],
    ),
    (
        "the lease of the worker that asks", "src/facilitator/supported/snapshot.rs",
        "if ahead(self.lease_until) {",
        "if false && ahead(self.lease_until) {",
        LIB, ["facilitator::supported::tests::turns::one_of_many_workers_asks_per_period"],
    ),
    (
        "the refusal of redirects", "src/facilitator.rs",
        "if Redirect::is_one(status) {",
        "if false && Redirect::is_one(status) {",
        LIB, ["facilitator::tests::host::a_redirect_leaves_it_open_and_is_no_verdict"],
    ),
    (
        "the halves of a key", "src/signing/text.rs",
        "found.public.is_some_and(|stated| stated != public)",
        "found.public.is_some_and(|stated| stated.is_empty())",
        LIB, ["signing::tests::what_is_no_key_is_named_for_what_it_is"],
    ),
    (
        "the bound on signatures", "src/signing/ring.rs",
        "signed > SIGNATURES_A_SECOND",
        "signed > usize::MAX",
        LIB, ["signing::tests::ring::a_flood_of_urls_costs_a_bounded_number_of_signatures"],
    ),
    (
        "a signature's low s", "src/signing/secp256k1.rs",
        "let s = if high { -s } else { s };",
        "let s = if high { s } else { s };",
        LIB, ["signing::tests::secp256k1_signs_as_libsecp256k1_and_is_recovered"],
    ),
    (
        "the question before a settlement that facilitators make unasked", "src/admission/purchase.rs",
        "Verify::ByMeans if blind => Verify::Facilitator,",
        "Verify::ByMeans if blind && false => Verify::Facilitator,",
        NATIVE, ["p2_no_allowance_is_412::native"],
    ),
    (
        "the one name of a network in both versions", "src/protocol/other.rs",
        "(Version::V1, None, Some(caip2)) => caip2.into(),",
        "(Version::V1, None, Some(caip2)) if false => caip2.into(),",
        NATIVE, ["a2_both_versions_are_one_payment::native"],
    ),
    (
        "the chain a node is on", "src/proof.rs",
        "(answer::quantity(result)? == self.question.chain_id).then_some(())?;",
        "answer::quantity(result)?;",
        LIB, ["proof::tests::proofs::another_chain_proves_nothing"],
    ),
    (
        "the age of what denies a payment", "src/proof.rs",
        "self.question.valid_before.saturating_add(self.finality)",
        "self.question.valid_before",
        LIB, ["proof::tests::proofs::nothing_is_denied_before_a_final_block_is_past_the_end"],
    ),
    (
        "the age of a cancellation", "src/proof.rs",
        "receipt::Use::Cancelled => head.past.then_some(",
        "receipt::Use::Cancelled => true.then_some(",
        LIB, ["proof::tests::proofs::a_cancellation_is_proven_for_eip_3009_alone"],
    ),
    (
        "the block a nonce is looked up at", "src/proof/call.rs",
        "extend(&mut params, &[\"{\\\"to\\\":\", &to, \",\\\"data\\\":\", &call, \"},\", &quantity(block)]);",
        "extend(&mut params, &[\"{\\\"to\\\":\", &to, \",\\\"data\\\":\", &call, \"},\", &quantity(block & 0)]);",
        LIB, ["proof::tests::hostile::a_node_that_is_behind_proves_nothing"],
    ),
    (
        "the success of a transaction", "src/proof/receipt.rs",
        "&& answer::quantity(status?)? == 1",
        "&& answer::quantity(status?).is_some()",
        LIB, ["proof::tests::proofs::a_failed_transaction_proves_nothing"],
    ),
    (
        "the amount that moved", "src/proof/receipt.rs",
        "&& log.word == Some(self.amount.to_be_bytes())",
        "&& log.word.is_some()",
        LIB, ["proof::tests::proofs::what_is_not_exactly_the_payment_proves_nothing"],
    ),
    (
        "the token that moved", "src/proof/receipt.rs",
        "if log.address != question.token {",
        "if false {",
        LIB, ["proof::tests::proofs::the_transfer_is_the_tokens_next_log_after_the_use"],
    ),
    (
        "one transfer for one nonce", "src/proof/receipt.rs",
        "moved |= follows && moves_it;",
        "moved |= moves_it;",
        LIB, ["proof::tests::proofs::the_transfer_is_the_tokens_next_log_after_the_use"],
    ),
    (
        "the proxy that was called", "src/proof/receipt.rs",
        "if answer::address(to)? != proxy {",
        "if false {",
        LIB, ["proof::tests::proofs::permit2_is_proven_by_the_proxys_own_call"],
    ),
    (
        "the nonce that the proxy was called with", "src/proof/receipt.rs",
        "(2, self.nonce),",
        "",
        LIB, ["proof::tests::proofs::permit2_is_proven_by_the_proxys_own_call", "proof::tests::proofs::many_equal_payments_are_told_apart_as_far_as_is_asked"],
    ),
    (
        "the transaction a receipt is of", "src/proof/receipt.rs",
        "(answer::word(hash?)? == transaction.0 && answer",
        "(answer::word(hash?).is_some() && answer",
        LIB, ["proof::tests::hostile::another_transaction_than_was_asked_for_proves_nothing"],
    ),
    (
        "the call an answer is to", "src/proof/answer.rs",
        "answered?.parse() == Ok(id)",
        "answered?.parse::<u64>().is_ok_and(|_| id > 0)",
        LIB, ["proof::tests::hostile::an_answer_that_is_none_proves_nothing"],
    ),
    (
        "logs that were undone", "src/proof/answer.rs",
        "removed.is_none_or(|removed| removed == \"false\").then_some(())?;",
        "let _ = removed;",
        LIB, ["proof::tests::proofs::what_is_not_exactly_the_payment_proves_nothing"],
    ),
    (
        "the number of a call in its answer", "src/store/reply.rs",
        "words.first() == Some(&id_text(id).as_str())",
        "words.first().is_some()",
        LIB, ["store::tests::whatever_else_comes_leaves_it_open"],
    ),
    (
        "the comparison of a swap", "src/store/swap.lua",
        "if v~=e then return r end", "",
        REDIS, ["swap::a_claim_is_written_over_what_was_expected_and_over_nothing_else"],
    ),
    (
        "the signature that is one claim's for all replicas", "src/store/swap.lua",
        "if g and g~=c and (v=='' or v==e) then return {i,'3',t,''} end", "",
        REDIS, ["seal::a_signature_is_the_first_claims_that_asks_with_it",
                "seal::of_many_claims_over_one_signature_exactly_one_is_written"],
    ),
    (
        "the claim that stands before its signature is looked up", "src/store/swap.lua",
        "and (v=='' or v==e)", "",
        REDIS, ["seal::a_claim_that_stands_decides_whoever_has_its_signature"],
    ),
    (
        "the signature that a look leaves free", "src/store/call.rs",
        "if seal.takes { time_text(seal.expires) }", "if true { time_text(seal.expires) }",
        REDIS, ["seal::a_signature_is_given_away_with_a_claim_that_is_written_to_be_asked_about"],
    ),
    (
        "the signature of what is asked about again, for all replicas", "src/store/errand.rs",
        "Seal { takes: true, expires: seal.expires.max(last), ..seal }", "seal",
        LIB, ["store::errand::tests::seal::what_is_asked_about_again_takes_its_signature"],
    ),
    (
        "what was paid, whoever has its signature since", "src/store/errand.rs",
        "Outcome::Redeem(_) => None,", "",
        LIB, ["store::errand::tests::seal::what_was_begun_before_its_signature_was_anothers_is_still_its_payers"],
    ),
    (
        "what an earlier try wrote, and was heard of after its lease", "src/store/errand.rs",
        "return if self.is_overtaken(now) { self.unsure() } else { self.written() };",
        "return self.written();",
        LIB, ["store::errand::tests::late::what_was_written_by_an_earlier_try_is_over_as_soon"],
    ),
    (
        "the signature that who asks again keeps", "src/store/swap.lua",
        "(not g or t+R('TTL',s)<tonumber(z))", "not g",
        REDIS, ["seal::a_signature_is_the_first_claims_that_asks_with_it"],
    ),
    (
        "what is at work before a new claim, one at a time", "src/store/errand/ahead.rs",
        "works |= matches!(", "works &= matches!(",
        LIB, ["store::errand::tests::open::one_at_a_time_what_is_at_work_is_waited_for"],
    ),
    (
        "what has begun among the open claims, one at a time", "src/store/errand.rs",
        "_ if stays => Change::Put(()),", "",
        LIB, ["store::errand::tests::open::one_at_a_time_what_is_at_work_is_waited_for"],
    ),
    (
        "the telling of what is at work, one at a time", "src/store/swap.lua",
        "if w>='2' then return q:find('^01') and not live(q) end", "",
        REDIS, ["swap::what_is_at_work_is_passed_over_and_whatever_may_be_owed_is_told"],
    ),
    (
        "the claims that are over as far as a host knows", "src/store/swap.lua",
        "s~=m and not w:find(s,2,true) and #r<516", "s~=m and #r<516",
        REDIS, ["swap::what_is_at_work_is_passed_over_and_whatever_may_be_owed_is_told"],
    ),
    (
        "the delivery here that nobody waits for", "src/store/errand/ahead.rs",
        "open.iter().filter(|claim| !is_over(claim))", "open.iter()",
        LIB, ["store::errand::tests::open::one_at_a_time_what_was_delivered_here_is_over"],
    ),
    (
        "the look before a lapsed claim is begun anew", "src/store/errand/ahead.rs",
        "self.want_open && !stands", "self.want_open && self.base.is_none()",
        LIB, ["store::errand::tests::open::what_comes_first_is_looked_at_where_a_claim_is_begun"],
    ),
    (
        "the store's word on where a payment is owed", "src/store/errand.rs",
        "next == Next::Keep && !led", "next == Next::Keep",
        LIB, ["store::errand::tests::what_belongs_elsewhere_as_far_as_is_known_here_is_asked_about"],
    ),
    (
        "the renewal that comes after its claim was given back", "src/store/errand.rs",
        "|| (renews && given_back)", "",
        LIB, ["store::errand::tests::what_was_delivered_here_stays_used_here"],
    ),
    (
        "the wait of who was to be served from what is owed", "src/exchange/credit.rs",
        "Event::Claim(_) if terms.fit && terms.single => release(Denial::InFlight),", "",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "the demands of other plugins", "src/demand/ring.rs",
        "kept.due <= now && mine(&kept.demand)", "kept.due <= now",
        LIB, ["demand::ring::tests::what_another_plugin_asks_about_is_left_to_it"],
    ),
    (
        "who waits, in a table of the first layout", "src/claims/bucket/entry.rs",
        "if is_open(claim.state) { marks << MARKS_AT } else { 0 }", "0",
        LIB, ["claims::bucket::tests::live_claims_survive_the_round_trip"],
    ),
    (
        "the time of a full bucket", "src/limit.rs",
        "self.at = self.at.max(now);", "",
        LIB, ["limit::tests::a_full_bucket_keeps_no_time_for_later"],
    ),
    (
        "the place of open claims before a new one", "src/store/swap.lua",
        "if v==e and #r>4 then r[2]='2' return r end", "",
        REDIS, ["swap::open_claims_of_the_wallet_come_before_a_new_one"],
    ),
    (
        "the look into all open claims of a wallet", "src/shell/worker/owed.rs",
        ".filter(|nonce| *nonce != own.nonce).peekable()",
        ".filter(|nonce| *nonce != own.nonce).take(8).peekable()",
        MODEL, ["machines::crowd::tests::who_left_is_awaited_however_many_are_at_work"],
    ),
    (
        "the number of open claims that are told", "src/store/swap.lua",
        "#r<516", "#r<20",
        REDIS, ["swap::members_that_are_over_are_dropped_and_a_full_set_takes_no_more"],
    ),
    (
        "the bound of a wallet's open claims", "src/store/swap.lua",
        "if R('ZSCORE',o,m) or R('ZCARD',o)<256 then", "if true then",
        REDIS, ["swap::members_that_are_over_are_dropped_and_a_full_set_takes_no_more"],
    ),
    (
        "the telling of an orphan from who is at work", "src/store/swap.lua",
        "0[0145]", "0[0-7]",
        REDIS, ["swap::what_is_at_work_is_passed_over_and_whatever_may_be_owed_is_told"],
    ),
    (
        "the lapse of a lease in what is told", "src/store/swap.lua",
        "q:find('^04')) and live(q)", "q:find('^04'))",
        REDIS, ["swap::what_is_at_work_is_passed_over_and_whatever_may_be_owed_is_told"],
    ),
    (
        "the room that what was tried too often makes", "src/store/errand/books.rs",
        "Some(claim) if claim.owes() == Owes::Content => {",
        "Some(claim) if claim.state == State::Taken => {",
        LIB, ["store::errand::tests::open::a_claim_that_was_tried_too_often_is_open_no_more"],
    ),
    (
        "the same room in the process", "src/shell/worker/ledger.rs",
        "Some(claim) if claim.owes() == Owes::Content => self.note_open(case, claim, now),",
        "Some(claim) if claim.state == State::Taken => self.note_open(case, claim, now),",
        MODEL, ["machines::crowd::tests::what_was_tried_too_often_makes_room"],
    ),
    (
        "the name that buys nothing more", "src/exchange/credit.rs",
        "Self::Opening(Terms { fit: false, ..terms })", "Self::Opening(terms)",
        MACHINES, ["exchange::credit::a_payment_that_became_unfit_lives_on_what_is_owed"],
    ),
    (
        "the least time that a claim is kept", "src/store/swap.lua",
        "math.max(x,t)+5", "x",
        REDIS, ["swap::a_claim_is_kept_for_a_while_however_late_it_is_written"],
    ),
    (
        "the time of who asks again", "src/store/due.lua",
        "R('ZADD',KEYS[1],string.format('%.3f',t+(ARGV[4+l] or ARGV[#ARGV])+math.min(l+1,7)/8),k)", "",
        REDIS, ["due::a_claim_is_handed_out_once_its_time_has_come_and_to_one_asker"],
    ),
    (
        "the count of looks", "src/store/due.lua",
        "math.min(l+1,7)/8", "0",
        REDIS, ["due::a_claim_is_handed_out_later_and_later_and_no_try_puts_it_off"],
    ),
    (
        "the lease that was over when its grant was heard", "src/store/errand.rs",
        "self.lease().is_some_and(|lease| now >= lease)",
        "self.lease().is_some_and(|lease| now >= lease && false)",
        LIB, ["store::errand::tests::late::nobody_acts_on_a_lease_that_is_over"],
    ),
    (
        "the lease that is over before its grant is written", "src/store/swap.lua",
        "if l~='' and tonumber(l)<=tonumber(t) then return {i,'4',t,''} end", "",
        REDIS, ["late::a_lease_that_is_over_is_not_granted"],
    ),
    (
        "the clock of an answer that was heard late", "src/shell/worker/shared.rs",
        "let clock = now.filter(|_| !self.line.late.get());",
        "let clock = now;",
        MODEL, ["machines::tests::a_clock_that_is_heard_late_is_not_believed"],
    ),
    (
        "the timer that no try puts off", "src/store/errand/books.rs",
        "0 | 1 => Change::Put(at.saturating_add(DUE_SECONDS)),",
        "0..=254 => Change::Put(at.saturating_add(DUE_SECONDS)),",
        LIB, ["store::errand::tests::no_try_puts_off_when_an_open_claim_is_asked_about"],
    ),
    (
        "what was kept, for who asks without it", "src/store/errand.rs",
        "let want_payment = payment == Change::Leave && resolves;",
        "let want_payment = false;",
        LIB, ["store::errand::tests::who_asks_again_without_the_payment_is_told_what_was_kept"],
    ),
    (
        "what was kept, told with its claim", "src/store/swap.lua",
        "if y=='?' then k=R('GET',p) or '' end", "",
        REDIS, ["swap::what_is_needed_to_ask_again_lives_as_long_as_its_claim"],
    ),
    (
        "whose demand was kept", "src/demand.rs",
        "Self::from_text(text).filter(|demand| demand.identity == *identity)",
        "Self::from_text(text).filter(|demand| demand.identity == *identity || true)",
        LIB, ["demand::tests::what_is_kept_under_anothers_name_is_nobodys"],
    ),
    (
        "who was asked last", "src/demand.rs",
        "claim.map(|claim| claim.settler).filter(|settler| *settler != 0).unwrap_or(self.settler)",
        "claim.map(|claim| claim.settler).filter(|settler| *settler != 0).unwrap_or(0 * self.settler)",
        LIB, ["demand::tests::who_was_asked_last_is_who_the_claim_says"],
    ),
    (
        "the look that no try puts off", "src/demand/ring.rs",
        "let due = kept.due.min(now.saturating_add(backoff(kept.tries)));",
        "let due = now.saturating_add(backoff(kept.tries));",
        LIB, ["demand::ring::tests::no_try_puts_off_a_look_or_has_them_begin_anew"],
    ),
    (
        "the looks that a try does not begin anew", "src/demand/ring.rs",
        "before.map_or((due, 0), |kept| (kept.due, kept.tries));",
        "before.map_or((due, 0), |kept| (kept.due, 0 * kept.tries));",
        LIB, ["demand::ring::tests::no_try_puts_off_a_look_or_has_them_begin_anew"],
    ),
    (
        "the wait for what a wallet may have paid", "src/claims/life.rs",
        "State::Unknown => Owes::Answer,",
        "State::Unknown => Owes::Nothing,",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_before"],
    ),
    (
        "the content that is owed", "src/claims/life.rs",
        "State::Taken if self.redeems < MAX_REDEEMS => Owes::Content,",
        "State::Taken if self.redeems > MAX_REDEEMS => Owes::Content,",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_before"],
    ),
    (
        "the orphan that is waited for", "src/settlement.rs",
        "(Self::Sent { waiting: false }, Some(Effect::Claim(Step::Orphan)))",
        "(Self::Sent { waiting: false }, None)",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_before"],
    ),
    (
        "the wait while an open outcome is asked about", "src/claims/life.rs",
        "State::Settling if self.orphan || self.asks > 1 => Owes::Patience,",
        "State::Settling if self.orphan => Owes::Patience,",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_after"],
    ),
    (
        "the payment kept back while another one is asked about", "src/exchange/credit.rs",
        "Event::Claim(Outcome::Awaited) => release(Denial::InFlight),",
        "Event::Claim(Outcome::Awaited) if false => release(Denial::InFlight),",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_after"],
    ),
    (
        "the payment kept back while the other one is taken for being at work", "src/exchange/credit.rs",
        "Event::Claim(Outcome::InFlight) => release(Denial::InFlight),",
        "Event::Claim(Outcome::InFlight) if false => release(Denial::InFlight),",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "the work of a neighbour that is remembered", "src/store/errand.rs",
        "!works || op.attempt() == Some(claim.attempt) || is_here()",
        "!works || op.attempt() == Some(claim.attempt) || is_here() && false",
        LIB, ["store::errand::tests::what_others_are_at_work_on_is_not_remembered"],
    ),
    (
        "the renewal that does not take up what another proved", "src/claims/life.rs",
        "let attempt = if self.attempt == attempt { attempt } else { Attempt(0) };",
        "let attempt = self.attempt;",
        LIB, ["claims::tests::time::a_late_success_overtakes_whoever_asks_again_and_both_hands_off"],
    ),
    (
        "the end of a payment that another one was served for", "src/claims/life.rs",
        "(Next::Keep, stands)",
        "(Next::Put(self.asking(begin.attempt, begin.lease)), Outcome::Resolve(None))",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_before"],
    ),
    (
        "the pledge before the delivery", "src/exchange/credit.rs",
        "Event::Claim(Outcome::Redeem(paid)) => pledge(Owed::Content(paid)),",
        "Event::Claim(Outcome::Redeem(paid)) => "
        "(Self::Working { paid: Some(paid) }, one(Effect::Forward)),",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "what is given back when a pledge fails", "src/exchange/credit.rs",
        "(Self::Over, [Some(Effect::Claim(back)), Some(Effect::Deny(Denial::StoreDown))])",
        "(Self::Over, [None, Some(Effect::Deny(Denial::StoreDown))])",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "what is given back to nobody", "src/exchange/words.rs",
        "claims::Outcome::Redeem(_) => Some(Self::Return),",
        "claims::Outcome::Redeem(_) => None,",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "the facilitator an open claim stays with", "src/claims/life.rs",
        "let claim = Self { attempt, lease, asks, orphan: false, ..self };",
        "let claim = Self { attempt, lease, asks, orphan: false, settler: 1, ..self };",
        SEARCH, ["pair::whoever_may_have_booked_it_is_asked_and_nobody_else"],
    ),
    (
        "the move that is written before another is asked", "src/settlement.rs",
        "(Self::Moving { waiting: true }, Event::Claim(Outcome::Done)) => {",
        "(Self::Moving { waiting: true }, Event::Claim(_)) => {",
        SEARCH, ["pair::whoever_may_have_booked_it_is_asked_and_nobody_else"],
    ),
    (
        "the proof that nothing was taken", "src/settlement.rs",
        "Answer::Unknown(_) => Self::Unknown,",
        "Answer::Unknown(_) => Self::Disproved,",
        SEARCH, ["pair::a_wallet_is_served_what_it_is_owed_before", "no_promise_is_broken_before"],
    ),
    (
        "the claim that is paid and not disproved", "src/claims/life.rs",
        "(State::Settling | State::Unknown, Op::Disprove { .. }) => (Next::Remove, Outcome::Done),",
        "(_, Op::Disprove { .. }) => (Next::Remove, Outcome::Done),",
        LIB, ["claims::tests::every_state_against_every_op"],
    ),
    (
        "the offer that a credit is for", "src/claims/open.rs",
        "*slot = what.0;", "*slot = [0; 16];",
        NATIVE, ["a13_credit_is_for_what_was_bought::native"],
    ),
    (
        "the wallet that a credit is for", "src/claims/open.rs",
        "let hash = Identity { nonce, ..*who }.locate(self.seed());",
        "let hash = Identity { nonce, payer: crate::evm::address::Address::new([0; 20]), ..*who }.locate(self.seed());",
        LIB, ["claims::open::tests::a_wallet_is_who_pays_where_for_what_and_no_nonce"],
    ),
    (
        "the wallet that a credit is for in the store", "src/store.rs",
        "hasher.update(who.payer.as_bytes());", "",
        LIB, ["store::tests::wallets_and_nonces_tell_claims_apart"],
    ),
    (
        "the look-up of what a wallet is owed", "src/shell/worker/owed.rs",
        "let owed = if shared { None } else { self.owed(purchase, now) };",
        "let owed = if true || shared { None } else { self.owed(purchase, now) };",
        NATIVE, ["a13_a_new_payment_is_served_from_the_one_that_was_taken::native"],
    ),
    (
        "the tombstone of a payment used up for another", "src/claims/life.rs",
        "(Next::Put(claim.kept(State::Credited, now)), Outcome::Done)",
        "(if claim.asks == 0 { Next::Remove } else { Next::Put(claim) }, Outcome::Done)",
        NATIVE, ["a13_a_new_payment_is_served_from_the_one_that_was_taken::native",
                 "a13_a_payment_that_was_used_up_stands_for_the_other::native"],
    ),
    (
        "the claim that can be used up for another, which nobody asked for", "src/claims/life.rs",
        "(State::Held, Op::Credit { nonce, .. }) => {",
        "(_, Op::Credit { nonce, .. }) => {",
        LIB, ["claims::tests::credit::only_what_was_never_asked_for_can_be_credited"],
    ),
    (
        "the one credit that a claim gives", "src/claims/life.rs",
        "State::Delivered => (Next::Keep, Outcome::Delivered(self.paid())),",
        "State::Delivered if !begin.vouched => (Next::Keep, Outcome::Delivered(self.paid())), "
        "State::Delivered => (Next::Put(Self { attempt: begin.attempt, lease: begin.lease, ..self }"
        ".kept(State::Redeeming, now)), Outcome::Redeem(self.paid())),",
        NATIVE, ["a13_a_payment_that_was_used_up_stands_for_the_other::native"],
    ),
    (
        "the payment that stands for one that stands for another", "src/exchange/credit.rs",
        "Outcome::Granted | Outcome::Owed(_) | Outcome::Credited(_) | Outcome::CreditedElsewhere(_),",
        "Outcome::Granted | Outcome::Owed(_) | Outcome::CreditedElsewhere(_),",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "the renewal that takes nothing up again", "src/claims/life.rs",
        "let claim = Self { attempt: Attempt(0), ..self };", "let claim = self;",
        LIB, ["store::errand::tests::a_renewal_on_its_way_takes_nothing_up_again"],
    ),
    (
        "the end that is written once the store can be reached", "src/store/errand.rs",
        "let undo = if adopt.is_some() { None } else { self.undo() };", "let undo = None;",
        LIB, ["store::errand::tests::the_end_of_an_attempt_is_written_later"],
    ),
    (
        "the write that a failure waits for", "src/exchange.rs",
        "(Self::Fencing { paid, worth: false }, one(Effect::Claim(Step::Undelivered)))",
        "(Self::Delivering { worth: false }, one(Effect::Release(paid)))",
        MACHINES, ["exchange::every_state_against_every_event"],
    ),
    (
        "the try that is not counted", "src/claims/life.rs",
        "let redeems = self.redeems.saturating_sub(1);", "let redeems = self.redeems;",
        LIB, ["claims::tests::what_is_returned_is_not_counted_and_returned_once"],
    ),
    (
        "the delivery that stays used where it was made", "src/store/errand.rs",
        "is_delivered(known.as_ref()) || (renews", "(renews",
        LIB, ["store::errand::tests::what_was_delivered_here_stays_used_here"],
    ),
    (
        "the bound on what is not written yet", "src/store/undone.rs",
        "let gone = if self.is_full() {", "let gone = if self.list.len() >= usize::MAX {",
        LIB, ["store::undone::tests::there_is_a_bound_and_deliveries_go_last"],
    ),
    (
        "what is sent again until the store has it", "src/shell/worker/shared.rs",
        "for undo in undone.unwrap_or_default() { self.try_undo(undo); }", "drop(undone);",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the end that waits for a store that is away", "src/store/errand.rs",
        "let undo = if adopt.is_some() { None } else { self.undo() };", "let undo = None;",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the begin that is given back", "src/store/errand.rs",
        "(Op::Begin(_), Outcome::Granted, Some(attempt)) => Some(Op::Release { attempt }),",
        "(Op::Begin(_), Outcome::Granted, _) => None,",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the redemption that is given back", "src/store/errand.rs",
        "(Op::Begin(_), Outcome::Redeem(_), Some(attempt)) => Some(Op::Return { attempt }),",
        "(Op::Begin(_), Outcome::Redeem(_), _) => None,",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the lost redemption that is no try", "src/store/errand.rs",
        "(Op::Begin(_), Outcome::Redeem(_), Some(attempt)) => Some(Op::Return { attempt }),",
        "(Op::Begin(_), Outcome::Redeem(_), Some(attempt)) => Some(Op::Undelivered { attempt }),",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the question that is given back", "src/store/errand.rs",
        "(Op::Begin(_), Outcome::Resolve(_), Some(attempt)) => Some(Op::Unknown { attempt }),",
        "(Op::Begin(_), Outcome::Resolve(_), _) => None,",
        MODEL, ["machines::storm::tests::a_question_whose_answer_is_lost_is_given_back"],
    ),
    (
        "the claim about to be settled that is given back", "src/store/errand.rs",
        "(Op::Settling { attempt, .. } | Op::Credit { attempt, .. } | Op::Waive { attempt }, _, _) => { Some(Op::Release { attempt }) }",
        "(Op::Settling { .. } | Op::Credit { .. } | Op::Waive { .. }, _, _) => None,",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the failed renewal that is no try", "src/exchange/delivery.rs",
        "(Self::Over, [Some(Effect::Claim(Step::Return)), Some(Effect::Deny(Denial::StoreDown))])",
        "(Self::Over, [Some(Effect::Claim(Step::Undelivered)), Some(Effect::Deny(Denial::StoreDown))])",
        MODEL, ["machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the work of others that is not remembered", "src/store/errand.rs",
        "!works || op.attempt() == Some(claim.attempt) || is_here()",
        "true || works && op.attempt() == Some(claim.attempt) || is_here()",
        MODEL, ["machines::storm::tests::what_another_replica_was_at_work_on_is_not_remembered"],
    ),
    (
        "what was begun to be asked about and is paid by then", "src/shell/worker/again.rs",
        "other => self.give_back((demand.identity, demand.offered), Some(attempt), other),", "_ => {}",
        MODEL, ["machines::storm::tests::who_asks_again_about_what_is_paid_by_then_leaves_nothing_at_work",
                "machines::storm::tests::the_books_balance_in_any_weather"],
    ),
    (
        "the letter of a claim's text", "src/claims/bucket/entry.rs",
        "claim.filter(|claim| to_text(claim) == text)", "claim",
        LIB, ["claims::bucket::tests::text::one_claim_has_one_text"],
    ),
    (
        "the layout a process began with", "src/claims/table.rs",
        "if there(Layout::One)? { layout = Layout::One; }",
        "if false && there(Layout::One)? { layout = Layout::One; }",
        LIB, ["claims::table::tests::layout::a_process_keeps_the_layout_it_began_with"],
    ),
    (
        "the count of what layout 1 keeps of a credit", "src/claims/bucket.rs",
        "count(&mut self.delta, State::Delivered, 1);",
        "count(&mut self.delta, claim.state, 1);",
        LIB, ["claims::table::tests::model::the_table_does_to_bytes_what_apply_does_to_claims"],
    ),
    (
        "what time changed in a bucket that is copied", "src/claims/bucket.rs",
        "Some(state) if state == stored && !is_buried(state, self.layout) => writing.keep_live(entry),",
        "Some(state) if !is_buried(state, self.layout) => writing.keep_live(entry),",
        LIB, ["claims::bucket::tests::rewrite::a_rewrite_is_what_reading_everything_and_writing_it_anew_is"],
    ),
    (
        "the wallets that share a bucket", "src/claims/open.rs",
        "let own = |e: &[u8; ENTRY]| e.starts_with(&wallet.tag) && e.ends_with(nonce);",
        "let own = |e: &[u8; ENTRY]| e.ends_with(nonce);",
        LIB, ["claims::open::tests::wallets_that_share_a_bucket_do_not_meet"],
    ),
    (
        "the one worker that asks again", "src/demand/ring.rs",
        "Ok(shared.set(&key(slot), &next, cas)?.then_some(kept))",
        "shared.set(&key(slot), &next, cas).map(|_| Some(kept))",
        LIB, ["demand::ring::tests::a_store_that_is_down_or_contended_keeps_nothing_and_loses_nothing"],
    ),
    (
        "the slot of another's demand", "src/demand/ring.rs",
        "Kept::parse(held).is_none_or(|kept| kept.expires <= now)",
        "Kept::parse(held).is_none_or(|kept| kept.expires <= now || true)",
        LIB, ["demand::ring::tests::a_slot_of_anothers_is_never_written_over"],
    ),
    (
        "the one place of a demand", "src/demand/ring.rs",
        "(!new && put(&own)) || put(&|held| own(held) || free(held))",
        "put(&|held| own(held) || free(held))",
        LIB, ["demand::ring::tests::what_is_kept_again_stands_once_and_says_what_was_said_last"],
    ),
    (
        "a carry between columns", "src/secp256k1/field/product.rs",
        "let c12 = c12 + (c11 >> BITS);",
        "let c12 = c12;",
        LIB, ["secp256k1::field::tests::products_are_those_of_the_integers"],
    ),
    (
        "what is above 2^261", "src/secp256k1/field/product.rs",
        "let top = (h8 << FOLD_ABOVE) + (c8 >> BITS);",
        "let top = c8 >> BITS;",
        LIB, ["secp256k1::field::tests::products_at_the_limit_do_not_overflow"],
    ),
    (
        "the last reduction modulo p", "src/secp256k1/field.rs",
        "if carry(&mut over) > 0 {",
        "if carry(&mut over) > 0 && false {",
        LIB, ["secp256k1::field::tests::words_go_in_and_out"],
    ),
    (
        "the third root of one", "src/secp256k1/table.rs",
        "-241_892_882,",
        "-241_892_881,",
        LIB, ["secp256k1::table::tests::the_generators_multiples", "secp256k1::table::tests::a_points_multiples"],
    ),
    (
        "the rounding of a split", "src/secp256k1/scalar.rs",
        "[middle >> 63, 0, 0, 0]",
        "[middle >> 63 & 0, 0, 0, 0]",
        LIB, ["secp256k1::scalar::tests::halves_are_short_and_make_the_whole"],
    ),
    (
        "the carry of a product modulo n", "src/secp256k1/scalar.rs",
        "high = add(above, [u64::from(carry), 0, 0, 0]).0;",
        "high = add(above, [u64::from(carry && false), 0, 0, 0]).0;",
        LIB, ["secp256k1::scalar::tests::products_are_those_of_the_integers"],
    ),
    (
        "the carry of a negative digit", "src/secp256k1/digits.rs",
        "rest = (rest >> width) + u128::from(is_upper);",
        "rest = rest >> width;",
        LIB, ["secp256k1::digits::tests::digits_are_the_number"],
    ),
    (
        "the sign of an inverse", "src/secp256k1/inverse.rs",
        "if sign < 0 {",
        "if sign < 0 && false {",
        LIB, ["secp256k1::inverse::tests::inverses_of_edges_and_random_numbers"],
    ),
    (
        "the sum of equal points", "src/secp256k1/point.rs",
        "if r.is_zero() {",
        "if r.is_zero() && false {",
        RECOVERY, ["ladder::partial_sums_that_collide"],
    ),
    (
        "the sum of opposite points", "src/secp256k1/point.rs",
        "if h.is_zero() {",
        "if h.is_zero() && r.is_zero() {",
        RECOVERY, ["ladder::partial_sums_that_collide"],
    ),
    (
        "the point at infinity", "src/secp256k1/point.rs",
        "if self.is_infinity { return None; }",
        "",
        RECOVERY, ["ladder::partial_sums_that_collide"],
    ),
    (
        "an x that is not on the curve", "src/secp256k1.rs",
        "if !y.square().minus(&square).is_zero() {",
        "if !y.square().minus(&square).is_zero() && false {",
        RECOVERY, ["random::random_inputs"],
    ),
    (
        "the range of r", "src/secp256k1.rs",
        "if !in_range(r) || !in_range(s) {",
        "if !in_range(s) {",
        RECOVERY, ["edges::every_combination_of_edges", "edges::the_second_candidate_for_x_does_not_exist"],
    ),
]


def pattern(text):
    return re.compile(r"\s+".join(map(re.escape, text.split())))


def copy(folder):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, goal = ROOT / name, folder / name
        if source.is_file():
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(source.read_bytes())


def test(folder, target, names):
    # The harness of the table takes one name at a time.
    runs = [[name] for name in names] if target is NATIVE else [names]
    output = ""
    for run in runs:
        done = subprocess.run(
            ["cargo", "test", "--locked", "--quiet", *target, "--", "--exact", *run],
            cwd=folder, capture_output=True, text=True, timeout=1200,
            env={**os.environ, "RUST_BACKTRACE": "0", "CARGO_INCREMENTAL": "1"},
        )
        output += done.stdout + done.stderr
    return output


def failed(output, name):
    return re.search(rf"^(test )?{re.escape(name)}\s+(\.\.\. )?FAILED|^\s+{re.escape(name)}$", output, re.M)


def misplaced():
    """Safeguards that do not stand where the list says, once."""
    wrong = 0
    for what, file, safeguard, *_ in MUTANTS:
        found = len(pattern(safeguard).findall((ROOT / file).read_text()))
        if found != 1:
            print(f"FAIL  without {what}: the safeguard stands {found} times in {file}")
            wrong += 1
    return wrong


def main():
    # `--every 4` takes out each fourth one: enough to notice that the list is alive.
    every, only = 1, sys.argv[1:]
    if only[:1] == ["--every"]:
        every, only = int(only[1]), only[2:]
    passed, missed = 0, misplaced()
    if missed:
        print(f"mutants: {passed} passed, {missed} failed")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        for what, file, safeguard, instead, target, sees in MUTANTS[::every]:
            if only and not any(word in what for word in only):
                continue
            path = folder / file
            source = path.read_text()
            path.write_text(pattern(safeguard).sub(lambda _: instead, source))
            output = test(folder, target, sees)
            path.write_text(source)
            blind = [one for one in sees if not failed(output, one)]
            if blind:
                missed += 1
                print(f"FAIL  without {what}: {', '.join(blind)} did not notice\n{output[-3000:]}")
            else:
                passed += 1
                print(f"ok    without {what}: {', '.join(sees)} turned red", flush=True)
    # What was built last is a mutant, and cargo would take it for the tree's.
    os.utime(ROOT / "src/lib.rs")
    print(f"mutants: {passed} passed, {missed} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
