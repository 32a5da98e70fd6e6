//! `behest redact`: what a project's policy makes of a text, without a gateway or by asking one.

use super::administer::{self, Called};
use super::call::{Call, Members};
use super::client::Connection;
use super::output;
use super::serve::{eprint_lines, print_lines};
use crate::config::{Config, Project};
use crate::directory::read_private;
use crate::house::random_hex;
use crate::trial::tried;
use behest_contract::secret::Secret;
use behest_pii::{Owner, PiiPolicies, SecretMac};
use clap::Args;
use serde_json::Value;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The longest text that is read.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Random bytes of a key that nobody has named.
const KEY_BYTES: usize = 32;

/// Where the policy is, and which it is.
#[derive(Debug, Args)]
pub(super) struct Redact {
    /// The configuration file that declares the project; a running gateway is asked when it is not given.
    #[arg(long, env = "BEHEST_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    asked: Asked,
}

/// Which project's policy.
#[derive(Debug, Args)]
struct Asked {
    /// The project.
    #[arg(long)]
    project: String,
    /// The end user's tier: a name, or a place in the order of tiers.
    #[arg(long)]
    tier: Option<String>,
    /// The end user: each has placeholders of their own.
    #[arg(long)]
    user: Option<String>,
    /// With `--config`: a file with the key of placeholders and hashes; another one each time when it is
    /// not given.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Called for (&Asked, String) {
    fn call(&self) -> Result<Call, String> {
        let (Asked { project, tier, user, key_file }, text) = self;
        if key_file.is_some() {
            return Err("--key-file is for --config: a gateway has its own key".to_owned());
        }
        let body = Members::default().with("text", Some(text.as_str()));
        let body = body.with("tier", tier.clone()).with("user_id", user.clone());
        Ok(Call::new("POST", &["projects", project, "redact"]).body(body))
    }
}

/// Tells what would go up of the text on standard input, and what was found in it.
pub(super) fn redact(redact: &Redact) -> ExitCode {
    match redact.answer(io::stdin()) {
        Ok(told) => {
            print_lines(&told);
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprint_lines(&message);
            ExitCode::FAILURE
        }
    }
}

impl Redact {
    fn answer(&self, input: impl Read) -> Result<String, String> {
        let Some(config) = &self.config else {
            return administer::asked(&self.connection, &(&self.asked, text(input)?));
        };
        let told = self.asked.of_file(config, input)?;
        Ok(output::told(&told, self.connection.output, &[]))
    }
}

impl Asked {
    fn of_file(&self, config: &Path, input: impl Read) -> Result<Value, String> {
        let config = Config::load(config).map_err(|errors| errors.to_string())?;
        let (tenant, project) = declared(&config, &self.project)?;
        let tier = self.tier.as_deref().map(|tier| named(project, tier)).transpose()?;
        let policies =
            PiiPolicies::compile(project.guardrails(&config.guardrails)).map_err(|errors| {
                errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            })?;
        let owner = Owner {
            tenant: tenant.into(),
            project: project.id.as_str().into(),
            user: self.user.as_deref().map(Box::from),
        };
        let mac = Arc::new(SecretMac::new(&key(self.key_file.as_deref())?));
        let shield = policies.shield(&project.id, tier.as_deref());
        let sentinel = policies.sentinel(&project.id, tier.as_deref());
        Ok(tried(shield, sentinel.as_deref(), mac, owner, &text(input)?))
    }
}

fn declared<'a>(config: &'a Config, id: &str) -> Result<(&'a str, &'a Project), String> {
    let mut tenants = config.tenants.iter();
    let found = tenants.find_map(|tenant| {
        let project = tenant.projects.iter().find(|project| project.id == id)?;
        Some((tenant.id.as_str(), project))
    });
    found.ok_or_else(|| {
        format!("the file declares no project {id:?}; without a file a running gateway is asked")
    })
}

fn named(project: &Project, tier: &str) -> Result<Arc<str>, String> {
    let tiers = project.all_tiers().unwrap_or_default();
    let found = tiers.find(tier).map(|tier| tier.name.clone());
    found.ok_or_else(|| format!("the project has no tier {tier:?}"))
}

/// Whoever has the key can find values out by trying them: its file is nobody else's.
fn key(path: Option<&Path>) -> Result<Secret, String> {
    let Some(path) = path else {
        return random_hex(KEY_BYTES).map(Secret::new).map_err(|error| error.to_string());
    };
    let told = |problem: String| format!("{}: {problem}", path.display());
    let text = read_private(path).map_err(|error| told(error.to_string()))?;
    match text.trim() {
        "" => Err(told("holds no key".to_owned())),
        key => Ok(Secret::new(key)),
    }
}

