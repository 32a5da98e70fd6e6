//! Random names, from the machine's own source.

use crate::error::Error;
use uuid::{Builder, Uuid};

/// A UUID of version 4.
pub(crate) fn uuid() -> Result<Uuid, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::NoRandom)?;
    Ok(Builder::from_random_bytes(bytes).into_uuid())
}

/// 32 lower-case hexadecimal digits after a prefix.
pub(crate) fn named(prefix: &str) -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::NoRandom)?;
    // All 128 bits are random, where a UUID would give six of them away.
    Ok(format!("{prefix}{}", Uuid::from_bytes(bytes).simple()))
}
