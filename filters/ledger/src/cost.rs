//! What a request cost.

use behest_contract::money::MicroUsd;

/// What a request cost, as far as that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// So much.
    Known(MicroUsd),
    /// The model has no price, which is not the same as being free.
    Unpriced,
}

impl Cost {
    /// The amount, if it is known.
    pub const fn known(self) -> Option<MicroUsd> {
        match self {
            Self::Known(amount) => Some(amount),
            Self::Unpriced => None,
        }
    }
}
