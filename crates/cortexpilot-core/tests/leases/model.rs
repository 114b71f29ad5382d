//! What may happen when. Messages arrive when they like, as often as they like, or never; a worker that stands still is one
//! that takes no step meanwhile; one that is killed forgets; a watch may find any claim silent at any moment, which is more
//! than any clock could make of it; a process that starts anew is every process, because each command is judged by a fold
//! that was read from the lines.
//!
//! What must never come of it is said here in words of its own, beside the product's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cortexpilot_core::domain::lease::HeldKind;
use cortexpilot_core::domain::queue::FinalStatus;
use stateright::{Model, Property};

use crate::machine::{Answer, Deed, End, Judgement, Lease, Ledger, LedgerId, Machine, Stand, Word};

/// How large the model is.
#[derive(Clone)]
pub(crate) struct Leases {
    pub(crate) machine: Arc<Machine>,
    /// Workers.
    pub(crate) workers: usize,
    /// An item is claimed no more often than this.
    pub(crate) claims_max: u32,
    /// A claim is heard of no more often than this.
    pub(crate) beats_max: u64,
    /// What holders may say last.
    pub(crate) words: &'static [Word],
    /// What operators may do.
    pub(crate) operator: &'static [fn(usize) -> Deed],
}

/// All that an operator may do.
pub(crate) const OPERATOR: &[fn(usize) -> Deed] = &[Deed::Stop, Deed::Revoke, Deed::Requeue, Deed::Fail, Deed::Cancel];

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Moment {
    ledger: LedgerId,
    /// What each worker thinks it has. Workers are alike, so these are in order.
    hands: Vec<Option<Lease>>,
    /// The last word of those who had a lease. It stays on its way for ever, as it may arrive again.
    sent: BTreeMap<Lease, Word>,
    /// How often each item was completed.
    completed: Vec<u8>,
    /// What happened that must not.
    wrong: BTreeSet<Wrong>,
}

/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// A word of a claim that had ended was taken for one of the present claim.
    Stale,
    /// What nobody was to repeat is repeated.
    Repeated,
    /// An item changed in a way that is nobody's doing, or a refusal changed one.
    ByItself,
}

/// What may happen. Each by a process whose clock says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A worker takes an item.
    Claims(usize),
    /// A worker takes an item, and never hears that it did.
    ClaimsInVain,
    /// A worker is gone, and forgets.
    Dies(usize),
    /// A worker says its last word, which is on its way from then on.
    Sends(usize, Word),
    /// A last word arrives.
    Arrives(Lease),
    /// Anything else that asks the ledger to change.
    Does(Deed),
}

impl Leases {
    pub(crate) fn ledger(&self, moment: &Moment) -> Arc<Ledger> {
        self.machine.ledger(moment.ledger)
    }

