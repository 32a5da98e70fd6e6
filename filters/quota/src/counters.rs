//! What this process counts by itself.

use crate::window::{Minute, Window};
use behest_contract::clock::Clock;
use behest_contract::purse::{MemoryPurse, Purse};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What this process counts by itself: minted tokens by API key, and everything else for whoever has
/// no [`Purse`] of their own. Made once per process: configurations come and go, and what is used of a
/// minute stays.
///
/// One counter per key that has ever minted, until a new configuration sweeps those without use: ask
/// for keys that exist, never for names that a client may invent.
#[derive(Default)]
pub struct Counters {
    windows: RwLock<HashMap<Arc<str>, Arc<Window>>>,
    purse: OnceLock<Arc<MemoryPurse>>,
}

impl Counters {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A purse that counts in this process and forgets when it ends. The first clock stays.
    pub fn purse(&self, clock: &Arc<dyn Clock>) -> Arc<dyn Purse> {
        self.purse.get_or_init(|| Arc::new(MemoryPurse::new(clock.clone()))).clone()
    }

    /// A key's window, made at first sight.
    pub(crate) fn window(&self, key: &str) -> Arc<Window> {
        if let Some(window) = self.windows.read().get(key) {
            return window.clone();
        }
        self.windows.write().entry(key.into()).or_default().clone()
    }

    /// Forgets windows that nobody holds and in which nothing was counted lately.
    ///
    /// A window is handed out under the lock only, so none is forgotten that is in somebody's hands.
    pub(crate) fn sweep(&self, now: Minute) {
        self.windows
            .write()
            .retain(|_, window| Arc::strong_count(window) > 1 || window.tally(now).count > 0);
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters")
            .field("keys", &self.windows.read().len())
            .field("purse", &self.purse.get())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Counters;
    use crate::window::Minute;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn only_windows_without_use_are_swept() {
        let now = Minute::of(Duration::from_secs(600));
        let next = Minute::of(Duration::from_secs(660));
        let counters = Counters::new();
        let held = counters.window("held");
        assert!(counters.window("used").take(now, 9).is_ok());
        drop(counters.window("idle"));
        let names = || {
            let mut names: Vec<_> =
                counters.windows.read().keys().map(|id| id.to_string()).collect();
            names.sort_unstable();
            names
        };
        counters.sweep(now);
        assert_eq!(names(), ["held", "used"]);
        counters.sweep(next);
        assert_eq!(names(), ["held"]);
        assert!(Arc::ptr_eq(&held, &counters.window("held")));
    }
}
