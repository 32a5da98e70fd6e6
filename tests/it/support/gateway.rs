//! The real program, in a folder of its own.

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::client::{Answer, Ask, Client, Streamed};
use super::conf::{ADMIN_SECRET, ENVIRONMENT, conf};
use super::folder::Folder;
use super::provider::Provider;
use super::{patience, until};

/// How long a gateway may take to leave when its test is over, before it is killed.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Gateway {
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) folder: Folder,
    program: Child,
}

impl Gateway {
    /// Starts the program with this configuration (its `listen` is filled in here) and waits until it
    /// is ready.
    pub(crate) async fn start(conf: Value) -> Self {
        Self::start_in(Folder::new(), conf).await
    }

    /// One whose models are served by this provider.
    pub(crate) async fn over(provider: &Provider) -> Self {
        Self::start(conf(&[provider.url()])).await
    }

    /// The same in a folder that already holds files which the configuration names.
    pub(crate) async fn start_in(folder: Folder, conf: Value) -> Self {
        Self::start_with(folder, conf, &[]).await
    }

    /// The same with more variables in its environment.
    pub(crate) async fn start_with(
        folder: Folder,
        conf: Value,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_within(&[], folder, conf, environment).await
    }

    /// The same, where another program, of these words, becomes ours in the end.
    pub(crate) async fn start_within(
        runner: &[&str],
        mut folder: Folder,
        conf: Value,
        environment: &[(&str, &str)],
    ) -> Self {
        // Another program may take a port between our finding it free and the gateway's using it.
        for _ in 0..3 {
            let (data, admin) = (free_address(), free_address());
            configure(&folder, &conf, data, admin);
            let serve = ["serve", "--config", "behest.yaml"];
            let program = spawn_within(runner, &serve, folder.path(), environment);
            let mut gateway = Self { data, admin, folder, program };
            match gateway.ready().await {
                Ok(()) => return gateway,
                Err(_) if gateway.output().contains("in use") => {
                    folder = std::mem::replace(&mut gateway.folder, Folder::new());
                }
                Err(status) => panic!("the gateway did not start: {status}"),
            }
        }
        panic!("found no free ports");
    }

    /// Ends the program by this signal, and keeps what it leaves: its folder, with what it had written
    /// under other names, and its configuration.
    pub(crate) async fn stop(mut self, signal: &str) -> (Folder, Value) {
        self.signal(signal);
        self.exit().await;
        let folder = std::mem::replace(&mut self.folder, Folder::new());
        for name in ["stdout", "stderr"] {
            let text = folder.read(&format!("{name}.before")) + &folder.read(name);
            folder.write(&format!("{name}.before"), text);
        }
        let conf = serde_json::from_str(&folder.read("behest.yaml")).unwrap();
        (folder, conf)
    }

    /// Ends the program by this signal, and starts it on what it left.
    pub(crate) async fn restart(self, signal: &str) -> Self {
        let (folder, conf) = self.stop(signal).await;
        Self::start_in(folder, conf).await
    }

    /// Writes the configuration file anew.
    pub(crate) fn configure(&self, conf: &Value) {
        configure(&self.folder, conf, self.data, self.admin);
    }

    async fn ready(&mut self) -> Result<(), ExitStatus> {
        let deadline = Instant::now() + patience();
        loop {
            if let Some(status) = self.program.try_wait().unwrap() {
                return Err(status);
            }
            if TcpStream::connect(self.admin).await.is_ok() && self.says_ready().await {
                return Ok(());
            }
            assert!(Instant::now() < deadline, "the gateway is not ready after {:?}", patience());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn says_ready(&self) -> bool {
        let mut client = Client::connect(self.admin).await;
        let ask = Ask::new("GET", "/readyz").header("Connection", "close");
        // Whoever took our port may have nothing to say.
        client.try_send(ask.bytes()).await
            && client.try_head().await.is_some_and(|head| head.first.contains(" 200 "))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits until the program has ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        until("the gateway's end", || self.program.try_wait().unwrap()).await
    }

    /// All that the program has written.
    pub(crate) fn output(&self) -> String {
        self.folder.read("stdout") + &self.folder.read("stderr")
    }

    /// The lines of its access log so far.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let output = self.output();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["request_id"].is_string() && line["status"].is_u64()).collect()
    }

    /// Waits until the access log has the line of this request.
    pub(crate) async fn log_line(&self, answer: &Answer) -> Value {
        let id = answer.header("x-request-id").expect("an answer without a request id").to_owned();
        let find = || self.log_lines().into_iter().find(|line| line["request_id"] == *id);
        until("the request's line in the access log", find).await
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.data).await
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, ask: &Ask) -> Answer {
        self.client().await.ask(ask).await
    }

