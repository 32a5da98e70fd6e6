//! Real Redis servers, each on a port of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use parking_lot::Mutex;

use super::folder::Folder;
use super::gateway::{free_address, leave, signal};
use super::until;

pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    folder: Folder,
    program: Mutex<Child>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let (address, folder) = (free_address(), Folder::new());
        let program = Mutex::new(spawn(address, &folder));
        let redis = Self { address, folder, program };
        redis.ready().await;
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// What it says to a command.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let port = self.address.port().to_string();
        let said = Command::new("redis-cli").args(["-p", &port]).args(command).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// All that it was ever told to keep, as it has written it down.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.copy().into_iter().flat_map(|(_, bytes)| bytes).collect()
    }

    /// What it has written down so far.
    pub(crate) fn copy(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = self.folder.files().into_iter();
        files.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
    }

    /// Puts a copy in the place of what it has written down since. It must not run.
    pub(crate) fn put_back(&self, copy: &[(PathBuf, Vec<u8>)]) {
        for file in self.folder.files() {
            std::fs::remove_file(file).unwrap();
        }
        for (file, bytes) in copy {
            std::fs::write(file, bytes).unwrap();
        }
    }

    /// Kills it. What it held in memory is kept as far as it had written it down.
    pub(crate) fn kill(&self) {
        let mut program = self.program.lock();
        program.kill().unwrap();
        program.wait().unwrap();
    }

    /// Starts it anew on what it had written down.
    pub(crate) async fn revive(&self) {
        *self.program.lock() = spawn(self.address, &self.folder);
        self.ready().await;
    }

    /// Stops it where it is: connections stay open and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        signal(self.program.lock().id(), name);
    }

    async fn ready(&self) {
        let ping = || {
            let port = self.address.port().to_string();
            let said = Command::new("redis-cli").args(["-p", &port, "ping"]).output().ok()?;
            said.stdout.starts_with(b"PONG").then_some(())
        };
        until("Redis", ping).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.thaw();
        leave(&mut self.program.lock());
    }
}

fn spawn(address: SocketAddr, folder: &Folder) -> Child {
    Command::new("redis-server")
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .args(["--dir", folder.path().to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
