//! The journal's groups.

#[path = "../../../../filters/store/src/embedded/journal/combiner.rs"]
pub(super) mod combiner;
