//! The words that slugs are made of.

/// What something is like.
pub(super) const ADJECTIVES: [&str; 40] = [
    "amber", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "cosy", "crisp",
    "early", "fair", "fresh", "gentle", "golden", "grand", "green", "happy", "hardy", "honest",
    "humble", "keen", "kind", "lively", "lucky", "mellow", "merry", "neat", "noble", "patient",
    "polite", "proud", "quick", "quiet", "silver", "steady", "sunny", "swift", "warm", "wise",
];

/// What it is.
pub(super) const NOUNS: [&str; 40] = [
    "acorn", "badger", "beacon", "birch", "brook", "canyon", "cedar", "cliff", "cloud", "comet",
    "coral", "falcon", "fern", "field", "fox", "garden", "harbour", "hazel", "heron", "hill",
    "island", "lake", "lantern", "lark", "maple", "meadow", "moon", "otter", "owl", "pebble",
    "pine", "pond", "raven", "reed", "ridge", "river", "robin", "sparrow", "stone", "willow",
];
