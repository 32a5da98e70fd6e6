//! Thousands of orders in which threads may go on.

use behest_model::embedded::checks;

/// So many that a run takes seconds.
const ORDERS: usize = 5_000;

#[test]
fn a_budget_is_never_overdrawn_and_nothing_stays_reserved() {
    shuttle::check_random(checks::a_budget_is_never_overdrawn_and_nothing_stays_reserved, ORDERS);
    shuttle::check_pct(checks::a_budget_is_never_overdrawn_and_nothing_stays_reserved, ORDERS, 4);
}

#[test]
fn a_journal_that_fails_loses_nothing_that_was_answered() {
    shuttle::check_random(checks::a_journal_that_fails_loses_nothing_that_was_answered, ORDERS);
    shuttle::check_pct(checks::a_journal_that_fails_loses_nothing_that_was_answered, ORDERS, 4);
}
