//! What is booked of a request whose lease was lost.

use behest_contract::book::Row;

/// As many tokens as are known, else as many as were told at its admission.
pub(crate) fn lost_tokens(sketch: &Row, known_tokens: u64) -> u64 {
    if known_tokens == 0 {
        return sketch.prompt_tokens.saturating_add(sketch.completion_tokens);
    }
    known_tokens
}

/// The row.
pub(crate) fn lost_row(sketch: &Row, known_tokens: u64) -> Row {
    let tokens = lost_tokens(sketch, known_tokens);
    let prompt_tokens = sketch.prompt_tokens.min(tokens);
    Row {
        ending: "lost".into(),
        estimated: true,
        prompt_tokens,
        completion_tokens: tokens - prompt_tokens,
        ..sketch.clone()
    }
}
