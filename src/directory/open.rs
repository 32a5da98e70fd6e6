//! At start: the store opened, its records read, and the master key found that opens what is sealed.

use super::draft::{Audit, Draft};
use super::objects::{Object, SealCheckObject};
use super::sealed::Sealed;
use super::{Engines, Objects, own_keys};
use crate::config::Config;
use crate::house::random_hex;
use crate::ports::{Keyring, MasterKey};
use behest_contract::book::Book;
use behest_contract::clock::Clock;
use behest_contract::directory::{Directory, Expect, Failure, Revision};
use behest_contract::events::Events;
use behest_contract::purse::Purse;
use behest_contract::seal::{Place, Seal};
use behest_contract::secret::Secret;
use behest_store::{Embedded, Redis};
use futures::executor::block_on;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a store that cannot be reached is waited for.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// How often another node may be faster at the first start.
const FIRST_STARTS_MAX: usize = 5;

/// What a start has found.
pub struct Opened {
    /// The store's records.
    pub directory: Arc<dyn Directory>,
    /// The same, where they are sealed.
    pub sealed: Option<Arc<Sealed>>,
    /// Its counters.
    pub purse: Arc<dyn Purse>,
    /// Its ledger.
    pub book: Arc<dyn Book>,
    /// What guardrails have found.
    pub events: Arc<dyn Events>,
    /// The Redis that nodes share, if they do.
    pub redis: Option<Redis>,
    /// This node's folder.
    pub folder: Embedded,
    /// What opens and seals.
    pub seal: Arc<dyn Seal>,
    /// What the store holds.
    pub objects: Objects,
}

impl Opened {
    /// The secret that placeholders are keyed by: one on all nodes, and for ever.
    pub fn placeholder_key(&self) -> Result<Secret, String> {
        let check = self.objects.seal_checks.iter().next();
        let check = check.ok_or_else(|| "the store has no key for placeholders".to_owned())?;
        self.seal.open(check_place(), &check.sealed).map_err(|error| error.to_string())
    }
}

/// Opens the store of a configuration. Blocks, and waits a while for a store that cannot be reached.
pub fn open(config: &Config, clock: &dyn Clock) -> Result<Opened, String> {
    let engines = Engines::open(config)?;
    let mut opened = if engines.redis.is_some() {
        of_shared(engines, config)?
    } else {
        of_folder(engines, config)?
    };
    opened.read(clock)?;
    for _ in 0..FIRST_STARTS_MAX {
        check_seals(&opened)?;
        let draft = what_is_missing(&opened, clock)?;
        if draft.is_empty() {
            return Ok(opened);
        }
        opened.commit(draft, clock)?;
    }
    Err("other nodes change the store faster than this one can start".to_owned())
}

/// Only this node's folder: its master key may be made at the first start.
fn of_folder(engines: Engines, config: &Config) -> Result<Opened, String> {
    let records = block_on(engines.directory.changes_after(Revision(0)));
    let objects = Objects::default().with(&records.map_err(|failure| failure.to_string())?);
    let seal = Arc::new(keyring(config, objects.have_seals())?);
    Ok(opened(engines, None, seal))
}

/// Records that all nodes share are sealed.
fn of_shared(mut engines: Engines, config: &Config) -> Result<Opened, String> {
    // Where something is sealed already no key is made; it is here that none ever is.
    let seal: Arc<dyn Seal> = Arc::new(keyring(config, true)?);
    let sealed = Arc::new(Sealed::new(engines.directory.clone(), seal.clone()));
    engines.directory = sealed.clone();
    Ok(opened(engines, Some(sealed), seal))
}

fn opened(engines: Engines, sealed: Option<Arc<Sealed>>, seal: Arc<dyn Seal>) -> Opened {
    let Engines { directory, purse, book, events, redis, folder } = engines;
    let objects = Objects::default();
    Opened { directory, sealed, purse, book, events, redis, folder, seal, objects }
}

