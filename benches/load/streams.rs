//! A thousand slow streams at once on a fresh process: what each costs in memory and in CPU time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::args::Args;
use crate::gates::Verdict;
use crate::proc::{Cpu, announce, rss_kib};
use crate::process::{Core, Talker};
use crate::rounds::rotated;
use crate::table::{Table, median, micros, ratio, spread};
use crate::variant::{Variant, Way};
use crate::{Fallible, workload};

const STREAMS: usize = 1000;
/// Streams opened at a time, below the backlog of every listener on the way.
const WAVE: usize = 100;
/// For what a process still does after it is ready.
const SETTLE: Duration = Duration::from_millis(500);

const GROWTH_AIM_KIB: f64 = 48.0;
/// Where bare Pingora was not measured.
const BARE_GROWTH_KIB: f64 = 54.0;
const IDLE_MIB: f64 = 32.0;

/// One fresh process of one variant.
struct Sample {
    variant: Variant,
    idle_mib: f64,
    growth_kib: f64,
    cpu_us: f64,
}

pub(crate) fn measure(args: &Args, upstream: u16, folder: &Path) -> Fallible<Vec<Verdict>> {
    let mut all = Vec::new();
    for round in 0..args.rounds {
        announce("slow streams", round, args.rounds);
        let takes = |variant: &&Variant| variant.takes("streams");
        for variant in rotated(&args.variants, round).filter(takes) {
            let folder = folder.join(format!("streams-{round}-{}", variant.name()));
            let way = Way::start(*variant, args, upstream, &folder)?;
            let sample = sample(&way, args.seconds);
            all.push(sample.map_err(|error| format!("streams, {}: {error}", variant.name()))?);
        }
    }
    print(args, &all);
    Ok(verdicts(&all))
}

fn sample(way: &Way, seconds: f64) -> Fallible<Sample> {
    let pid = way.pid().ok_or("nothing to be metered")?;
    thread::sleep(SETTLE);
    let idle = rss_kib(pid)?;
    let args = ["role-streams", &way.port.to_string(), &STREAMS.to_string()];
    let mut load = Talker::start(Core::Load, &args)?;
    let held: u64 = load.hear("held")?.parse()?;
    let before = Cpu::of(pid)?;
    let grown = rss_kib(pid)?.saturating_sub(idle);
    // Whole seconds, because the events come once a second; and never until the streams' end.
    thread::sleep(Duration::from_secs_f64(seconds.ceil().clamp(2.0, 20.0)));
    let nanos = Cpu::of(pid)?.since(&before);
    load.say("enough")?;
    let events = load.hear("events")?.parse::<u64>()?.saturating_sub(held);
    Ok(Sample {
        variant: way.variant,
        idle_mib: idle as f64 / 1024.0,
        growth_kib: grown as f64 / STREAMS as f64,
        cpu_us: nanos as f64 / 1000.0 / events.max(1) as f64,
    })
}

fn of(all: &[Sample], variant: Variant, value: fn(&Sample) -> f64) -> Vec<f64> {
    all.iter().filter(|sample| sample.variant == variant).map(value).collect()
}

fn ratios(all: &[Sample], variant: Variant, value: fn(&Sample) -> f64) -> Vec<f64> {
    let (own, bare) = (of(all, variant, value), of(all, Variant::Bare, value));
    own.iter().zip(bare).map(|(own, bare)| own / bare).collect()
}

