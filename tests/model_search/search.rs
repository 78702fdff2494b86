//! The search itself: every state that can be reached, each once.

use super::*;

pub(crate) struct Search {
    terms: Terms,
    /// Whether the last presentation is for another route.
    elsewhere: bool,
    /// What a response may cost.
    charges: &'static [Charge],
    pub(crate) seen: HashSet<(u64, u64)>,
    queue: VecDeque<World>,
    pub(crate) transitions: usize,
    /// Which promises were exercised at all: a search that releases nothing proves nothing.
    pub(crate) released: usize,
    pub(crate) redeemed: usize,
    pub(crate) resolved: usize,
    pub(crate) waived: usize,
    pub(crate) withheld: usize,
    pub(crate) reused: usize,
}

impl Search {
    fn exchange(&mut self, world: &mut World, i: usize, event: exchange::Event) {
        let machine = world.presented[i].exchange.unwrap_or(Exchange::Over);
        if self.terms.check == Check::First && event == exchange::Event::Verified(Verdict::Valid) {
            world.presented[i].verified = true;
        }
        if let exchange::Event::Response { charge: Charge::Metered(amount) } = event {
            world.presented[i].costs = Some(amount);
        }
        let (machine, effects) = machine.on(event);
        world.presented[i].exchange = Some(machine);
        self.perform(world, i, effects);
    }

    fn perform(&mut self, world: &mut World, i: usize, effects: Effects) {
        for effect in effects.into_iter().flatten() {
            match effect {
                Effect::Claim(step) => self.step(world, i, step),
                Effect::Verify => {}
                Effect::Settle(amount) => {
                    check_ask(world, i, amount);
                    world.presented[i].settlement = Some(Settlement::queued());
                    world.presented[i].asked = amount;
                }
                Effect::Leave => self.settle(world, i, settlement::Event::Left),
                Effect::Forward => {
                    if self.terms.settle == Settle::Before {
                        assert!(matches!(world.chain, Chain::Paid(_)), "work for nothing: {world:#?}");
                    }
                }
                Effect::Release(paid) => self.release(world, i, paid),
                Effect::PassUnpaid => {}
                Effect::Deny(denial) => {
                    self.withheld += usize::from(denial == Denial::ChargeUnreadable);
                    check_denial(world, denial);
                }
            }
        }
    }

    fn release(&mut self, world: &mut World, i: usize, paid: Paid) {
        self.released += 1;
        assert!(!world.delivered, "released again after a delivery: {world:#?}");
        if paid == Paid::NOTHING {
            self.waived += 1;
            world.waived = true;
            // Whatever becomes of the response, it is not owed again.
            world.delivered = true;
        } else {
            assert_eq!(
                world.chain,
                Chain::Paid(paid.amount),
                "released unpaid, or for another sum: {world:#?}"
            );
            let costs = world.presented[i].costs;
            assert!(paid.amount >= costs, "worth more than was paid: {world:#?}");
        }
        let others = world.presented.iter().enumerate();
        let delivering = others
            .filter(|(j, p)| *j != i && matches!(p.exchange, Some(Exchange::Delivering { worth: true })));
        assert_eq!(delivering.count(), 0, "two deliver at once: {world:#?}");
    }

    fn step(&mut self, world: &mut World, i: usize, step: Step) {
        let attempt = Attempt(world.presented[i].id);
        let op = match step {
            Step::Peek => Op::Peek,
            Step::Look => {
                let begin = world.begin(i, self.terms);
                Op::Begin(Begin { opening: Opening::Nothing, ..begin })
            }
            Step::Begin => Op::Begin(world.begin(i, self.terms)),
            Step::Settling(amount) => Op::Settling { attempt, lease: LEASE, amount, settler: 1 },
            Step::Waive => Op::Waive { attempt },
            Step::Renew => Op::Renew { attempt, lease: LEASE },
            Step::Release => Op::Release { attempt },
            Step::Delivered => Op::Delivered { attempt },
            Step::Undelivered => Op::Undelivered { attempt },
            Step::Return => Op::Return { attempt },
            Step::Hold | Step::Credit(_) | Step::Follow(_) | Step::Pledge(_) | Step::Doubt => {
                panic!("one authorisation")
            }
        };
        let outcome = world.apply(&op);
        if self.terms.check == Check::First && outcome == claims::Outcome::Granted {
            assert!(world.presented[i].verified, "a claim for an unjudged payment: {world:#?}");
        }
        match outcome {
            claims::Outcome::Redeem(_) => self.redeemed += 1,
            claims::Outcome::Resolve(_) => self.resolved += 1,
            _ => {}
        }
        self.exchange(world, i, exchange::Event::Claim(outcome));
    }

