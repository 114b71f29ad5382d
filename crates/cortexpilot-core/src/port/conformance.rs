//! What every store promises, as tests: a store's crate calls [`conformance!`](crate::conformance!) with a function that
//! makes an empty store, and gets one test for each promise. A fault found in one store becomes a promise here first.
//!
//! The store in memory is held to the same promises, so that tests which use it in place of a real one prove something.

use super::Store;
use crate::codec::decision::Decision;

mod enqueue;
mod governance;
mod hands;
mod leases;
mod limits;
mod reading;
mod refusals;
mod scene;
mod sessions;
mod work;

pub use enqueue::*;
pub use governance::*;
pub use hands::*;
pub use leases::*;
pub use limits::*;
pub use reading::*;
pub use refusals::*;
pub use scene::{
    Ask, agent, approve, cancel, claim, complete, execute, govern, known, lease, nobody, operator, operator_at, person,
    reject, revoke, soon, start, token, worker,
};
pub use sessions::*;
pub use work::*;

/// A store under test.
pub trait Subject {
    /// The store, empty at first.
    fn store(&self) -> &dyn Store;
    /// What it has recorded of refusals and decisions.
    fn decisions(&self) -> Vec<Decision>;
    /// The same store once more, opened now, as another process has it; `None` where there is no such thing.
    fn another(&self) -> Option<Box<dyn Store>> {
        None
    }
}

pub use super::block_on;

/// One test for each promise of [`port::conformance`](crate::port::conformance), each on a store of its own that the given
/// function makes.
#[macro_export]
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance! { $make;
            an_apply_appends_exactly_one_item
            the_same_preview_applied_again_answers_the_same_item
            the_same_key_and_arguments_answer_the_same_item
            the_same_key_with_other_arguments_is_a_conflict
            two_principals_may_use_equal_keys
            an_equal_pending_item_is_refused_and_named
            an_operator_may_duplicate_and_nobody_else
            a_preview_is_stale_once_a_pending_item_of_its_run_appeared
            sixteen_applies_of_one_preview_append_one_item
            applies_at_once_are_all_there
            callers_that_block_and_callers_that_wait_are_served_alike
            an_item_knows_how_deep_its_run_is
            what_a_principal_queued_is_counted
            a_limit_holds_among_applies_at_once
            items_are_claimed_by_priority_then_instant_then_age
            an_item_is_not_claimed_before_its_time
            an_empty_queue_has_nothing_to_claim
            cancelling_and_claiming_exclude_each_other
            each_item_is_claimed_once
            completing_takes_the_lease_of_this_claim
            closed_items_stay_closed
            commands_together_are_judged_one_after_the_other
            work_is_done_in_batches
            an_item_is_handed_in_and_the_next_taken_in_one_call
            groups_of_commands_at_once_keep_their_order
            time_never_goes_back
            lists_are_in_enqueue_order_and_page_without_gaps
            lists_go_in_both_directions
            lists_filter_by_status_and_workflow
            items_are_counted_by_where_they_stand
            what_was_done_lately_is_counted
            a_second_item_of_one_task_hides_nothing
            what_was_acknowledged_is_read
            an_answer_rests_on_everything_before_it
            health_counts_and_names_the_head
            lines_are_paged_in_both_directions_without_gaps
            the_lines_of_an_item_are_its_own_in_their_order
            an_item_is_known_as_it_stood_behind_each_of_its_lines
            decision_lines_are_found_by_what_they_say
            a_refusal_leaves_the_queue_as_it_was
            refusals_are_recorded_with_who_what_and_why
            refusals_beyond_sixty_a_minute_are_counted
            callers_without_a_name_leave_no_line
            a_freeze_holds_for_the_next_command_and_the_rollback_works_all_the_same
            a_raised_floor_holds_for_the_next_apply
            a_token_taken_back_is_refused_at_the_next_command
            a_request_becomes_its_item_and_no_other
            what_was_decided_is_known_to_whoever_opens_the_store_later
            of_twenty_approvers_at_once_one_makes_the_line
            of_twenty_approvers_at_once_two_are_in_the_line_where_two_must_agree
            an_approval_and_a_rejection_exclude_each_other
            nothing_is_approved_behind_a_freeze
            applies_at_once_of_one_preview_ask_once
            a_refused_decision_is_recorded_with_its_request
            decisions_never_go_back_in_time
            requests_and_tokens_are_listed_in_order
            a_token_is_worth_nothing_after_its_claim_ended
            a_lost_item_waits_for_an_operator_unless_its_contract_says_otherwise
            what_is_lost_is_repeated_as_often_as_its_contract_says
            a_lease_ends_only_for_what_is_still_silent
            no_clock_ends_a_lease
            a_stop_is_asked_for_told_and_acknowledged
            an_item_is_given_back_before_or_after_its_run_began
            a_passed_deadline_closes_what_nobody_claimed
            limits_hold_among_items_that_have_something_in_common
            a_claim_that_names_an_item_takes_that_one_or_none
            a_pause_stops_claims_and_a_freeze_lets_work_end
            only_operators_stop_revoke_requeue_and_fail
            a_claim_ends_once
            a_heartbeat_leaves_no_line_and_is_known_to_everybody
            a_watch_finds_what_is_silent_for_a_whole_lease
            what_may_be_claimed_is_shown_in_claim_order
            an_item_that_was_claimed_often_keeps_all_its_lines
            workers_are_known_while_they_say_that_they_are_there
            a_session_is_known_to_everybody_until_it_is_ended_and_leaves_no_line
            sessions_of_a_principal_end_together_and_those_of_others_go_on
            of_many_that_redeem_a_login_at_once_one_has_it
            what_is_over_is_swept_and_beyond_the_limit_the_oldest_ends
        }
    };
    ($make:expr; $($promise:ident)+) => {
        $(
            #[test]
            fn $promise() {
                let subject = $make();
                $crate::port::conformance::block_on($crate::port::conformance::$promise(&subject));
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::decision;
    use crate::port::fake::MemStore;

    struct InMemory(MemStore);

    impl Subject for InMemory {
        fn store(&self) -> &dyn Store {
            &self.0
        }

        fn decisions(&self) -> Vec<Decision> {
            let lines = self.0.decisions();
            lines.iter().map(|line| decision::decode(line.as_bytes()).expect("a decision line")).collect()
        }
    }

    crate::conformance!(|| InMemory(MemStore::default()));
}