fn verdicts(all: &[Sample]) -> Vec<Verdict> {
    let growth = of(all, Variant::Gateway, |sample| sample.growth_kib);
    let bare = of(all, Variant::Bare, |sample| sample.growth_kib);
    let idle = of(all, Variant::Gateway, |sample| sample.idle_mib);
    // What bare Pingora grows by moves with the allocator and the build: this run's figure counts.
    let most = median(&bare).unwrap_or(BARE_GROWTH_KIB);
    [
        Verdict::of("growth per stream".to_owned(), " KiB", &growth, most, Some(GROWTH_AIM_KIB)),
        Verdict::of("idle process".to_owned(), " MiB", &idle, IDLE_MIB, None),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn print(args: &Args, all: &[Sample]) {
    let title = format!("{STREAMS} streams with one event a second, fresh processes");
    let head = [
        "proxy",
        "idle MiB",
        "growth KiB/stream (min..max)",
        "growth to bare",
        "CPU µs/event",
        "CPU to bare",
    ];
    let mut table = Table::new(&title, &head);
    for variant in args.variants.iter().filter(|variant| variant.takes("streams")) {
        table.row([
            variant.name().to_owned(),
            micros(&of(all, *variant, |sample| sample.idle_mib)),
            spread(&of(all, *variant, |sample| sample.growth_kib)),
            ratio(&ratios(all, *variant, |sample| sample.growth_kib)),
            micros(&of(all, *variant, |sample| sample.cpu_us)),
            ratio(&ratios(all, *variant, |sample| sample.cpu_us)),
        ]);
    }
    table.print(args.markdown);
}

/// The role: says `held` and the events so far once every stream had two, and `events` at the end.
pub(crate) fn run(port: u16, count: usize) -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let events = Arc::new(AtomicUsize::new(0));
    let done = runtime.block_on(async {
        let mut streams = open(port, count, &events).await?;
        println!("held {}", events.load(Relaxed));
        let enough = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        tokio::select! {
            line = enough => Ok(line.map(drop)?),
            Some(ended) = streams.join_next() => Err(why(ended)),
        }
    });
    // The blocking read may still wait for a line that never comes.
    runtime.shutdown_background();
    println!("events {}", events.load(Relaxed));
    done
}

type Ended = Result<Fallible<()>, tokio::task::JoinError>;

async fn open(
    port: u16,
    count: usize,
    events: &Arc<AtomicUsize>,
) -> Fallible<JoinSet<Fallible<()>>> {
    let held = Arc::new(AtomicUsize::new(0));
    let mut streams = JoinSet::new();
    let request: Arc<[u8]> = workload::slow_request().into();
    for begun in (WAVE..=count.next_multiple_of(WAVE)).step_by(WAVE) {
        for _ in streams.len()..begun.min(count) {
            streams.spawn(follow(
                port,
                Arc::clone(&request),
                Arc::clone(events),
                Arc::clone(&held),
            ));
        }
        wait_for(&mut streams, || events.load(Relaxed) >= begun.min(count)).await?;
    }
    wait_for(&mut streams, || held.load(Relaxed) >= count).await?;
    Ok(streams)
}

/// Up to twenty seconds, and not when a stream has ended.
async fn wait_for(streams: &mut JoinSet<Fallible<()>>, fine: impl Fn() -> bool) -> Fallible<()> {
    for _ in 0..2000 {
        if let Some(ended) = streams.try_join_next() {
            return Err(why(ended));
        }
        if fine() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the streams did not open within twenty seconds".into())
}

fn why(ended: Ended) -> Box<dyn std::error::Error + Send + Sync> {
    match ended {
        Ok(Ok(())) => "a stream ended too early".into(),
        Ok(Err(error)) => format!("a stream failed: {error}").into(),
        Err(error) => error.into(),
    }
}

/// Counts one stream's events until it is dropped.
async fn follow(
    port: u16,
    request: Arc<[u8]>,
    events: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
) -> Fallible<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&request).await?;
    let (mut answer, mut seen, mut buffer) = (Answer::new(), 0, [0; 2048]);
    while !answer.is_done() {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err("the connection ended within the stream".into());
        }
        answer.feed(buffer.get(..length).unwrap_or_default())?;
        if answer.status != 200 && answer.status != 0 {
            return Err(format!("status {}", answer.status).into());
        }
        let now = answer.events();
        events.fetch_add(now - seen, Relaxed);
        held.fetch_add(usize::from(seen < 2 && now >= 2), Relaxed);
        seen = now;
    }
    Ok(())
}
