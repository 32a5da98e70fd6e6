//! Which kinds there are.

use crate::openai::OpenAi;
use behest_contract::dialect::Dialect;
use std::sync::Arc;

/// The dialect of a kind of provider, by the name that the configuration uses.
pub fn dialect(kind: &str) -> Option<Arc<dyn Dialect>> {
    match kind {
        "openai" => Some(Arc::new(OpenAi)),
        _ => None,
    }
}