    /// Claims that were made of an item, with the beats that they may have had.
    fn claims_of<'a>(&self, ledger: &'a Ledger, item: usize) -> impl Iterator<Item = u32> + use<'a> {
        1..=ledger.items[item].claims
    }

    /// Carries out a deed and notes what of it must not be.
    fn after(&self, last: &Moment, deed: Deed, clock: usize) -> Option<(Moment, Answer)> {
        let Judgement { answer, ledger, lines } = self.machine.judge(last.ledger, deed, clock);
        let mut next = Moment { ledger, ..last.clone() };
        let (before, after) = (self.ledger(last), self.ledger(&next));
        // One line for what is done, none for what a worker only says, and for what comes to nothing not a trace.
        let beats = matches!(deed, Deed::Beat(_) | Deed::LateBeat(_));
        // Asked twice to end is asked once.
        let asked = |item: usize| matches!(before.items[item].stand, Stand::Runs { stop: true, .. });
        let again = matches!(deed, Deed::Stop(item) if asked(item));
        let right = match answer {
            Answer::Claimed(_) | Answer::Done => lines == usize::from(!beats && !again),
            Answer::Nothing | Answer::Refused(_) => ledger == last.ledger,
        };
        if !right {
            next.wrong.insert(Wrong::ByItself);
        }
        for item in 0..before.items.len() {
            let (was, is) = (before.items[item].stand, after.items[item].stand);
            let touched = lines > 0 && concerns(deed, answer) == Some(item);
            if !touched && was == is {
                continue;
            }
            if let Err(wrong) = self.judged_rightly(deed, answer, item, &before, &after) {
                next.wrong.insert(wrong);
            }
            if let (Deed::Says(..), Stand::Ended(End::Done(_))) = (deed, is) {
                next.completed[item] += 1;
            }
        }
        if let (Deed::Beat(lease), Answer::Done) = (deed, answer)
            && !runs_as(before.items[lease.item].stand, lease.attempt)
        {
            next.wrong.insert(Wrong::Stale);
        }
        (next != *last || matches!(answer, Answer::Claimed(_))).then_some((next, answer))
    }

    /// Whether a change of an item is one that this deed may make of it. This is what the model knows of the promise.
    fn judged_rightly(
        &self,
        deed: Deed,
        answer: Answer,
        item: usize,
        before: &Ledger,
        after: &Ledger,
    ) -> Result<(), Wrong> {
        let (was, is) = (before.items[item].stand, after.items[item].stand);
        let by_itself = Err(Wrong::ByItself);
        if concerns(deed, answer) != Some(item) {
            return by_itself;
        }
        let holds = |attempt: u32| if runs_as(was, attempt) { Ok(()) } else { Err(Wrong::Stale) };
        // What becomes of a claim whose run may have done something.
        let lost = |claims: u32, stop: bool| {
            let retries = self.machine.world.retries[item];
            match is {
                Stand::Waits if !stop && claims <= retries => Ok(()),
                Stand::Waits => Err(Wrong::Repeated),
                Stand::Held(HeldKind::DeadLetter) if !stop && retries > 0 && claims > retries => Ok(()),
                Stand::Held(HeldKind::Lost) if stop || retries == 0 => Ok(()),
                Stand::Held(_) | Stand::Runs { .. } | Stand::Ended(_) => Err(Wrong::ByItself),
            }
        };
        let stop = matches!(was, Stand::Runs { stop: true, .. });
        match (deed, is) {
            (Deed::Claim, Stand::Runs { attempt, stop: false }) => match was {
                Stand::Waits if attempt == before.items[item].claims + 1 => Ok(()),
                Stand::Held(_) => Err(Wrong::Repeated),
                Stand::Waits | Stand::Runs { .. } | Stand::Ended(_) => by_itself,
            },
            (Deed::Says(lease, Word::Success), Stand::Ended(End::Done(FinalStatus::Success)))
            | (Deed::Says(lease, Word::Failure), Stand::Ended(End::Done(FinalStatus::Failure))) => holds(lease.attempt),
            (Deed::Says(lease, Word::Stopped), Stand::Ended(End::Done(FinalStatus::Stopped))) if stop => {
                holds(lease.attempt)
            }
            (Deed::Says(lease, Word::Back), Stand::Waits) if !stop => holds(lease.attempt),
            (Deed::Says(lease, Word::Back), Stand::Held(HeldKind::Lost)) if stop => holds(lease.attempt),
            (Deed::Says(lease, Word::GivenUp), _) => {
                holds(lease.attempt)?;
                lost(before.items[item].claims, stop)
            }
            (Deed::Lose { attempt, beats, .. }, _) => {
                holds(attempt)?;
                if before.items[item].beats != beats {
                    return Err(Wrong::Stale);
                }
                lost(before.items[item].claims, stop)
            }
            (Deed::Stop(_), Stand::Runs { attempt, stop: true }) => holds(attempt),
            (Deed::Revoke(_), Stand::Held(HeldKind::Lost)) if matches!(was, Stand::Runs { .. }) => Ok(()),
            (Deed::Requeue(_), Stand::Waits) | (Deed::Fail(_), Stand::Ended(End::Failed)) => match was {
                Stand::Held(_) => Ok(()),
                Stand::Waits | Stand::Runs { .. } | Stand::Ended(_) => by_itself,
            },
            (Deed::Cancel(_), Stand::Ended(End::Cancelled)) if was == Stand::Waits => Ok(()),
            _ => by_itself,
        }
    }

    /// Whether of everybody who ever held an item one at most would be heard now.
    fn one_holder(&self, moment: &Moment) -> bool {
        let ledger = self.ledger(moment);
        ledger.items.iter().enumerate().all(|(item, at)| {
            let heard = |lease: &Lease| {
                let said = Deed::Says(*lease, Word::Success);
                self.machine.judge(moment.ledger, said, 0).answer == Answer::Done
            };
            self.machine.leases(item, at.claims).iter().filter(|lease| heard(lease)).count() <= 1
        })
    }

    /// Whether an operator, a watch and one worker can bring every item to its end from here, without anybody else's help.
    fn can_end(&self, moment: &Moment) -> bool {
        let mut ledger = moment.ledger;
        let deed = |ledger: &mut LedgerId, deed: Deed| {
            let clocks = self.machine.world.clocks.len();
            // By any clock: one of them is right.
            (0..clocks).rev().find_map(|clock| {
                let Judgement { answer, ledger: after, .. } = self.machine.judge(*ledger, deed, clock);
                let done = matches!(answer, Answer::Done | Answer::Claimed(_));
                done.then(|| {
                    *ledger = after;
                    answer
                })
            })
        };
        // An item takes four steps at most, and as many again where it is claimed for another.
        for _ in 0..10 * self.machine.world.retries.len() {
            let now = self.machine.ledger(ledger);
            let open = now.items.iter().position(|item| !matches!(item.stand, Stand::Ended(_)));
            let Some(item) = open else { return true };
            let took = match now.items[item].stand {
                Stand::Waits => match deed(&mut ledger, Deed::Claim) {
                    Some(Answer::Claimed(lease)) => deed(&mut ledger, Deed::Says(lease, Word::Success)),
                    _ => None,
                },
                Stand::Runs { attempt, .. } => {
                    deed(&mut ledger, Deed::Lose { item, attempt, beats: now.items[item].beats })
                }
                Stand::Held(_) => deed(&mut ledger, Deed::Requeue(item)),
                Stand::Ended(_) => None,
            };
            if took.is_none() {
                return false;
            }
        }
        false
    }
}

