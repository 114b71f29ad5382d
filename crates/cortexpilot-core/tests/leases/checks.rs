//! The models that are searched through, to the last state that can be reached in them.

use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use stateright::{Checker as _, Model as _};

use crate::machine::{Deed, Machine, Word, World, start};
use crate::model::{Leases, ONE_HOLDER, OPERATOR, STALE};

/// A model, and how it is spoken of.
struct Case {
    name: &'static str,
    /// Of each item, how often its contract lets it be repeated.
    retries: &'static [u32],
    workers: usize,
    claims_max: u32,
    beats_max: u64,
    /// Years by which clocks of processes are wrong.
    clocks: &'static [i64],
    words: &'static [Word],
    operator: &'static [fn(usize) -> Deed],
}

/// One item, all that can be said and done about it, right clocks: where nothing else is asked for.
const ALL: Case = Case {
    name: "",
    retries: &[1],
    workers: 2,
    claims_max: 2,
    beats_max: 1,
    clocks: &[0],
    words: Word::ALL,
    operator: OPERATOR,
};

impl Case {
    fn model(&self, fenced: bool) -> Leases {
        let wrong = |years: &i64| start() + SignedDuration::from_hours(24 * 365 * years);
        let world = World { retries: self.retries.to_vec(), clocks: self.clocks.iter().map(wrong).collect(), fenced };
        Leases {
            machine: Arc::new(Machine::new(world)),
            workers: self.workers,
            claims_max: self.claims_max,
            beats_max: self.beats_max,
            words: self.words,
            operator: self.operator,
        }
    }

    #[expect(clippy::print_stdout, reason = "the figures of the test")]
    fn holds(&self) {
        let began = Instant::now();
        let model = self.model(true);
        let machine = model.machine.clone();
        let checker = model.checker().threads(2).spawn_bfs().join();
        assert!(checker.is_done(), "the search did not come to its end");
        let (ledgers, deeds) = machine.judged();
        println!("fired: {deeds} deeds upon leases in every order");
        println!(
            "figure: {}: {} states, {} of them different, {} steps deep; {ledgers} ledgers, {deeds} deeds judged by the \
             product's code; every promise holds; {:.1} s",
            self.name,
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth(),
            began.elapsed().as_secs_f64()
        );
        checker.assert_properties();
    }
}

#[test]
fn every_promise_holds_in_every_order_of_what_can_happen_to_one_item() {
    let case =
        Case { name: "3 workers, 1 item that may be repeated once", workers: 3, claims_max: 3, beats_max: 2, ..ALL };
    let long =
        Case { name: "4 workers, 1 item that may be repeated twice", workers: 4, claims_max: 4, retries: &[2], ..case };
    sized(case, long).holds();
}

#[test]
fn every_promise_holds_for_an_item_that_is_never_repeated_without_asking() {
    let case = Case { name: "2 workers, 1 item that may not be repeated", retries: &[0], claims_max: 3, ..ALL };
    let long = Case { name: "3 workers, 1 item that may not be repeated", workers: 3, claims_max: 4, ..case };
    sized(case, long).holds();
}

#[test]
fn every_promise_holds_for_two_items_between_two_workers() {
    let case = Case {
        name: "2 workers, 2 items, of which one may be repeated",
        retries: &[0, 1],
        beats_max: 0,
        words: &[Word::Success, Word::GivenUp],
        operator: &[Deed::Requeue],
        ..ALL
    };
    let long = Case {
        name: "2 workers, 2 items, of which one may be repeated; they may be handed back and revoked",
        words: &[Word::Success, Word::Back, Word::GivenUp],
        operator: &[Deed::Requeue, Deed::Revoke],
        ..case
    };
    sized(case, long).holds();
}

#[test]
fn every_promise_holds_while_clocks_are_ten_years_wrong() {
    let case = Case {
        name: "2 workers, 1 item, each command by a clock that is right, or ten years ahead or behind",
        clocks: &[0, 10, -10],
        beats_max: 0,
        words: &[Word::Success, Word::Back, Word::GivenUp],
        operator: &[Deed::Requeue, Deed::Revoke],
        ..ALL
    };
    let long = Case { beats_max: 1, words: Word::ALL, operator: OPERATOR, ..case };
    sized(case, long).holds();
}

/// The control: the same model with tokens that nobody looks at. The search must find what they are there for.
#[test]
fn without_fencing_the_search_finds_a_late_word_that_is_accepted() {
    let case = Case { name: "without fencing", beats_max: 0, ..ALL };
    // The shortest way there, by looking one step further each time.
    let found = |name: &'static str| {
        (2..20).find_map(|depth| case.model(false).checker().target_max_depth(depth).spawn_bfs().join().discovery(name))
    };
    for (name, what) in [(STALE, "a late word is accepted"), (ONE_HOLDER, "two holders are heard")] {
        let path = found(name).unwrap_or_else(|| panic!("`{name}` was not refuted")).into_actions();
        let steps: Vec<String> = path.iter().map(|(step, _)| format!("{step:?}")).collect();
        println!("figure: control: without fencing {what} after {} steps: {}", steps.len(), steps.join(", "));
    }
}

/// The first, or the second in a long campaign: where the test's own environment says `CORTEXPILOT_FAULTS=long`. The product
/// never sees that variable.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, which the product never sees")]
fn sized(usual: Case, long: Case) -> Case {
    match std::env::var("CORTEXPILOT_FAULTS") {
        Ok(size) if size == "long" => long,
        Ok(other) => panic!("CORTEXPILOT_FAULTS is `{other}`; it may be `long`"),
        Err(_) => usual,
    }
}
