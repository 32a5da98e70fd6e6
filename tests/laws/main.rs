//! The house's laws, read from the manifests and the sources (ARCHITECTURE.md).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FAMILIES: &[&str] = &["auth", "ledger", "pii", "providers", "quota", "store"];

/// Packages that have one owner, and who that is.
const OWNERS: &[(&str, &str)] = &[
    ("jsonwebtoken", "auth"),
    ("argon2", "auth"),
    ("regex", "pii"),
    ("aho-corasick", "pii"),
    ("redis", "store"),
    ("rusqlite", "store"),
    ("pingora-limits", "quota"),
    ("bpe-openai", "quota"),
    ("prometheus", "behest"),
    ("pingora", "behest"),
    ("pingora-proxy", "behest"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a manifest's `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = read(manifest);
    let section = text.split("\n[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name = |line: &str| Some(line.split(['.', '=', ' ']).next()?.trim().to_owned());
    section
        .lines()
        .filter_map(name)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

fn manifests() -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::from([("behest".to_owned(), dependencies("Cargo.toml"))]);
    for entry in fs::read_dir(root().join("filters")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let found = dependencies(&format!("filters/{name}/Cargo.toml"));
        all.insert(name, found);
    }
    all
}

/// All sources below a folder, tests left out.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                if !name.contains("tests") {
                    let text = fs::read_to_string(&path).unwrap();
                    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
                    found.push((name, production.to_owned()));
                }
            }
        }
    }
    found
}

fn all_sources() -> Vec<(String, String)> {
    [sources("src"), sources("filters")].concat()
}

#[test]
fn families_know_the_contract_and_nobody_else() {
    for (name, dependencies) in manifests() {
        if name == "behest" {
            continue;
        }
        assert!(
            name == "contract" || FAMILIES.contains(&name.as_str()),
            "{name} is no known family"
        );
        for dependency in dependencies {
            let ours = dependency.strip_prefix("behest-");
            let allowed = ours.is_none_or(|ours| ours == "contract" && name != "contract");
            assert!(allowed, "{name} imports {dependency}");
            let pingora = dependency.starts_with("pingora");
            let allowed = matches!(dependency.as_str(), "pingora-http" | "pingora-limits");
            assert!(!pingora || allowed, "{name} imports {dependency}");
        }
    }
}

#[test]
fn each_package_has_one_owner() {
    for (name, dependencies) in manifests() {
        for (package, owner) in OWNERS {
            let imports = dependencies.iter().any(|dependency| dependency == package);
            assert!(!imports || name == *owner, "{name} imports {package}, which is {owner}'s");
        }
    }
}

#[test]
fn nothing_imports_the_program() {
    for (name, dependencies) in manifests() {
        assert!(!dependencies.iter().any(|dependency| dependency == "behest"), "{name}");
    }
}

#[test]
fn providers_are_named_in_their_own_places_only() {
    let names =
        ["openai", "anthropic", "gemini", "azure", "bedrock", "mistral", "cohere", "ollama"];
    for (file, text) in all_sources() {
        let own = file.starts_with("filters/providers")
            || file.starts_with("src/config")
            || file.starts_with("src/cli/demo");
        for name in names {
            assert!(own || !text.contains(&format!("\"{name}\"")), "{file} names {name}");
        }
    }
}

#[test]
fn statuses_are_made_in_their_own_places_only() {
    for (file, text) in all_sources() {
        let own = ["src/reply.rs", "src/routes", "src/admin", "src/cli/demo", "filters/providers"]
            .iter()
            .any(|place| file.starts_with(place));
        assert!(own || !text.contains("StatusCode::"), "{file} makes a status");
    }
}

#[test]
fn tasks_start_in_their_own_places_only() {
    for (file, text) in all_sources() {
        // The engines of the store have threads of their own, for as long as they live.
        let own = [
            "src/tasks.rs",
            "src/ports",
            "src/cli/demo",
            "filters/store/src/embedded",
            "filters/store/src/redis",
        ]
        .iter()
        .any(|place| file.starts_with(place));
        for word in
            ["tokio::spawn", "spawn_blocking", "thread::spawn", "thread::Builder", "spawn_local"]
        {
            assert!(own || !text.contains(word), "{file} starts a task");
        }
    }
}

#[test]
fn clocks_are_read_in_one_place() {
    for (file, text) in all_sources() {
        let own = file == "filters/contract/src/clock.rs";
        for word in ["Instant::now", "SystemTime::now", "Utc::now"] {
            assert!(own || !text.contains(word), "{file} reads a clock");
        }
    }
}

#[test]
fn no_room_is_a_lumber_room() {
    let forbidden =
        ["utils", "util", "common", "helpers", "helper", "core", "types", "manager", "mod"];
    for (file, _) in all_sources() {
        let path = Path::new(&file);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!forbidden.contains(&stem), "{file}");
    }
}

#[test]
fn every_family_begins_with_the_same_files() {
    for family in FAMILIES {
        let lib = read(format!("filters/{family}/src/lib.rs"));
        assert!(lib.contains("include_str!(\"../README.md\")"), "{family}");
        let readme = read(format!("filters/{family}/README.md"));
        assert!(readme.contains("```"), "{family}'s README has no example");
    }
}

#[test]
fn no_file_outgrows_a_sitting() {
    for (file, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= 450, "{file} has {lines} lines");
    }
}
