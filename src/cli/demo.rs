//! `behest demo`: a gateway that needs nothing but itself.

mod provider;

use super::serve::{eprint_lines, print_lines, start_logging};
use crate::config::{Config, LogLevel};
use crate::house::random_hex;
use crate::server;
use provider::DemoProvider;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a key, behind its prefix.
const KEY_BYTES: usize = 16;

/// Runs the demo until it is told to stop.
pub(super) fn demo(folder: &Path) -> ExitCode {
    start_logging(LogLevel::Error);
    match prepare(folder) {
        Ok((config, key)) => match server::run(&config, move |config| welcome(config, &key)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprint_lines(&error.to_string());
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprint_lines(&format!("{}: {error}", folder.display()));
            ExitCode::FAILURE
        }
    }
}

/// Writes the demo's files and starts its provider; the file to serve, and the fresh key.
fn prepare(folder: &Path) -> io::Result<(PathBuf, String)> {
    fs::create_dir_all(folder)?;
    let key = format!("behest_sk_live_{}", random_hex(KEY_BYTES)?);
    write_private(&folder.join("key"), &key)?;
    let provider = DemoProvider::start()?;
    let config = folder.join("behest.yaml");
    let (data, admin) = (free_address(8080)?, free_address(9090)?);
    fs::write(&config, config_text(data, admin, provider))?;
    Ok((config, key))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")
}

/// The usual port, or any other if that is taken.
fn free_address(port: u16) -> io::Result<SocketAddr> {
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    let bound = TcpListener::bind(usual).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    bound.local_addr()
}

fn config_text(data: SocketAddr, admin: SocketAddr, provider: SocketAddr) -> String {
    format!(
        r#"# The demo's configuration, written anew at each start of `behest demo`. Copy it to keep it.
listen: {{ data: "{data}", admin: "{admin}" }}
data: "./data"
limits: {{ ip: {{ requests_per_minute: 600 }}, project: {{ requests_per_minute: 600 }} }}
providers:
  - name: demo
    kind: openai
    base_url: "http://{provider}/v1"
models:
  - id: "demo"
    targets: [ {{ provider: demo, model: "demo" }} ]
default_model: "demo"
tenants:
  - id: "demo"
    projects:
      - id: "demo"
        slug: "demo"
        api_keys: [ {{ name: demo, secret: "file:key" }} ]
"#
    )
}

fn welcome(config: &Config, key: &str) {
    let base = format!("http://{}/v1", config.listen.data);
    let admin = config.listen.admin;
    print_lines(&format!(
        r#"behest demo: {base} (metrics: http://{admin}/metrics). Ctrl-C ends it.

# curl
curl -sS {base}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{"model":"demo","messages":[{{"role":"user","content":"Hello"}}]}}'

# Python (pip install openai)
python3 - <<'PY'
from openai import OpenAI
client = OpenAI(base_url="{base}", api_key="{key}")
for chunk in client.chat.completions.create(model="demo", stream=True, messages=[{{"role": "user", "content": "Hello"}}]):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
PY

# Node (npm install openai)
node --input-type=module - <<'JS'
import OpenAI from "openai";
const client = new OpenAI({{ baseURL: "{base}", apiKey: "{key}" }});
const stream = await client.chat.completions.create({{ model: "demo", stream: true, messages: [{{ role: "user", content: "Hello" }}] }});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
console.log();
JS

To a real provider:
1. copy behest-demo/behest.yaml and set its provider's base_url ("https://api.openai.com/v1") and api_key ("env:OPENAI_API_KEY");
2. set the model's target to one of the provider's models, such as "gpt-4o-mini";
3. behest serve --config YOUR_COPY.yaml
"#
    ));
}
