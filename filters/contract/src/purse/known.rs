//! What is known of a request that is under way.

use crate::book::{Bucket, Row};
use crate::delta::Usage;
use crate::price::Price;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What is known of a request while it is under way, to be booked if its process dies: whoever serves it
/// keeps it up to date, and the purse looks at it every now and then.
///
/// Nothing of it waits or allocates where a request is sent once.
#[derive(Debug, Default)]
pub struct Known {
    price: Option<Price>,
    tokens: AtomicU64,
    attempts: AtomicU32,
    first: OnceLock<Sent>,
    /// Where it was sent last, if it was sent more than once.
    last: Mutex<Option<Sent>>,
}

/// Where a request was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// Whose key it was called with.
    pub bucket: Bucket,
}

impl Known {
    /// Of a request whose tokens cost so much; `None` if that is not known.
    pub fn priced(price: Option<Price>) -> Self {
        Self { price, ..Self::default() }
    }

    /// What its tokens cost.
    pub fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    /// So many tokens were used so far, read and written.
    pub fn note_tokens(&self, tokens: u64) {
        self.tokens.store(tokens, Ordering::Relaxed);
    }

    /// How many tokens were used so far; 0 if nothing was noted.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// It is sent to a provider.
    pub fn note_sent(&self, provider: &Arc<str>, bucket: Bucket) {
        let sent = Sent { provider: provider.clone(), bucket };
        if let Err(again) = self.first.set(sent) {
            *self.last.lock() = Some(again);
        }
        self.attempts.fetch_add(1, Ordering::Release);
    }

    /// How often it was sent.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Acquire)
    }

    /// Where it was sent last.
    pub fn sent(&self) -> Option<Sent> {
        let last = self.last.lock().clone();
        last.or_else(|| self.first.get().cloned())
    }

    /// The row to be booked if it is lost now.
    pub fn lost_row(&self, sketch: &Row) -> Row {
        let mut row = lost_row(sketch, self.price(), self.tokens());
        if let Some(sent) = self.sent() {
            sent.name_in(&mut row, self.attempts());
        }
        row
    }
}

impl Sent {
    /// Writes into a row where its request was sent, and how often.
    pub fn name_in(self, row: &mut Row, attempts: u32) {
        (row.provider, row.bucket, row.attempts) = (self.provider, self.bucket, attempts);
    }
}

/// The row of a request whose lease was lost: as many tokens as are known, else as many as its sketch has,
/// at its price, or at the sketch's cost where there is none.
pub fn lost_row(sketch: &Row, price: Option<&Price>, known_tokens: u64) -> Row {
    let told = sketch.prompt_tokens.saturating_add(sketch.completion_tokens);
    let tokens = if known_tokens == 0 { told } else { known_tokens };
    let prompt_tokens = sketch.prompt_tokens.min(tokens);
    let completion_tokens = tokens - prompt_tokens;
    let used = Usage { prompt_tokens, completion_tokens, ..Usage::default() };
    let cost = price.map(|price| price.cost(&used).micros());
    Row {
        ending: "lost".into(),
        estimated: true,
        prompt_tokens,
        completion_tokens,
        micro_usd: cost.or(sketch.micro_usd),
        ..sketch.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Sent};
    use crate::book::{Bucket, Row};
    use crate::money::MicroUsd;
    use crate::price::Price;

    #[test]
    fn the_last_provider_is_told_and_all_attempts() {
        let known = Known::default();
        assert_eq!((known.sent(), known.attempts()), (None, 0));
        for (provider, attempts) in [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)] {
            known.note_sent(&provider.into(), Bucket::Byok);
            let sent = Sent { provider: provider.into(), bucket: Bucket::Byok };
            assert_eq!((known.sent(), known.attempts()), (Some(sent), attempts));
        }
        let row = known.lost_row(&Row { id: "r".into(), ..Row::default() });
        assert_eq!((&*row.id, &*row.provider, row.bucket), ("r", "b", Bucket::Byok));
        assert_eq!(row.attempts, 5);
    }

    #[test]
    fn what_is_lost_is_booked_at_what_is_known_of_it() {
        let price = Price::new(MicroUsd::new(1_000_000), MicroUsd::new(2_000_000));
        // (tokens told, known, read, written, cost)
        let cases =
            [(0, 0, 0, 0, 0), (50, 0, 50, 0, 50), (50, 80, 50, 30, 110), (50, 20, 20, 0, 20)];
        for (prompt_tokens, tokens, read, written, cost) in cases {
            let sketch = Row { prompt_tokens, micro_usd: Some(9), ..Row::default() };
            for (price, cost) in [(Some(price), cost), (None, 9)] {
                let known = Known::priced(price);
                known.note_tokens(tokens);
                let row = known.lost_row(&sketch);
                assert_eq!((row.prompt_tokens, row.completion_tokens), (read, written));
                assert_eq!(row.micro_usd, Some(cost), "{prompt_tokens} {tokens}");
                assert!(&*row.ending == "lost" && row.estimated);
            }
        }
        assert_eq!(Known::default().lost_row(&Row::default()).micro_usd, None);
    }
}
