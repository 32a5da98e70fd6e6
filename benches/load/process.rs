//! Children: pinned to a core, known by their pid, and gone when their guard is.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::Fallible;

#[derive(Clone, Copy)]
pub(crate) enum Core {
    Proxy,
    /// Load and upstream share it, so that nothing but the measured proxy runs on the first.
    Load,
}

/// A folder for configurations, logs and data, gone at the end of the run.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Fallible<Folder> {
        let name = format!("load-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that writes to a log file and is killed on drop.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `program` on the proxies' core, with `folder` as its working directory.
    pub(crate) fn start(folder: &Path, program: &Path, args: &[&str]) -> Fallible<Server> {
        Server::on(Core::Proxy, folder, program, args, &[])
    }

    pub(crate) fn start_with_env(
        folder: &Path,
        program: &Path,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Fallible<Server> {
        Server::on(Core::Proxy, folder, program, args, env)
    }

    /// Starts this program in a role, beside the load.
    pub(crate) fn start_beside_load(folder: &Path, args: &[&str]) -> Fallible<Server> {
        Server::on(Core::Load, folder, &std::env::current_exe()?, args, &[])
    }

    fn on(
        core: Core,
        folder: &Path,
        program: &Path,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Fallible<Server> {
        fs::create_dir_all(folder)?;
        let log = folder.join("server.log");
        let output = File::create(&log)?;
        let mut command = pinned(core, program, args);
        command.current_dir(folder).envs(env.iter().copied()).stdin(Stdio::null());
        let child = command.stdout(output.try_clone()?).stderr(output).spawn();
        let child =
            child.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        Ok(Server { child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks `ready` for up to ten seconds; a server that ended, or never answers, shows its log.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Fallible<()> {
        for _ in 0..200 {
            if ready() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("a server ended, {status}:\n{}", self.log_tail()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("a server is not ready after ten seconds:\n{}", self.log_tail()).into())
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = log.get(log.len().saturating_sub(2000)..).unwrap_or_default();
        String::from_utf8_lossy(tail).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program in a role that is led line by line over its standard input and output.
pub(crate) struct Talker {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Talker {
    pub(crate) fn start(core: Core, args: &[&str]) -> Fallible<Talker> {
        let mut command = pinned(core, &std::env::current_exe()?, args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("a child without its output")?;
        Ok(Talker { child, output: BufReader::new(output) })
    }

    pub(crate) fn say(&mut self, word: &str) -> Fallible<()> {
        let input = self.child.stdin.as_mut().ok_or("a child without its input")?;
        Ok(writeln!(input, "{word}")?)
    }

    /// The next line, if it starts with `word`: what follows it. Every role bounds its own time.
    pub(crate) fn hear(&mut self, word: &str) -> Fallible<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim_end().strip_prefix(word) {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(format!("the load ended before it was {word}").into()),
        }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `exec` all the way, so that the child's pid is the program's; it dies with its parent's thread
/// even where no guard can run. The limit is for a thousand streams, two sockets each.
fn pinned(core: Core, program: &Path, args: &[&str]) -> Command {
    let core = match core {
        Core::Proxy => "0",
        Core::Load => "1",
    };
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", core, "sh", "-c"]);
    command.args(["ulimit -n 8192; exec \"$@\"", "sh"]).arg(program).args(args);
    command
}

pub(crate) fn free_port() -> Fallible<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