/// At the first start: something to know the master key by, a key to sign with, and the one after it.
fn what_is_missing(opened: &Opened, clock: &dyn Clock) -> Result<Draft, String> {
    let seal = opened.seal.as_ref();
    let mut draft = Draft::default();
    if opened.objects.seal_checks.iter().next().is_none() {
        let random = random_hex(32).map_err(|error| error.to_string())?;
        let clear = Secret::new(format!("{CHECKED}{random}"));
        let sealed = seal.seal(check_place(), &clear).map_err(|error| error.to_string())?;
        draft = draft.put(&SealCheckObject { sealed }, Expect::Absent);
    }
    if opened.objects.own_keys.iter().next().is_none() {
        for key in own_keys::first_pair(seal, clock)? {
            draft = draft.put(&key, Expect::Absent);
        }
    }
    Ok(draft)
}

impl Opened {
    /// Reads all records; tries again for a while, where that cannot be done.
    fn read(&mut self, clock: &dyn Clock) -> Result<(), String> {
        let since = clock.now();
        let records = loop {
            match block_on(self.directory.changes_after(Revision(0))) {
                Ok(records) => break records,
                Err(_) if clock.now().saturating_duration_since(since) < START_PATIENCE => {
                    std::thread::sleep(TRY_EVERY);
                }
                Err(failure) => return Err(format!("the store cannot be read: {failure}")),
            }
        };
        self.objects = Objects::default().with(&records);
        Ok(())
    }

    /// Commits and takes over what was committed, by this node or by one that was faster.
    fn commit(&mut self, draft: Draft, clock: &dyn Clock) -> Result<(), String> {
        let audit = Audit::by_gateway("gateway.first_start", "signing-keys");
        match block_on(self.directory.commit(draft.into_changes(), audit.line(clock.unix()))) {
            Ok(_) | Err(Failure::Conflict(_)) => {}
            Err(failure) => return Err(failure.to_string()),
        }
        self.read(clock)
    }
}

/// What is sealed at first start begins with this, and then comes a random text. A later start must be
/// able to open it; and placeholders are keyed by it, which must stay the same when master keys change.
const CHECKED: &str = "behest:";

/// Where the check belongs.
pub(super) fn check_place() -> Place<'static> {
    Place { tenant: "", collection: SealCheckObject::COLLECTION, record: "master", field: "sealed" }
}

fn check_seals(opened: &Opened) -> Result<(), String> {
    let Some(check) = opened.objects.seal_checks.iter().next() else { return Ok(()) };
    match opened.seal.open(check_place(), &check.sealed) {
        Ok(clear) if clear.expose().starts_with(CHECKED) => Ok(()),
        _ => Err("master_key is not the key that the stored data was sealed under".to_owned()),
    }
}

fn keyring(config: &Config, have_seals: bool) -> Result<Keyring, String> {
    let newest = match config.master_key.secret() {
        Some(secret) => secret.clone(),
        None => kept_key(config, have_seals)?,
    };
    let parse = |secret: &Secret| {
        MasterKey::parse(secret.expose()).map_err(|error| format!("master_key: {error}"))
    };
    let older = config.older_master_keys.iter().filter_map(|key| key.secret());
    Ok(Keyring::new(parse(&newest)?, older.map(parse).collect::<Result<_, _>>()?))
}

/// The master key's file, which the first start makes.
fn kept_key(config: &Config, have_seals: bool) -> Result<Secret, String> {
    let named = config.master_key.path().map(Path::to_owned);
    let path = named.unwrap_or_else(|| beside(&config.data, ".master-key"));
    let told = |error: io::Error| format!("master key file {}: {error}", path.display());
    if path.starts_with(&config.data) {
        return Err(format!("master key file {} must not lie in the data folder", path.display()));
    }
    match read_private(&path) {
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !have_seals => {
            let key = random_hex(32).map_err(told)?;
            write_private(&path, &key).map_err(told)?;
            log::warn!("no master_key is configured: one was generated into {}", path.display());
            Ok(Secret::new(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
            "the stored data is sealed, and its master key is missing: {} is not set, and there is no {}",
            config.master_key.reference(),
            path.display()
        )),
        Err(error) => Err(told(error)),
    }
}

/// `./data` has its secrets in `./data.…`.
pub fn beside(data: &Path, suffix: &str) -> PathBuf {
    let mut name = data.file_name().unwrap_or("data".as_ref()).to_owned();
    name.push(suffix);
    data.with_file_name(name)
}

/// Reads a file that nobody else may read.
pub fn read_private(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(text);
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "others can read it: chmod 600 it"))
}

/// Makes a file that nobody else may read.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
