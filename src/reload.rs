//! Reading the configuration again: whole or not at all.

use crate::config::Config;
use crate::house::House;
use crate::snapshot::Snapshot;
use behest_contract::ports::offloaded;
use std::path::Path;
use std::sync::Arc;

/// Why the configuration in force stays in force: one line for each error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReloaded(pub Vec<String>);

/// Reads the file again, away from the event loop, and puts it in force if all of it is right.
pub async fn reload_off_loop(house: &Arc<House>, path: &Path) -> Result<(), NotReloaded> {
    let (ours, path) = (house.clone(), path.to_owned());
    let done = offloaded(house.fixtures.offload.as_ref(), move || reload(&ours, &path));
    done.await.unwrap_or_else(|_| Err(NotReloaded(vec!["The gateway is too busy.".to_owned()])))
}

fn reload(house: &House, path: &Path) -> Result<(), NotReloaded> {
    let before = house.snapshot();
    let reloaded = Config::load(path)
        .map_err(|errors| NotReloaded(errors.to_string().lines().map(str::to_owned).collect()))
        .and_then(|config| {
            Snapshot::new(config, &house.fixtures, Some(&before))
                .map_err(|error| NotReloaded(vec![error.to_string()]))
        });
    house.fixtures.meter.reloaded(reloaded.is_ok(), house.clock.unix());
    match reloaded {
        Ok(snapshot) => {
            tell_what_waits(&before.config, &snapshot.config);
            house.replace(snapshot);
            log::info!("the configuration was read again");
            Ok(())
        }
        Err(errors) => {
            for line in &errors.0 {
                log::error!("the configuration was not read again: {line}");
            }
            Err(errors)
        }
    }
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
        ("log", before.log != after.log),
    ];
    for (name, _) in bound.iter().filter(|(_, differs)| *differs) {
        log::warn!("{name} has changed in the configuration; it takes effect at the next start");
    }
}
