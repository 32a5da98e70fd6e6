//! The rounds: every workload over every proxy, alternating, and the CPU time that each request took.

use crate::Fallible;
use crate::args::Args;
use crate::gates::Verdict;
use crate::load::{Load, Run};
use crate::proc::{Cpu, announce};
use crate::table::{Table, micros, ratio, thousands};
use crate::variant::{Variant, Way};
use crate::workload::{WORKLOADS, Workload};

/// One workload over one proxy in one round.
struct Cell {
    variant: Variant,
    cpu_us: f64,
    per_second: f64,
}

/// What all rounds found for one workload.
struct Series {
    workload: &'static Workload,
    rounds: Vec<Vec<Cell>>,
}

pub(crate) fn measure(args: &Args, fleet: &[Way]) -> Fallible<Vec<Verdict>> {
    let wanted = WORKLOADS.iter().filter(|workload| args.wants(workload.name));
    let mut all: Vec<_> = wanted.map(|workload| Series { workload, rounds: Vec::new() }).collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    for round in 0..args.rounds {
        announce("CPU per request", round, args.rounds);
        for series in &mut all {
            let cells = rotated(fleet, round)
                .filter(|way| way.variant.takes(series.workload.name))
                .map(|way| cell(way, series.workload, args.seconds));
            series.rounds.push(cells.collect::<Fallible<_>>()?);
        }
    }
    print(args, &all);
    let gateways = || args.variants.iter().filter(|variant| variant.is_gateway());
    let verdicts = all.iter().flat_map(|series| gateways().map(|it| series.verdict(*it)));
    Ok(verdicts.flatten().collect())
}

/// Each round begins with another variant, so that none always runs in the same neighbourhood.
pub(crate) fn rotated<T>(items: &[T], by: usize) -> impl Iterator<Item = &T> {
    items.iter().cycle().skip(by % items.len().max(1)).take(items.len())
}

fn cell(way: &Way, workload: &'static Workload, seconds: f64) -> Fallible<Cell> {
    let (run, nanos) = metered(way, workload, workload.connections, seconds)
        .map_err(|error| format!("{} over {}: {error}", workload.name, way.variant.name()))?;
    Ok(Cell {
        variant: way.variant,
        cpu_us: nanos as f64 / 1000.0 / run.requests as f64,
        per_second: run.requests as f64 / run.seconds,
    })
}

/// Runs one load and reads the proxy's CPU time around it; warming up is not counted.
fn metered(way: &Way, work: &Workload, connections: usize, seconds: f64) -> Fallible<(Run, u64)> {
    let load = Load::start(way, work, connections, seconds)?;
    let pid = way.pid().ok_or("nothing to be metered")?;
    let before = Cpu::of(pid)?;
    let run = load.run()?;
    Ok((run, Cpu::of(pid)?.since(&before)))
}

impl Series {
    fn of(&self, variant: Variant, value: impl Fn(&Cell) -> f64) -> Vec<f64> {
        let cells = self.rounds.iter().flatten().filter(|cell| cell.variant == variant);
        cells.map(value).collect()
    }

    /// The ratio to bare Pingora of each round.
    fn ratios(&self, variant: Variant) -> Vec<f64> {
        let (own, bare) = (self.of(variant, |c| c.cpu_us), self.of(Variant::Bare, |c| c.cpu_us));
        own.iter().zip(bare).map(|(own, bare)| own / bare).collect()
    }

    fn verdict(&self, variant: Variant) -> Option<Verdict> {
        let ratios = self.ratios(variant);
        let what = format!("{}, {}: CPU per request, to bare", self.workload.name, variant.name());
        let (gate, aim) = self.workload.gate(variant)?;
        Verdict::of(what, "", &ratios, gate, aim)
    }
}

fn print(args: &Args, all: &[Series]) {
    let head = ["workload", "proxy", "CPU µs/request", "ratio to bare (min..max)", "requests/s"];
    let mut table = Table::new("CPU per request: medians over the rounds, ratios paired", &head);
    for series in all {
        let takes = |variant: &&Variant| variant.takes(series.workload.name);
        for variant in args.variants.iter().filter(takes) {
            table.row([
                series.workload.name.to_owned(),
                variant.name().to_owned(),
                micros(&series.of(*variant, |cell| cell.cpu_us)),
                ratio(&series.ratios(*variant)),
                thousands(&series.of(*variant, |cell| cell.per_second)),
            ]);
        }
    }
    table.print(args.markdown);
}