    /// Sends a chat on a connection of its own and waits for the head of the streamed answer.
    pub(crate) async fn stream(&self, body: &str) -> Streamed {
        self.client().await.stream(&Ask::chat(body.to_owned())).await
    }

    /// Sends one request to the admin listener.
    pub(crate) async fn admin(&self, ask: Ask) -> Answer {
        Client::connect(self.admin).await.ask(&ask.header("Connection", "close")).await
    }

    /// Sends one request to the admin listener, with the secret.
    pub(crate) async fn admin_secretly(&self, ask: Ask) -> Answer {
        self.admin(ask.header("X-Admin-Secret", ADMIN_SECRET)).await
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = self.admin(Ask::new("GET", "/metrics")).await;
        assert_eq!(answer.status, 200);
        answer.text().to_owned()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        leave(&mut self.program);
        if std::thread::panicking() {
            let output = self.output();
            let from = output.char_indices().rev().nth(8_000).map_or(0, |(at, _)| at);
            eprintln!("--- the gateway's output:\n{}\n---", &output[from..]);
        }
    }
}

/// Ends a program: asks it first, kills it if it does not listen.
pub(crate) fn leave(program: &mut Child) {
    let deadline = Instant::now() + LEAVE_PATIENCE;
    if matches!(program.try_wait(), Ok(None)) {
        signal(program.id(), "TERM");
    }
    while matches!(program.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = program.kill();
            let _ = program.wait();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the program; what it writes goes to the files `stdout` and `stderr` of the folder.
pub(crate) fn spawn(arguments: &[&str], folder: &Path) -> Child {
    spawn_with(arguments, folder, &[])
}

/// The same with more variables in its environment.
pub(crate) fn spawn_with(arguments: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Child {
    spawn_within(&[], arguments, folder, environment)
}

fn spawn_within(
    runner: &[&str],
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, &str)],
) -> Child {
    let mut words = runner.iter().map(OsString::from).chain([program()]);
    Command::new(words.next().unwrap())
        .args(words)
        .args(arguments)
        .current_dir(folder)
        .env_remove("BEHEST_ADMIN_SECRET")
        .env_remove("PROVIDER_ENCRYPTION_KEY")
        .envs(ENVIRONMENT)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("stdout")).unwrap())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

/// The program under test; `BEHEST_BIN` names another build of it.
pub(crate) fn program() -> OsString {
    std::env::var_os("BEHEST_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_behest").into())
}

/// The shell's own `kill`, for there may be no other.
pub(crate) fn signal(pid: u32, name: &str) {
    let command = format!("kill -{name} {pid}");
    let status = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
    // It may have left by itself in the meantime.
    drop(status);
}

fn configure(folder: &Folder, conf: &Value, data: SocketAddr, admin: SocketAddr) {
    let mut conf = conf.clone();
    conf["listen"] = json!({ "data": data.to_string(), "admin": admin.to_string() });
    folder.write("behest.yaml", serde_json::to_string_pretty(&conf).unwrap());
}

/// An address that nobody uses. Its port is none of those that the system gives away by itself, so that
/// no provider and no connection takes it before the gateway does.
pub(crate) fn free_address() -> SocketAddr {
    const PORTS: Range<u32> = 10_000..32_000;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Tests that run beside these begin elsewhere.
    let begin = std::process::id().wrapping_mul(7919);
    loop {
        let at = begin.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + at % (PORTS.end - PORTS.start)).unwrap();
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().unwrap();
        }
    }
}
