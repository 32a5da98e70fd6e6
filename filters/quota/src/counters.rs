//! The counters of all projects.

use crate::window::{Minute, Window};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// What has been counted, by project. Made once per process: configurations come and go, and what a
/// project has used of its minute stays.
///
/// One counter per project that was ever admitted or configured, until a new configuration sweeps
/// those without use: ask for projects that exist, never for names that a client may invent.
#[derive(Debug, Default)]
pub struct Counters {
    windows: RwLock<HashMap<Arc<str>, Arc<Window>>>,
}

impl Counters {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A project's window, made at first sight.
    pub(crate) fn window(&self, project: &str) -> Arc<Window> {
        if let Some(window) = self.windows.read().get(project) {
            return window.clone();
        }
        self.windows.write().entry(project.into()).or_default().clone()
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
