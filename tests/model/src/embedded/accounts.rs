//! Admission in memory.

#[path = "../../../../filters/store/src/embedded/accounts/counters.rs"]
pub(super) mod counters;
#[path = "../../../../filters/store/src/embedded/accounts/key.rs"]
pub(super) mod key;
#[path = "../../../../filters/store/src/embedded/accounts/places.rs"]
pub(super) mod places;
#[path = "../../../../filters/store/src/embedded/accounts/window_clock.rs"]
pub(super) mod window_clock;