fn text(input: impl Read) -> Result<String, String> {
    let mut text = String::new();
    let read = input.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text);
    let read = read.map_err(|error| format!("standard input: {error}"))?;
    if read as u64 > TEXT_BYTES_MAX {
        return Err(format!("standard input: longer than {} MiB", TEXT_BYTES_MAX >> 20));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Called as _, key, text};
    use serde_json::json;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    const FILE: &str = "providers: [{name: up, kind: openai, base_url: 'http://127.0.0.1:1/v1'}]\n\
        models: [{id: m, targets: [{provider: up, model: m}]}]\n\
        tenants: [{id: t, projects: [{id: p, pii: {mode: enforce, entities: {EMAIL_ADDRESS: MASK}}, \
        sentinel: {mode: enforce, blocklist: [forbidden fruit]}}]}]";

    /// A file, and who is asked for there.
    fn asked(folder: &tempfile::TempDir) -> (PathBuf, Asked) {
        let (config, key_file) = (folder.path().join("conf.yaml"), folder.path().join("key"));
        fs::write(&config, FILE).unwrap();
        fs::write(&key_file, "a key of placeholders\n").unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        let (project, key_file) = ("p".to_owned(), Some(key_file));
        (config, Asked { project, tier: None, user: None, key_file })
    }

    fn sent((config, asked): &(PathBuf, Asked)) -> String {
        let told = asked.of_file(config, "To ann@example.com".as_bytes()).unwrap();
        assert_eq!(told["findings"][0]["start"], 3, "{told}");
        told["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn placeholders_depend_on_the_key_and_the_end_user() {
        let folder = tempfile::tempdir().unwrap();
        let changed = |change: fn(&mut Asked)| {
            let mut asked = asked(&folder);
            change(&mut asked.1);
            sent(&asked)
        };
        let first = changed(|_| {});
        assert!(first.starts_with("To <EMAIL_ADDRESS_") && !first.contains("ann"), "{first}");
        assert_eq!(changed(|_| {}), first);
        assert_eq!(changed(|asked| asked.tier = Some("2".to_owned())), first);
        assert_ne!(changed(|asked| asked.user = Some("u".to_owned())), first);
        assert_ne!(changed(|asked| asked.key_file = None), first);
    }

    #[test]
    fn what_sentinel_would_block_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (config, asked) = asked(&folder);
        let told = asked.of_file(&config, "Forbidden fruit".as_bytes()).unwrap();
        assert_eq!((&told["blocked"], &told["sentinel"]["blocked"]), (&false.into(), &true.into()));
        assert_eq!(told["sentinel"]["reason"], "blocklist");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let wrong: [fn(&mut (PathBuf, Asked)); 4] = [
            |it| it.1.project = "q".to_owned(),
            |it| it.1.tier = Some("gold".to_owned()),
            |it| it.0 = "/no/such/file".into(),
            |it| it.1.key_file = Some("/no/such/file".into()),
        ];
        for change in wrong {
            let mut it = asked(&folder);
            change(&mut it);
            assert!(it.1.of_file(&it.0, "x".as_bytes()).is_err(), "{it:?}");
        }
    }

    #[test]
    fn a_gateway_is_asked_for_a_project_that_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut asked) = asked(&folder);
        asked.user = Some("u".to_owned());
        assert!((&asked, "x".to_owned()).call().is_err(), "it has a key of its own");
        asked.key_file = None;
        let call = (&asked, "x".to_owned()).call().unwrap();
        assert_eq!((call.method, call.target().as_str()), ("POST", "projects/p/redact"));
        assert_eq!(call.body, Some(json!({ "text": "x", "user_id": "u" })));
    }

    #[test]
    fn keys_and_texts_are_checked() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        assert!(key(Some(file.path())).is_err());
        file.write_all(b"a key\n").unwrap();
        assert_eq!(key(Some(file.path())).unwrap().expose(), "a key");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(key(Some(file.path())).is_err());
        assert!(text(&b"\xff"[..]).is_err());
        assert!(text(std::io::repeat(b'a')).is_err());
        assert_eq!(text(&b"as it is\n"[..]).unwrap(), "as it is\n");
    }
}
