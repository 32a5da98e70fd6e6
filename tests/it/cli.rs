//! The sub-commands that administer a running gateway, as somebody types them (CONTRACT 1).

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{ADMIN_SECRET, conf_of_two, set};
use crate::support::gateway::{Gateway, program};
use crate::support::plan::{Plan, ROLE, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::{broken, refused};
use crate::support::rsa::{KEYS, Rsa};
use crate::support::token::{claims, header, signed};
use crate::support::until_then;

/// A terminal beside a gateway.
struct Terminal {
    gateway: Gateway,
}

impl Terminal {
    async fn start() -> (Provider, Self) {
        let provider = Provider::start().await;
        let mut conf = conf_of_two(&[provider.url()]);
        set(&mut conf, "/providers/0/byok", json!({ "allow": true }));
        (provider, Self { gateway: Gateway::start(conf).await })
    }

    /// The program with these words, told where the gateway is and what its secret is.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(line.split(' '))
            .args(["--admin", &format!("http://{}", self.gateway.admin)])
            .current_dir(self.gateway.folder.path())
            .env("BEHEST_ADMIN_SECRET", ADMIN_SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Types a line, and what the command then reads.
    async fn type_in(&self, line: &str, input: &str) -> Output {
        let mut running = self.command(line).spawn().unwrap();
        // Whoever reads nothing may have left already.
        let _ = running.stdin.take().unwrap().write_all(input.as_bytes());
        tokio::task::spawn_blocking(move || running.wait_with_output().unwrap()).await.unwrap()
    }

    /// Types a line that must succeed: what it prints.
    async fn run(&self, line: &str) -> String {
        let output = self.type_in(line, "").await;
        assert!(output.status.success(), "{line}: {output:?}");
        assert!(output.stderr.is_empty(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same of JSON.
    async fn json(&self, line: &str) -> Value {
        let text = self.run(line).await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{line}: no JSON: {text}"))
    }

    /// Types a line that must fail: what it says of it.
    async fn fails(&self, line: &str) -> String {
        let output = self.type_in(line, "").await;
        said_to_have_failed(&output)
    }
}

fn said_to_have_failed(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!told.trim().is_empty() && !told.contains("panicked"), "{told}");
    assert!(!told.contains(ADMIN_SECRET), "{told}");
    told
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[tokio::test]
async fn from_a_tenant_to_a_chat_and_to_its_end() {
    let (provider, terminal) = Terminal::start().await;
    let gateway = &terminal.gateway;
    let tenant = terminal.json("tenant create --id initech --name Initech").await;
    assert_eq!(text(&tenant, "id"), "initech");
    let line = "project create --tenant initech --id tps --slug quiet-lake-777 --models m \
                --origin https://initech.example --rpm 1000";
    let project = terminal.json(line).await;
    assert_eq!((text(&project, "id"), text(&project, "slug")), ("tps", "quiet-lake-777"));
    assert_eq!(project["limits"]["requests_per_minute"], 1000);
    let made = terminal.json("key create --project tps --name backend --end-user allow").await;
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let chat = |key: &str| Ask::chat(WHOLE).key(key);
    assert_eq!(gateway.ask(&chat(key)).await.status, 200);
    for line in ["key list --project tps".to_owned(), format!("key show --project tps {id}")] {
        let told = terminal.run(&line).await;
        assert!(told.contains(id) && !told.contains(key), "{told}");
    }
    let rotated = terminal.json(&format!("key rotate --project tps {id} --overlap 0")).await;
    let newer = text(&rotated, "key");
    assert_eq!(gateway.ask(&chat(key)).await.status, 401);
    assert_eq!(gateway.ask(&chat(newer)).await.status, 200);
    for (suspended, status) in [("true", 401), ("false", 200)] {
        terminal.run(&format!("project update tps --suspended {suspended}")).await;
        assert_eq!(gateway.ask(&chat(newer)).await.status, status);
    }
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let client = gateway.client().await;
    let mut stream = client.stream(&Ask::chat(STREAMED).key(newer)).await;
    assert_eq!(stream.data().await, ROLE);
    let id = text(&rotated, "id");
    let told = terminal.run(&format!("key revoke --project tps {id} --end-streams")).await;
    assert_eq!(told, "");
    broken(stream.rest().await.0.last().unwrap(), "forbidden");
    refused(&gateway.ask(&chat(newer)).await, 401, "invalid_token");
    assert!(terminal.fails("tenant delete initech").await.contains("initech"));
    terminal.run("project delete tps").await;
    terminal.run("tenant delete initech").await;
    assert!(terminal.fails("tenant show initech").await.contains("initech"));
}

#[tokio::test]
async fn lists_are_told_as_json_and_as_tables() {
    let (_provider, terminal) = Terminal::start().await;
    let list = terminal.json("project list").await;
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|p| text(p, "id")).collect();
    assert_eq!(ids, ["demo", "other", "shop"]);
    let list = terminal.json("project list --tenant globex").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let table = terminal.run("tenant list --output table").await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("ID") && lines[1].starts_with("acme"), "{table}");
    // A list of more than a page comes whole.
    for number in 0..3 {
        terminal.run(&format!("tenant create --id t{number}")).await;
    }
    let list = terminal.json("tenant list").await;
    assert_eq!((list["data"].as_array().unwrap().len(), &list["next_cursor"]), (5, &Value::Null));
}

#[tokio::test]
async fn usage_is_a_table_with_a_row_for_each_step_and_one_for_all() {
    let (_provider, terminal) = Terminal::start().await;
    for user in ["ann", "ann", "bob"] {
        let ask = Ask::chat(WHOLE).header("X-End-User-Id", user);
        assert_eq!(terminal.gateway.ask(&ask).await.status, 200);
    }
    until_then("the usage of three calls", async || {
        let usage = terminal.gateway.look("usage?project=demo").await;
        (usage["totals"]["requests"] == 3).then_some(())
    })
    .await;
    let line = "usage --project demo --group-by user --output table";
    let table = terminal.run(line).await;
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert_eq!(rows[0][..3], ["TIMESTAMP", "USER_ID", "REQUESTS"], "{table}");
    let of = |user: &str| rows.iter().find(|row| row[1] == user).unwrap()[2];
    assert_eq!((of("ann"), of("bob")), ("2", "1"), "{table}");
    assert_eq!(rows[3][..2], ["total", "3"], "{table}");
    for line in ["project show demo", "tier resolved --project demo pro", "usage", "usage rows"] {
        let table = terminal.run(&format!("{line} --output table")).await;
        assert!(!table.contains(['{', '}', '[', ']', '"']), "{line}: {table}");
    }
}

#[tokio::test]
async fn a_providers_key_is_typed_or_comes_from_the_environment_and_is_no_argument() {
    let (provider, terminal) = Terminal::start().await;
    let line = "provider-key set --tenant acme --provider p0";
    let typed = terminal.type_in(line, "sk-typed-by-hand-1234\n").await;
    assert!(typed.status.success(), "{typed:?}");
    assert_eq!(terminal.gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    let heard = provider.request(0).await;
    assert_eq!(heard.headers.value("authorization"), Some("Bearer sk-typed-by-hand-1234"));
    let mut command = terminal.command(&format!("{line} --from-env OUR_KEY"));
    let output = command.env("OUR_KEY", "sk-of-the-environment-5678").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for line in ["provider-key list --tenant acme", "provider-key show --tenant acme --provider p0"]
    {
        let told = terminal.run(line).await;
        assert!(told.contains("5678") && !told.contains("environment"), "{told}");
    }
    terminal.fails(&format!("{line} --key sk-typed-by-hand-1234")).await;
    terminal.fails(&format!("{line} --from-env NO_SUCH_VARIABLE")).await;
    terminal.run("provider-key delete --tenant acme --provider p0").await;
    assert_eq!(terminal.gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    let heard = provider.request(1).await;
    assert_ne!(heard.headers.value("authorization"), Some("Bearer sk-of-the-environment-5678"));
}

#[tokio::test]
async fn signing_keys_are_made_registered_and_revoked() {
    let (_provider, terminal) = Terminal::start().await;
    let gateway = &terminal.gateway;
    let status = async |kid: &str, key: &Rsa| {
        let token = signed(key, &header(kid), &claims("acme", "demo", "u"));
        gateway.ask(&Ask::chat(WHOLE).key(&token)).await.status
    };
    let pair = terminal.json("signing-key create --tenant acme --kid sk_made").await;
    let made = Rsa::from_pem(text(&pair, "private_key"));
    assert_eq!(status("sk_made", &made).await, 200);
    gateway.folder.write("public.pem", KEYS[0].public_pem());
    gateway.folder.write("public.jwk", KEYS[1].jwk().to_string());
    gateway.folder.write("private.pem", KEYS[2].private_pem());
    for (at, name) in ["public.pem", "public.jwk"].into_iter().enumerate() {
        let line = format!("signing-key register --tenant acme --kid sk_{at} --public-key {name}");
        terminal.run(&line).await;
        assert_eq!(status(&format!("sk_{at}"), &KEYS[at]).await, 200, "{name}");
    }
    let told = terminal.fails("signing-key register --tenant acme --public-key private.pem").await;
    assert!(!told.contains(KEYS[2].private_pem().lines().nth(5).unwrap()), "{told}");
    terminal.fails("signing-key register --tenant acme --public-key no-such-file").await;
    let list = terminal.json("signing-key list --tenant acme").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    terminal.run("signing-key revoke --tenant acme sk_0").await;
    assert_eq!((status("sk_0", &KEYS[0]).await, status("sk_1", &KEYS[1]).await), (401, 200));
    let active = async || {
        let list = terminal.json("signing-key list --own").await;
        let keys = list["data"].as_array().unwrap().clone();
        let active = keys.into_iter().find(|key| key["state"] == "active").unwrap();
        text(&active, "kid").to_owned()
    };
    let before = active().await;
    terminal.run("signing-key rotate --own").await;
    assert_ne!(active().await, before);
}

#[tokio::test]
async fn a_token_is_minted_for_trying_things_out() {
    let (_provider, terminal) = Terminal::start().await;
    let line = "token mint --project demo --user u --ttl 60 --tier 2 --session s --role user";
    let minted = terminal.json(line).await;
    assert_eq!((&minted["ttl"], &minted["session_id"]), (&json!(60), &json!("s")));
    let ask = Ask::chat(WHOLE).key(text(&minted, "jwt"));
    assert_eq!(terminal.gateway.ask(&ask).await.status, 200);
    terminal.fails("token mint --project demo --user admin").await;
    terminal.fails("token mint --project demo --user u --tier gold").await;
    terminal.fails("token mint --project none --user u").await;
}

#[tokio::test]
async fn switches_are_turned_on_and_off() {
    let (_provider, terminal) = Terminal::start().await;
    let gateway = &terminal.gateway;
    for (whom, ask) in [
        ("--scope global", Ask::chat(WHOLE)),
        ("--scope project --id demo", Ask::chat(WHOLE)),
        ("--scope user --id demo/ann", Ask::chat(WHOLE).header("X-End-User-Id", "ann")),
    ] {
        terminal.run(&format!("switch on {whom} --reason abuse --end-streams")).await;
        refused(&gateway.until_status(&ask, 403).await, 403, "forbidden");
        let list = terminal.run("switch list --output table").await;
        assert!(list.contains("abuse"), "{list}");
        terminal.run(&format!("switch off {whom}")).await;
        gateway.until_status(&ask, 200).await;
        terminal.fails(&format!("switch off {whom}")).await;
    }
    let audit = terminal.json("audit --limit 2").await;
    assert_eq!(audit["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_told_and_the_secret_is_not() {
    let (_provider, terminal) = Terminal::start().await;
    let gateway = &terminal.gateway;
    let run = |command: &mut Command| command.output().unwrap();
    for secret in ["wrong", ""] {
        let mut command = terminal.command("tenant list");
        said_to_have_failed(&run(command.env("BEHEST_ADMIN_SECRET", secret)));
    }
    let mut command = terminal.command("tenant list");
    let told = said_to_have_failed(&run(command.env_remove("BEHEST_ADMIN_SECRET")));
    assert!(told.contains("BEHEST_ADMIN_SECRET"), "{told}");
    // In a file it works as well, and where the gateway is may be in the environment.
    gateway.folder.write("secret", format!("{ADMIN_SECRET}\n"));
    let mut command = Command::new(program());
    command
        .args(["tenant", "list", "--secret-file", "secret"])
        .current_dir(gateway.folder.path())
        .env_remove("BEHEST_ADMIN_SECRET")
        .env("BEHEST_ADMIN", format!("http://{}", gateway.admin));
    let output = run(&mut command);
    assert!(output.status.success(), "{output:?}");
    for (line, part) in [
        ("project show none", "none"),
        ("project create --tenant acme --slug amber-fox-042", "amber-fox-042"),
        ("project create --tenant acme --model no-such-model", "no-such-model"),
        ("project update demo --model n", "demo"),
        ("project update demo --json []", "object"),
        ("key create --project demo --end-user perhaps", "perhaps"),
        ("switch on --scope galaxy", "galaxy"),
        ("nothing", "nothing"),
    ] {
        let told = terminal.fails(line).await;
        assert!(told.contains(part), "{line}: {told}");
    }
    // Nothing is there, and what is there is no admin listener.
    for address in ["127.0.0.1:9".to_owned(), gateway.data.to_string()] {
        let mut command = Command::new(program());
        command.args(["tenant", "list", "--admin", &format!("http://{address}")]);
        said_to_have_failed(&run(command.env("BEHEST_ADMIN_SECRET", ADMIN_SECRET)));
    }
}

#[tokio::test]
async fn every_route_of_the_admin_listener_is_closed_but_those_that_are_open_by_purpose() {
    let (_provider, terminal) = Terminal::start().await;
    let output = Command::new(program()).args(["routes", "--listener", "admin"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    let routes: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(routes.len() > 20, "{listed}");
    for route in &routes {
        let path = text(route, "path").replace(['{', '}'], "");
        let open = ["/healthz", "/readyz", "/metrics"].contains(&&*path);
        for ask in [
            Ask::new(text(route, "method"), &path),
            Ask::new(text(route, "method"), &path).header("X-Admin-Secret", "wrong"),
        ] {
            let answer = terminal.gateway.admin(ask).await;
            assert_eq!(answer.status, if open { 200 } else { 401 }, "{route}");
        }
    }
}

#[tokio::test]
async fn a_budget_is_set_seen_and_taken_back() {
    let (_provider, terminal) = Terminal::start().await;
    let line = "project create --tenant acme --id mart --requests-per-minute 600 \
                --tokens-per-day 5000 --user-tokens-per-day 200 --session-tokens 9000 \
                --max-in-flight 50 --default-tier free";
    let made = terminal.json(&line.split_whitespace().collect::<Vec<_>>().join(" ")).await;
    assert_eq!(made["limits"]["tokens_per_day"], 5000);
    assert_eq!(
        (&made["session_limits"]["tokens"], &made["default_tier"]),
        (&json!(9000), &json!("free"))
    );
    let key = terminal.json("key create --project mart --name backend").await;
    let ask = Ask::chat(WHOLE).key(text(&key, "key")).header("X-End-User-Id", "ann");
    assert_eq!(terminal.gateway.ask(&ask).await.status, 200);
    let table = terminal
        .run("limits show --project mart --user ann --session default --output table")
        .await;
    let line = |layer: &str| {
        let found = table.lines().find(|line| line.starts_with(&format!("{layer} ")));
        found.unwrap_or_else(|| panic!("{layer}: {table}")).split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(line("project")[..4], ["project", "600", "1", "599"]);
    assert_eq!(line("project_concurrency")[1], "50");
    assert_eq!(line("session_tokens")[1], "9000");
    let updated =
        terminal.json("project update mart --tokens-per-day none --usd-per-month 2.5").await;
    assert_eq!(updated["limits"]["tokens_per_day"], Value::Null);
    assert_eq!(updated["limits"]["usd_per_month"], 2.5);
    let told = terminal.fails("project update mart --usd-per-day 1e-9").await;
    assert!(told.contains("limits.usd_per_day") && told.contains("millionth"), "{told}");
    let rows = terminal.json("usage rows --project mart --user ann").await;
    assert_eq!(rows["data"].as_array().unwrap().len(), 1, "{rows}");
    let rows = terminal.json("usage rows --project mart --user bob").await;
    assert_eq!(rows["data"], json!([]));
}

#[tokio::test]
async fn a_user_is_revoked_and_a_text_tried_on_a_running_gateway() {
    let (_provider, terminal) = Terminal::start().await;
    let line = r#"project create --tenant acme --id mart --json {"pii":{"mode":"enforce","entities":{"EMAIL_ADDRESS":"REDACT"}}}"#;
    terminal.json(line).await;
    let key = terminal.json("key create --project mart").await;
    let minted = terminal.gateway.mint(text(&key, "key"), json!({ "user_id": "ann" })).await;
    let token = minted.json()["jwt"].as_str().unwrap().to_owned();
    let chat = Ask::chat(WHOLE).key(&token);
    assert_eq!(terminal.gateway.ask(&chat).await.status, 200);
    let revoked = terminal.json("user revoke --project mart --user ann").await;
    assert_eq!((&revoked["project"], &revoked["user"]), (&json!("mart"), &json!("ann")));
    assert_eq!(terminal.gateway.ask(&chat).await.status, 401);
    // More than other bodies may have.
    let long = format!("{} to ann@example.com", "x ".repeat(50_000));
    let output = terminal.type_in("redact --project mart", &long).await;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(text(&told, "text").ends_with(" to [EMAIL_ADDRESS]"), "{}", told["findings"]);
    let output = terminal.type_in("redact --project none", "x").await;
    assert!(said_to_have_failed(&output).contains("none"));
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_mistake() {
    let (_provider, terminal) = Terminal::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = terminal.command("tenant list");
    let running = command.stdout(Stdio::from(writer)).spawn().unwrap();
    let ended = tokio::task::spawn_blocking(move || running.wait_with_output().unwrap());
    let output = ended.await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
