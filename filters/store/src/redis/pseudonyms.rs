//! Erasing an end user from what has been used.

use super::desk::Desk;
use super::link::Invocation;
use super::names::{TENANTS, prefix_of};
use super::scripts;
use super::usage::{Cell, Step, cells, failed, texts};
use behest_contract::directory::Failure;
use redis::cmd;
use std::sync::Arc;

/// Puts a pseudonym in the place of an end user of a project, whoever the tenant is.
pub(super) async fn erase_user(
    desk: Arc<Desk>,
    project: Box<str>,
    user: Box<str>,
    pseudonym: Box<str>,
) -> Result<(), Failure> {
    let mut asks = cmd("SMEMBERS");
    asks.arg(TENANTS);
    for tenant in texts(desk.line.call(asks).await.map_err(failed)?)? {
        let prefix = prefix_of(&tenant);
        let to = format!("{prefix}u:{project}:");
        for step in [Step::Minute, Step::Hour, Step::Day] {
            let mut asks = cmd("ZRANGE");
            asks.arg(format!("{to}i:{}", step.letter())).arg(0).arg(-1);
            for begin in texts(desk.line.call(asks).await.map_err(failed)?)? {
                let key = format!("{to}{}:{begin}", step.letter());
                rename(&desk, &prefix, &key, &user, &pseudonym).await?;
            }
        }
    }
    Ok(())
}

async fn rename(
    desk: &Desk,
    prefix: &str,
    key: &str,
    user: &str,
    pseudonym: &str,
) -> Result<(), Failure> {
    for name in cells(desk, key).await?.into_iter().step_by(2) {
        let Ok(mut cell) = serde_json::from_str::<Cell>(&name) else { continue };
        if cell.0.as_deref() != Some(user) {
            continue;
        }
        cell.0 = Some(pseudonym.into());
        let renamed = serde_json::to_string(&cell).unwrap_or_default();
        let renames = Invocation::new(&scripts::RENAME).key(key).arg(prefix).arg("");
        desk.line.eval(renames.arg(name).arg(renamed)).await.map_err(failed)?;
    }
    Ok(())
}
