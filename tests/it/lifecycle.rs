//! The program itself: starting, stopping, and its other sub-commands (CONTRACT 1 and 13).

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::client::Ask;
use crate::support::conf::{conf, set};
use crate::support::folder::Folder;
use crate::support::gateway::{Gateway, spawn};
use crate::support::plan::{DONE, Plan, ROLE, STOP, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::wire::End;
use crate::support::{soon, until};

#[tokio::test]
async fn an_idle_gateway_is_gone_within_two_seconds() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/drain_timeout", "30s");
    let mut gateway = Gateway::start(conf).await;
    // Connections that wait for nothing do not count as busy, on either side.
    let mut idle = gateway.client().await;
    assert_eq!(idle.ask(&Ask::chat(WHOLE)).await.status, 200);
    let _silent = gateway.client().await;
    let asked = Instant::now();
    gateway.signal("TERM");
    let status = gateway.exit().await;
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_busy_gateway_finishes_what_it_began_and_takes_nothing_new() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/drain_timeout", "30s");
    let mut gateway = Gateway::start(conf).await;
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    gateway.signal("TERM");
    let refused = async {
        while TcpStream::connect(gateway.data).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the listener to close", refused).await;
    for data in [STOP, DONE] {
        remote.event(data);
    }
    remote.end();
    let (rest, end) = stream.rest().await;
    assert_eq!((rest.len(), end), (2, End::Clean), "{rest:?}");
    assert!(gateway.exit().await.success());
}

#[tokio::test]
async fn draining_has_an_end() {
    let provider = Provider::start().await;
    let mut gateway = Gateway::over(&provider).await;
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    let asked = Instant::now();
    gateway.signal("TERM");
    gateway.exit().await;
    // `drain_timeout` is a second here.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(stream.rest().await.1, End::Cut);
}

/// Runs the program to its end.
async fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut program = spawn(arguments, folder.path());
    let status = until("the program's end", || program.try_wait().unwrap()).await;
    let (stdout, stderr) = (folder.read("stdout"), folder.read("stderr"));
    Output { status, stdout: stdout.into(), stderr: stderr.into() }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn validate_is_content_with_a_good_file() {
    let folder = Folder::new();
    let good = conf(&["http://127.0.0.1:9/v1".to_owned()]);
    folder.write("behest.yaml", serde_json::to_string_pretty(&good).unwrap());
    let output = run(&folder, &["validate", "--config", "behest.yaml"]).await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn validate_tells_every_error_with_its_place() {
    let folder = Folder::new();
    folder.write(
        "behest.yaml",
        r#"
heartbeat: soon
no_such_field: 1
providers:
  - name: p0
    base_url: "ftp://example.com"
    api_key: "env:NO_SUCH_VARIABLE"
models:
  - id: m
    targets: [ { provider: nobody, model: x } ]
default_model: missing
tenants:
  - id: acme
    projects:
      - id: demo
        slug: "Not A Slug"
        api_keys: [ { name: ci, secret: "file:short-key" } ]
"#,
    );
    folder.write("short-key", "short");
    let output = run(&folder, &["validate", "--config", "behest.yaml"]).await;
    assert!(!output.status.success());
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    for (place, line) in [
        ("heartbeat", 2),
        ("no_such_field", 3),
        ("providers[0].base_url", 6),
        ("providers[0].api_key", 7),
        ("models[0].targets[0].provider", 10),
        ("default_model", 11),
        ("tenants[0].projects[0].slug", 16),
        ("tenants[0].projects[0].api_keys[0].secret", 17),
    ] {
        let there =
            told.lines().any(|text| text.contains(place) && text.contains(&format!(":{line}")));
        assert!(there, "{place} at line {line} is not in:\n{told}");
    }
    // The same file does not start.
    let output = run(&folder, &["serve", "--config", "behest.yaml"]).await;
    assert!(!output.status.success());
}

#[tokio::test]
async fn a_section_whose_room_is_missing_refuses_to_start() {
    for (pointer, value) in [
        ("/tenants/0/projects/0/memory", json!({ "enabled": true })),
        ("/providers/0/breaker", json!({ "failures": 5 })),
    ] {
        let folder = Folder::new();
        let mut conf = conf(&["http://127.0.0.1:9/v1".to_owned()]);
        set(&mut conf, pointer, value);
        folder.write("behest.yaml", serde_json::to_string_pretty(&conf).unwrap());
        let output = run(&folder, &["validate", "--config", "behest.yaml"]).await;
        assert!(!output.status.success(), "{pointer}");
        let name = pointer.rsplit('/').next().unwrap();
        assert!(format!("{output:?}").contains(name), "{output:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    for command in ["serve", "validate"] {
        let output = run(&folder, &[command, "--config", "missing.yaml"]).await;
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains("missing.yaml"), "{output:?}");
    }
}

#[tokio::test]
async fn schema_prints_a_json_schema() {
    let output = run(&Folder::new(), &["schema"]).await;
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    for section in ["listen", "providers", "models", "tenants", "timeouts", "limits"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
