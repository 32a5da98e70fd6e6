//! Real servers, each on a port of its own.

use super::until;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Server {
    pub(crate) port: u16,
    args: Vec<String>,
    folder: TempDir,
    program: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more arguments, as on its command line.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().copied().map(String::from).collect();
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = spawn(port, folder.path(), &args);
        let server = Self { port, args, folder, program };
        until("Redis listens", || server.cli(&["ping"]).contains("PONG"));
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What the server says to a command.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let port = self.port.to_string();
        let said = Command::new("redis-cli").args(["-p", &port]).args(args).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// Kills it. What it had written down is kept.
    pub(crate) fn kill(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }

    /// Starts it anew on what it had written down.
    pub(crate) fn revive(&mut self) {
        self.program = spawn(self.port, self.folder.path(), &self.args);
        until("Redis listens", || self.cli(&["ping"]).contains("PONG"));
    }

    /// Stops it where it is: connections stay open, and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, folder: &Path, args: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .args(["--dir", folder.to_str().unwrap()])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// A way to a server on which answers may be lost.
pub(crate) struct LossyWay {
    pub(crate) port: u16,
    is_mute: Arc<AtomicBool>,
}

impl LossyWay {
    pub(crate) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), is_mute: Arc::default() };
        let (target, is_mute) = (server.port, way.is_mute.clone());
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let there = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || copy(there.0, there.1, || false));
                let is_mute = is_mute.clone();
                thread::spawn(move || copy(far, near, || is_mute.load(Ordering::SeqCst)));
            }
        });
        way
    }

    /// From here on, what is asked arrives, and no answer comes back.
    pub(crate) fn mute(&self) {
        self.is_mute.store(true, Ordering::SeqCst);
    }

    pub(crate) fn unmute(&self) {
        self.is_mute.store(false, Ordering::SeqCst);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn() -> bool) {
    let mut some = [0; 4096];
    loop {
        match from.read(&mut some) {
            Ok(0) | Err(_) => break,
            // A stream with a hole in it is of no use any more.
            Ok(_) if is_lost() => break thread::sleep(Duration::from_secs(2)),
            Ok(count) => {
                if to.write_all(&some[..count]).is_err() {
                    break;
                }
            }
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
