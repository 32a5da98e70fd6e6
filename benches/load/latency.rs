//! Latency at one connection: what each proxy adds to the way without any.

use crate::Fallible;
use crate::args::Args;
use crate::gates::Verdict;
use crate::load::{Load, Run};
use crate::proc::announce;
use crate::rounds::rotated;
use crate::table::{Table, micros, spread};
use crate::variant::{Variant, Way};
use crate::workload::Workload;

const ADDED_P99_US: f64 = 200.0;

/// The runs of one variant, one per round.
struct Runs {
    variant: Variant,
    runs: Vec<Run>,
}

pub(crate) fn measure(args: &Args, upstream: u16, fleet: &[Way]) -> Fallible<Vec<Verdict>> {
    let direct = Way::direct(upstream);
    let ways: Vec<&Way> =
        std::iter::once(&direct).chain(fleet).filter(|way| way.variant.takes("latency")).collect();
    let empty = |way: &&Way| Runs { variant: way.variant, runs: Vec::new() };
    let mut all: Vec<Runs> = ways.iter().map(empty).collect();
    for round in 0..args.rounds {
        announce("latency", round, args.rounds);
        for way in rotated(&ways, round) {
            let run = one_connection(way, args.seconds)?;
            let own = all.iter_mut().find(|runs| runs.variant == way.variant);
            own.ok_or("a variant without a place")?.runs.push(run);
        }
    }
    print(args, &all);
    let added = added(&all, Variant::Gateway, Variant::Direct, |run| run.p99_us);
    let what = "added p99 at one connection".to_owned();
    Ok(Verdict::of(what, " µs", &added, ADDED_P99_US, None).into_iter().collect())
}

fn one_connection(way: &Way, seconds: f64) -> Fallible<Run> {
    let run = Load::start(way, Workload::named("1k")?, 1, seconds).and_then(Load::run);
    run.map_err(|error| format!("latency of {}: {error}", way.variant.name()).into())
}

fn of(all: &[Runs], variant: Variant, value: impl Fn(&Run) -> f64) -> Vec<f64> {
    let runs = all.iter().filter(|runs| runs.variant == variant);
    runs.flat_map(|runs| &runs.runs).map(value).collect()
}

/// The difference between two variants in each round.
fn added(all: &[Runs], to: Variant, from: Variant, value: fn(&Run) -> f64) -> Vec<f64> {
    let (to, from) = (of(all, to, value), of(all, from, value));
    to.iter().zip(from).map(|(to, from)| to - from).collect()
}

fn print(args: &Args, all: &[Runs]) {
    let head = ["way", "p50 µs", "p99 µs", "added p50", "added p99 (min..max)", "p99 over bare"];
    let mut table = Table::new("Latency of 1 KB at one connection: medians over the rounds", &head);
    for Runs { variant, .. } in all {
        let p99 = |run: &Run| run.p99_us;
        table.row([
            variant.name().to_owned(),
            micros(&of(all, *variant, |run| run.p50_us)),
            micros(&of(all, *variant, p99)),
            micros(&added(all, *variant, Variant::Direct, |run| run.p50_us)),
            spread(&added(all, *variant, Variant::Direct, p99)),
            micros(&added(all, *variant, Variant::Bare, p99)),
        ]);
    }
    table.print(args.markdown);
}
