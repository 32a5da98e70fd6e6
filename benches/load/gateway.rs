//! The gateway itself: with what is on by default, with all limits besides, and with everything.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Fallible;
use crate::process::{Server, free_port};
use crate::project::{DEFAULTS, ENV, GUARDS, LIMITS};
use crate::variant::Variant;

/// The project's further fields.
fn rooms(variant: Variant) -> String {
    match variant {
        Variant::Limits => LIMITS.to_owned(),
        Variant::Guarded => format!("{LIMITS}{GUARDS}"),
        _ => DEFAULTS.to_owned(),
    }
}

pub(crate) fn start(
    folder: &Path,
    program: &Path,
    variant: Variant,
    port: u16,
    upstream: u16,
) -> Fallible<Server> {
    let admin = free_port()?;
    let config = configure(folder, variant, [port, admin, upstream])?;
    let args = ["serve", "--config", &config.display().to_string()];
    let mut server = Server::start_with_env(folder, program, &args, &ENV)?;
    server.wait_until(|| is_ready(admin))?;
    Ok(server)
}

/// Writes the configuration of a gateway with these ports: for data, of its admin API, of the upstream.
pub(crate) fn configure(folder: &Path, variant: Variant, ports: [u16; 3]) -> Fallible<PathBuf> {
    fs::create_dir_all(folder)?;
    let [port, admin, upstream] = ports;
    let config = folder.join("behest.yaml");
    fs::write(&config, configuration(folder, port, admin, upstream) + &rooms(variant))?;
    Ok(config)
}

/// The address limit exempts the load, but still counts it; a thousand streams come from one address.
fn configuration(folder: &Path, port: u16, admin: u16, upstream: u16) -> String {
    let data = folder.join("data");
    let data = data.display();
    format!(
        r#"listen: {{ data: "127.0.0.1:{port}", admin: "127.0.0.1:{admin}" }}
data: "{data}"
admin_secret: "env:BEHEST_ADMIN_SECRET"
workers: 1
connections: {{ per_address: 4096 }}
limits:
  ip: {{ requests_per_minute: 120, exempt: ["127.0.0.0/8"] }}
  project: {{ requests_per_minute: 100000000 }}
providers:
  - {{ name: up, kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_key: "env:UP_KEY" }}
models:
  - {{ id: "bench", targets: [ {{ provider: up, model: "bench-upstream" }} ], price: {{ input: 2.5, output: 10 }} }}
  - {{ id: "bench-slow", targets: [ {{ provider: up, model: "bench-slow-upstream" }} ], price: {{ input: 2.5, output: 10 }} }}
default_model: "bench"
tenants:
  - id: acme
    projects:
      - id: bench
        slug: bench
        api_keys: [ {{ name: bench, secret: "env:BENCH_KEY" }} ]
"#
    )
}

fn is_ready(admin: u16) -> bool {
    ask(admin).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn ask(admin: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", admin))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 64];
    let length = stream.read(&mut head)?;
    Ok(String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned())
}
