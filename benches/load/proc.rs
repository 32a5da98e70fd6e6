//! What the operating system says about a process: CPU time and resident memory.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fs, thread};

use crate::Fallible;

/// CPU time of every thread in nanoseconds.
pub(crate) struct Cpu(BTreeMap<String, u64>);

impl Cpu {
    pub(crate) fn of(pid: u32) -> Fallible<Cpu> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            let path = entry.path();
            // A thread may end between the listing and the reading.
            let Ok(stat) = fs::read_to_string(path.join("schedstat")) else { continue };
            let nanos = stat.split(' ').next().and_then(|first| first.parse().ok());
            let nanos = nanos.ok_or("schedstat without a number: needs CONFIG_SCHED_INFO")?;
            threads.insert(entry.file_name().to_string_lossy().into_owned(), nanos);
        }
        if threads.is_empty() {
            return Err(format!("no CPU time of process {pid} to be read").into());
        }
        Ok(Cpu(threads))
    }

    /// Nanoseconds since `before`. A thread that ended in between is not counted: a proxy's
    /// workers live as long as it does, and a blocking pool's threads end only when idle.
    pub(crate) fn since(&self, before: &Cpu) -> u64 {
        let spent = |(thread, nanos): (&String, &u64)| {
            nanos.saturating_sub(before.0.get(thread).copied().unwrap_or(0))
        };
        self.0.iter().map(spent).sum()
    }
}

/// Resident memory in KiB; `smaps_rollup` walks the pages, `status` may lag by some per thread.
pub(crate) fn rss_kib(pid: u32) -> Fallible<u64> {
    let exact = field(&format!("/proc/{pid}/smaps_rollup"), "Rss:");
    let rss = exact.or_else(|| field(&format!("/proc/{pid}/status"), "VmRSS:"));
    rss.ok_or_else(|| format!("no memory of process {pid} to be read").into())
}

fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Announces a round, and how busy the machine is while nothing of ours runs: beside a build, ratios
/// get wide and a p99 says nothing.
pub(crate) fn announce(what: &str, round: usize, rounds: usize) {
    let busy = busy_percent(Duration::from_millis(100)).unwrap_or(0.0);
    eprint!("load: {what}, round {} of {rounds}", round + 1);
    if busy > 15.0 { eprintln!(" (others keep the machine {busy:.0} % busy)") } else { eprintln!() }
}

fn busy_percent(time: Duration) -> Option<f64> {
    let (busy, all) = jiffies()?;
    thread::sleep(time);
    let (busy_after, all_after) = jiffies()?;
    Some(100.0 * (busy_after - busy) / (all_after - all).max(1.0))
}

/// What all cores spent working, and altogether, since the machine started.
fn jiffies() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().next()?.strip_prefix("cpu")?;
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is within user already.
    let all: f64 = fields.iter().take(8).sum();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    Some((all - idle, all))
}