    fn settle(&mut self, world: &mut World, i: usize, event: settlement::Event) {
        let Some(machine) = world.presented[i].settlement else { return };
        let (machine, effect) = machine.on(event);
        world.presented[i].settlement = Some(machine);
        match effect {
            None | Some(settlement::Effect::Ask) => {}
            Some(settlement::Effect::Tell(settled)) => {
                self.reused += usize::from(settled == Settled::Reused(OTHER_TX));
                self.exchange(world, i, exchange::Event::Settled(settled));
            }
            Some(settlement::Effect::Claim(step)) => {
                let attempt = Attempt(world.presented[i].id);
                let op = match step {
                    settlement::Step::Settled { transaction, deliver } => Op::Settled {
                        attempt,
                        transaction,
                        deliver: deliver.then_some(LEASE),
                        until: 0,
                        otherwise: world.begin(i, self.terms),
                    },
                    settlement::Step::Release => Op::Release { attempt },
                    settlement::Step::Unknown => Op::Unknown { attempt },
                    settlement::Step::Void { transaction } => Op::Void { attempt, transaction },
                    settlement::Step::Undelivered => Op::Undelivered { attempt },
                    settlement::Step::Orphan => Op::Orphan { attempt },
                    settlement::Step::Move { .. } | settlement::Step::Disprove | settlement::Step::Cancel => {
                        panic!("one facilitator and no chain to ask")
                    }
                };
                let outcome = world.apply(&op);
                self.settle(world, i, settlement::Event::Claim(outcome));
            }
        }
    }

    /// Every world one step away.
    fn successors(&mut self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        let mut branch = |this: &mut Self, f: &dyn Fn(&mut Self, &mut World)| {
            let mut copy = world.clone();
            f(this, &mut copy);
            next.push(copy);
        };
        if world.count < PRESENTATIONS && world.live() < 2 {
            branch(self, &|this, w| {
                let (machine, effects) = Exchange::open(this.terms);
                let i = w.enter(this.elsewhere && w.count + 1 == PRESENTATIONS);
                w.presented[i].exchange = Some(machine);
                this.perform(w, i, effects);
            });
        }
        for (i, presentation) in world.presented.iter().enumerate() {
            for event in exchange_events(presentation, self.charges) {
                branch(self, &|this, w| this.exchange(w, i, event));
            }
        }
        for (i, presentation) in world.presented.iter().enumerate() {
            self.call_events(world, i, presentation, &mut next);
        }
        let mut quiet = |f: &dyn Fn(&mut World)| {
            let mut copy = world.clone();
            f(&mut copy);
            next.push(copy);
        };
        if let Some(claim) = world.claim.filter(|claim| claim.lease > NOW && !world.streams(claim)) {
            quiet(&|w| w.claim = Some(Claim { lease: 0, ..claim }));
        }
        // The worker dies with everything it knew; calls on the wire live on.
        quiet(&|w| {
            for p in &mut w.presented {
                *p = Presentation { id: p.id, call: p.call, asked: p.asked, ..Default::default() };
            }
        });
        quiet(&|w| w.reloaded = true);
        quiet(&|w| w.expired = true);
        if world.chain == Chain::Unspent {
            quiet(&|w| w.chain = Chain::Cancelled);
            quiet(&|w| w.chain = Chain::Spent);
        }
        next
    }