fn runs_as(stand: Stand, attempt: u32) -> bool {
    matches!(stand, Stand::Runs { attempt: now, .. } if now == attempt)
}

/// The item that a deed is about.
fn concerns(deed: Deed, answer: Answer) -> Option<usize> {
    match (deed, answer) {
        (Deed::Claim, Answer::Claimed(lease)) => Some(lease.item),
        (Deed::Claim, Answer::Done | Answer::Nothing | Answer::Refused(_)) => None,
        (Deed::Says(lease, _) | Deed::Beat(lease) | Deed::LateBeat(lease), _) => Some(lease.item),
        (
            Deed::Lose { item, .. }
            | Deed::Stop(item)
            | Deed::Revoke(item)
            | Deed::Requeue(item)
            | Deed::Fail(item)
            | Deed::Cancel(item),
            _,
        ) => Some(item),
    }
}

impl Model for Leases {
    type State = Moment;
    type Action = (Step, usize);

    fn init_states(&self) -> Vec<Moment> {
        vec![Moment {
            ledger: 0,
            hands: vec![None; self.workers],
            sent: BTreeMap::new(),
            completed: vec![0; self.machine.world.retries.len()],
            wrong: BTreeSet::new(),
        }]
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<(Step, usize)>) {
        let ledger = self.ledger(moment);
        let mut steps = Vec::new();
        let may_claim = ledger.items.iter().all(|item| item.stand != Stand::Waits || item.claims < self.claims_max);
        for (worker, hand) in moment.hands.iter().enumerate() {
            // Workers are alike: what one could do that another does already is nothing new.
            if worker > 0 && moment.hands[worker - 1] == *hand {
                continue;
            }
            match hand {
                None if may_claim => steps.push(Step::Claims(worker)),
                None => {}
                Some(lease) => {
                    steps.push(Step::Dies(worker));
                    steps.extend(self.words.iter().map(|word| Step::Sends(worker, *word)));
                    if ledger.items[lease.item].beats < self.beats_max {
                        steps.push(Step::Does(Deed::Beat(*lease)));
                    }
                    if ledger.items[lease.item].claims > lease.attempt {
                        steps.push(Step::Does(Deed::LateBeat(*lease)));
                    }
                }
            }
        }
        if may_claim {
            steps.push(Step::ClaimsInVain);
        }
        steps.extend(moment.sent.keys().map(|lease| Step::Arrives(*lease)));
        for (item, at) in ledger.items.iter().enumerate() {
            if matches!(at.stand, Stand::Ended(_)) {
                continue;
            }
            for attempt in self.claims_of(&ledger, item) {
                let looks = (0..=self.beats_max).map(|beats| Step::Does(Deed::Lose { item, attempt, beats }));
                steps.extend(looks);
            }
            steps.extend(self.operator.iter().map(|deed| Step::Does(deed(item))));
        }
        let clocks = self.machine.world.clocks.len();
        actions.extend(steps.into_iter().flat_map(|step| {
            let clocks = match step {
                // No command: nobody's clock is looked at.
                Step::Dies(_) | Step::Sends(..) => 1,
                Step::Claims(_) | Step::ClaimsInVain | Step::Arrives(_) | Step::Does(_) => clocks,
            };
            (0..clocks).map(move |clock| (step, clock))
        }));
    }

