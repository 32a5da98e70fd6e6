//! The load generator: a closed loop per connection on one thread, bounded by time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::answer::Answer;
use crate::process::{Core, Talker};
use crate::variant::{Variant, Way};
use crate::workload::Workload;

/// Long enough for every connection, pool and cache to exist.
const WARM_UP: Duration = Duration::from_millis(150);
/// What one answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a load generator found out about its run.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// A generator that has warmed up and waits for the word.
pub(crate) struct Load(Talker);

impl Load {
    /// On the way without a proxy the load takes the proxy's core: a request has to cross from one
    /// core to another there too, or the wake-ups of the first hop would count as the proxy's.
    pub(crate) fn start(
        way: &Way,
        work: &Workload,
        connections: usize,
        seconds: f64,
    ) -> Fallible<Load> {
        let (port, connections) = (way.port.to_string(), connections.to_string());
        let args = ["role-load", &port, work.name, &connections, &seconds.to_string()];
        let core = if way.variant == Variant::Direct { Core::Proxy } else { Core::Load };
        let mut talker = Talker::start(core, &args)?;
        talker.hear("ready")?;
        Ok(Load(talker))
    }

    pub(crate) fn run(mut self) -> Fallible<Run> {
        self.0.say("go")?;
        let line = self.0.hear("done")?;
        let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [requests, seconds, p50_us, p99_us] = numbers[..] else {
            return Err("a result of another shape".into());
        };
        Ok(Run { requests: requests as u64, seconds, p50_us, p99_us })
    }
}

/// The role.
pub(crate) fn run(
    port: u16,
    workload: &Workload,
    connections: usize,
    seconds: f64,
) -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request: Arc<[u8]> = workload.request().into();
    let events = workload.events;
    runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(Client::connect(port, Arc::clone(&request), events).await?);
        }
        let (clients, _) = all(clients, WARM_UP).await?;
        println!("ready");
        std::io::stdin().read_line(&mut String::new())?;
        let begin = Instant::now();
        let (_, nanos) = all(clients, Duration::from_secs_f64(seconds)).await?;
        report(nanos, begin.elapsed());
        Ok(())
    })
}

/// Lets every client loop until the time is over; answers that were begun are awaited.
async fn all(clients: Vec<Client>, time: Duration) -> Fallible<(Vec<Client>, Vec<u32>)> {
    let until = Instant::now() + time;
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(client.repeat(until));
    }
    let (mut clients, mut nanos) = (Vec::new(), Vec::new());
    while let Some(done) = running.join_next().await {
        let (client, some) = done??;
        clients.push(client);
        nanos.extend(some);
    }
    Ok((clients, nanos))
}

fn report(mut nanos: Vec<u32>, elapsed: Duration) {
    nanos.sort_unstable();
    let at = |share: f64| {
        let index = (nanos.len() as f64 * share) as usize;
        f64::from(nanos.get(index).copied().unwrap_or_default()) / 1000.0
    };
    println!("done {} {} {} {}", nanos.len(), elapsed.as_secs_f64(), at(0.5), at(0.99));
}

struct Client {
    stream: TcpStream,
    request: Arc<[u8]>,
    events: usize,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(port: u16, request: Arc<[u8]>, events: usize) -> Fallible<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, request, events, buffer: vec![0; 32 << 10] })
    }

    /// The time of every request in nanoseconds. At least one is made.
    async fn repeat(mut self, until: Instant) -> Fallible<(Client, Vec<u32>)> {
        let mut nanos = Vec::with_capacity(1 << 14);
        loop {
            let begin = Instant::now();
            self.exchange().await?;
            let end = Instant::now();
            nanos.push(u32::try_from((end - begin).as_nanos()).unwrap_or(u32::MAX));
            if end >= until {
                return Ok((self, nanos));
            }
        }
    }

    /// Every read has a deadline, so that a proxy that hangs ends the run.
    async fn exchange(&mut self) -> Fallible<()> {
        self.stream.write_all(&self.request).await?;
        let mut answer = Answer::new();
        while !answer.is_done() {
            let read = self.stream.read(&mut self.buffer);
            let length = tokio::time::timeout(PATIENCE, read).await??;
            if length == 0 {
                return Err("the connection ended within an answer".into());
            }
            answer.feed(self.buffer.get(..length).unwrap_or_default())?;
        }
        self.check(&answer)
    }

    /// A refusal is cheap, so a single one would spoil the figures: it ends the run.
    fn check(&self, answer: &Answer) -> Fallible<()> {
        let (status, bytes, events) = (answer.status, answer.body_bytes, answer.events());
        let enough = if self.events > 0 { events == self.events } else { bytes > 256 };
        if status == 200 && enough {
            return Ok(());
        }
        Err(format!("an answer with status {status}, {bytes} bytes, {events} events").into())
    }
}
