//! Reading the configuration again: whole or not at all.

use crate::config::Config;
use crate::house::{House, Replaced};
use crate::snapshot::Snapshot;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Why the configuration in force stays in force: one line for each error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReloaded(pub Vec<String>);

/// Reads the file again, away from the event loop, and puts it in force if all of it is right. Told is
/// what of it waits for the next start.
pub async fn reload_off_loop(
    house: &Arc<House>,
    path: &Path,
) -> Result<Vec<&'static str>, NotReloaded> {
    let path = path.to_owned();
    let waiting = Arc::new(OnceLock::new());
    let (started_with, waits) = (house.started_with.clone(), waiting.clone());
    let reloaded = house.replace(move |fixtures, before| {
        let config = Config::load(&path).map_err(|errors| NotReloaded(lines(&errors)))?;
        config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
        waits.get_or_init(|| restart_needed(&started_with, &config));
        let snapshot = Snapshot::of_config(config, fixtures, before);
        snapshot.map(Some).map_err(|error| NotReloaded(lines(&error)))
    });
    let reloaded = reloaded.await.map_err(|error| match error {
        Replaced::Failed(errors) => errors,
        Replaced::Busy => NotReloaded(vec!["The gateway is too busy.".to_owned()]),
    });
    house.fixtures.meter.reloaded(reloaded.is_ok(), house.clock.unix());
    let waiting = waiting.get().cloned().unwrap_or_default();
    match &reloaded {
        Ok(()) => {
            log::info!("the configuration was read again");
            waiting.iter().for_each(|name| log::warn!("{name} takes effect at the next start"));
        }
        Err(NotReloaded(lines)) => lines
            .iter()
            .for_each(|line| log::error!("the configuration was not read again: {line}")),
    }
    reloaded.map(|()| waiting)
}

fn lines(errors: &impl ToString) -> Vec<String> {
    errors.to_string().lines().map(str::to_owned).collect()
}

/// The fields that are not as they were at the start, and that only a start takes over: what was bound,
/// opened or sized then stays as it is.
fn restart_needed(started: &Config, now: &Config) -> Vec<&'static str> {
    let fields = [
        ("listen", started.listen != now.listen),
        ("workers", started.workers != now.workers),
        ("data", started.data != now.data),
        ("admin_secret", started.admin_secret != now.admin_secret),
        ("master_key", started.master_key != now.master_key),
        ("older_master_keys", started.older_master_keys != now.older_master_keys),
        ("store", started.store != now.store),
        // The process's own end was set by the first; less than that may be asked for.
        ("drain_timeout", started.drain_timeout.duration() < now.drain_timeout.duration()),
        ("log", started.log != now.log),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::restart_needed;
    use crate::config::Config;
    use std::path::Path;

    fn secret(name: &str) -> Option<String> {
        (name == "A_SECRET").then(|| "the admin secret of a test".to_owned())
    }

    fn config(text: &str) -> Config {
        Config::parse(text, "f.yaml", Path::new("/"), &secret).unwrap()
    }

    #[test]
    fn only_what_a_start_takes_over_waits_for_one() {
        for (text, waits) in [
            ("body_limit: 1MiB", vec![]),
            ("drain_timeout: 1s", vec![]),
            ("drain_timeout: 60s", vec!["drain_timeout"]),
            ("listen: {admin: '127.0.0.1:9'}", vec!["listen"]),
            ("workers: 3\ndata: /elsewhere\nlog: {level: debug}", vec!["workers", "data", "log"]),
            ("admin_secret: env:A_SECRET", vec!["admin_secret"]),
        ] {
            assert_eq!(restart_needed(&config("{}"), &config(text)), waits, "{text}");
            assert_eq!(restart_needed(&config(text), &config(text)), [""; 0], "{text}");
        }
    }
}
