//! Reading the configuration again: whole or not at all.

use crate::config::Config;
use crate::house::{House, Replaced};
use crate::snapshot::Snapshot;
use std::path::Path;
use std::sync::Arc;

/// Why the configuration in force stays in force: one line for each error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReloaded(pub Vec<String>);

/// Reads the file again, away from the event loop, and puts it in force if all of it is right.
pub async fn reload_off_loop(house: &Arc<House>, path: &Path) -> Result<(), NotReloaded> {
    let path = path.to_owned();
    let reloaded = house.replace(move |fixtures, before| {
        let config = Config::load(&path).map_err(|errors| NotReloaded(lines(&errors)))?;
        tell_what_waits(&before.config, &config);
        let snapshot = Snapshot::of_config(config, fixtures, before);
        snapshot.map(Some).map_err(|error| NotReloaded(lines(&error)))
    });
    let reloaded = reloaded.await.map_err(|error| match error {
        Replaced::Failed(errors) => errors,
        Replaced::Busy => NotReloaded(vec!["The gateway is too busy.".to_owned()]),
    });
    house.fixtures.meter.reloaded(reloaded.is_ok(), house.clock.unix());
    match &reloaded {
        Ok(()) => log::info!("the configuration was read again"),
        Err(NotReloaded(lines)) => lines
            .iter()
            .for_each(|line| log::error!("the configuration was not read again: {line}")),
    }
    reloaded
}

fn lines(errors: &impl ToString) -> Vec<String> {
    errors.to_string().lines().map(str::to_owned).collect()
}

/// What was bound at start stays as it is until the next one.
fn tell_what_waits(before: &Config, after: &Config) {
    let bound = [
        (
            "listen",
            before.listen.data != after.listen.data || before.listen.admin != after.listen.admin,
        ),
        ("workers", before.workers != after.workers),
        ("data", before.data != after.data),
        ("store", before.store != after.store),
        ("log", before.log != after.log),
    ];
    for (name, _) in bound.iter().filter(|(_, differs)| *differs) {
        log::warn!("{name} has changed in the configuration; it takes effect at the next start");
    }
}