    fn next_state(&self, last: &Moment, (step, clock): (Step, usize)) -> Option<Moment> {
        let mut next = match step {
            Step::Claims(worker) => match self.after(last, Deed::Claim, clock)? {
                (mut next, Answer::Claimed(lease)) => {
                    next.hands[worker] = Some(lease);
                    next
                }
                (next, Answer::Done | Answer::Nothing | Answer::Refused(_)) => next,
            },
            Step::ClaimsInVain => self.after(last, Deed::Claim, clock)?.0,
            Step::Dies(worker) => {
                let mut next = last.clone();
                next.hands[worker] = None;
                next
            }
            Step::Sends(worker, word) => {
                let mut next = last.clone();
                next.sent.insert(next.hands[worker].take()?, word);
                next
            }
            Step::Arrives(lease) => self.after(last, Deed::Says(lease, last.sent[&lease]), clock)?.0,
            Step::Does(deed) => self.after(last, deed, clock)?.0,
        };
        next.hands.sort_unstable();
        Some(next)
    }

    fn within_boundary(&self, moment: &Moment) -> bool {
        self.ledger(moment).items.iter().all(|item| item.claims <= self.claims_max)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let ended_well = |model: &Self, moment: &Moment| {
            let ledger = model.ledger(moment);
            ledger.items.iter().all(|item| item.stand == Stand::Ended(End::Done(FinalStatus::Success)))
        };
        let mut properties = vec![
            Property::always("no item is completed twice", |_, moment: &Moment| {
                moment.completed.iter().all(|times| *times <= 1)
            }),
            Property::always(STALE, |_, moment: &Moment| !moment.wrong.contains(&Wrong::Stale)),
            Property::always(ONE_HOLDER, |model: &Self, moment: &Moment| model.one_holder(moment)),
            Property::always("nothing is repeated that nobody allowed", |_, moment: &Moment| {
                !moment.wrong.contains(&Wrong::Repeated)
            }),
            Property::always("nothing changes by itself", |_, moment: &Moment| {
                !moment.wrong.contains(&Wrong::ByItself)
            }),
            Property::always("every item is there, by every way that leads to it", |model: &Self, moment: &Moment| {
                model.ledger(moment).problem.is_none()
            }),
            Property::always("an operator and one worker can bring every item to its end", |model: &Self, moment| {
                model.can_end(moment)
            }),
            Property::sometimes("every item succeeds", ended_well),
            Property::sometimes("an item succeeds after a claim of it was lost", |model: &Self, moment: &Moment| {
                let ledger = model.ledger(moment);
                let again = |item: &crate::machine::Item| {
                    item.claims > 1 && item.stand == Stand::Ended(End::Done(FinalStatus::Success))
                };
                ledger.items.iter().any(again)
            }),
            Property::sometimes("a word that comes too late finds the item done", |model: &Self, moment: &Moment| {
                let ledger = model.ledger(moment);
                moment.sent.keys().any(|lease| {
                    let item = &ledger.items[lease.item];
                    lease.attempt < item.claims && item.stand == Stand::Ended(End::Done(FinalStatus::Success))
                })
            }),
        ];
        if self.words.contains(&Word::Stopped) {
            properties.push(Property::sometimes(
                "a run ends because it was asked to",
                |model: &Self, moment: &Moment| {
                    let stopped = Stand::Ended(End::Done(FinalStatus::Stopped));
                    model.ledger(moment).items.iter().any(|item| item.stand == stopped)
                },
            ));
        }
        properties
    }
}

/// Where a word of a claim that had ended counts.
pub(crate) const STALE: &str = "no word of a claim that has ended is accepted";
/// Where two holders would both be heard.
pub(crate) const ONE_HOLDER: &str = "of everybody who ever held an item one at most is heard";