    fn call_events(&mut self, world: &World, i: usize, presentation: &Presentation, next: &mut Vec<World>) {
        let mut branch =
            |this: &mut Self, call: Option<Call>, chain: Chain, event: Option<settlement::Event>| {
                let mut copy = world.clone();
                copy.presented[i].call = call;
                copy.chain = chain;
                if let Some(event) = event {
                    this.settle(&mut copy, i, event);
                }
                next.push(copy);
            };
        let answer = |answer| Some(settlement::Event::Answer(answer));
        let unknown = answer(Answer::Unknown(Doubt::Broken));
        let chain = world.chain;
        match presentation.settlement {
            Some(Settlement::Queued { .. }) => {
                branch(self, Some(Call::Travelling), chain, Some(settlement::Event::Dispatched));
                branch(self, None, chain, answer(Answer::NotSent));
            }
            Some(Settlement::Sent { .. }) => match presentation.call {
                Some(Call::Travelling) => {
                    branch(self, None, chain, answer(Answer::NotSent));
                    // The host gives up; the bytes may still arrive.
                    branch(self, Some(Call::Travelling), chain, unknown);
                }
                Some(Call::Answering(a)) => {
                    branch(self, None, chain, answer(a));
                    branch(self, None, chain, unknown);
                }
                Some(Call::Reused) => {
                    branch(self, None, chain, Some(settlement::Event::Reused(OTHER_TX)));
                    branch(self, None, chain, unknown);
                }
                None => branch(self, None, chain, unknown),
            },
            _ => {}
        }
        if presentation.call != Some(Call::Travelling) {
            return;
        }
        if chain == Chain::Spent {
            branch(self, Some(Call::Reused), chain, None);
        }
        let mut arrives =
            |this: &mut Self, a: Answer, chain: Chain| branch(this, Some(Call::Answering(a)), chain, None);
        let paid = Chain::Paid(presentation.asked);
        arrives(self, Answer::Unknown(Doubt::Pending), chain);
        match chain {
            _ if world.expired => arrives(self, Answer::Rejected(Reason::Expired), chain),
            Chain::Unspent => {
                arrives(self, Answer::Accepted(TX), paid);
                arrives(self, Answer::Unknown(Doubt::Contradicts), paid);
                arrives(self, Answer::Rejected(Reason::InsufficientFunds), chain);
            }
            Chain::Paid(_) | Chain::Spent | Chain::Cancelled => {
                arrives(self, Answer::Unknown(Doubt::Inconclusive), chain);
            }
        }
    }

    pub(crate) fn run(terms: Terms, elsewhere: bool, charges: &'static [Charge]) -> Self {
        let mut search = Self {
            terms,
            elsewhere,
            charges,
            seen: HashSet::new(),
            queue: VecDeque::from([World::default()]),
            transitions: 0,
            released: 0,
            redeemed: 0,
            resolved: 0,
            waived: 0,
            withheld: 0,
            reused: 0,
        };
        while let Some(world) = search.queue.pop_front() {
            for mut next in search.successors(&world) {
                search.transitions += 1;
                next.delivered |= world.presented.iter().zip(&next.presented).any(|(before, after)| {
                    matches!(before.exchange, Some(Exchange::Delivering { worth: true }))
                        && matches!(after.exchange, Some(Exchange::Over))
                        && next.claim.is_some_and(|c| c.state == State::Delivered)
                });
                check(&next);
                next.forget_what_is_over();
                if search.seen.insert(digest::digest(&next)) {
                    search.queue.push_back(next);
                }
            }
        }
        search
    }
}

fn exchange_events(presentation: &Presentation, charges: &[Charge]) -> Vec<exchange::Event> {
    use exchange::Event;
    let end = Event::End { clean: false };
    let hosts_own = Event::Response { charge: Charge::Nothing };
    match presentation.exchange {
        Some(Exchange::Verifying(_) | Exchange::Screening(_)) => vec![
            end,
            hosts_own,
            Event::Verified(Verdict::Valid),
            Event::Verified(Verdict::Invalid(Reason::InsufficientFunds)),
            Event::Verified(Verdict::Unavailable),
        ],
        Some(Exchange::Working { .. }) => {
            let responses = charges.iter().map(|charge| Event::Response { charge: *charge });
            std::iter::once(end).chain(responses).collect()
        }
        Some(Exchange::Paying(_)) => vec![end, hosts_own],
        Some(Exchange::Delivering { .. }) => vec![end, Event::Begun, Event::End { clean: true }],
        Some(Exchange::Over) | None => vec![],
        Some(_) => vec![end],
    }
}
