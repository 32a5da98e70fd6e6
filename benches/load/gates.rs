//! Numbers that the gateway has to keep.

use crate::args::Args;
use crate::table::{Table, median};

pub(crate) struct Verdict {
    what: String,
    unit: &'static str,
    measured: f64,
    gate: f64,
    aim: Option<f64>,
}

impl Verdict {
    /// The median of the rounds against its gate; none if the gateway was not measured.
    pub(crate) fn of(
        what: String,
        unit: &'static str,
        values: &[f64],
        gate: f64,
        aim: Option<f64>,
    ) -> Option<Verdict> {
        Some(Verdict { what, unit, measured: median(values)?, gate, aim })
    }

    pub(crate) fn passed(&self) -> bool {
        self.measured <= self.gate
    }

    fn word(&self) -> &'static str {
        match self.aim {
            _ if !self.passed() => "MISSED",
            Some(aim) if self.measured > aim => "passed, short of the aim",
            _ => "passed",
        }
    }
}

pub(crate) fn print(args: &Args, verdicts: &[Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    let mut table = Table::new("Gates", &["what", "median", "at most", "aim", ""]);
    for verdict in verdicts {
        let unit = verdict.unit;
        table.row([
            verdict.what.clone(),
            format!("{:.2}{unit}", verdict.measured),
            format!("{:.2}{unit}", verdict.gate),
            verdict.aim.map_or("-".to_owned(), |aim| format!("{aim:.2}{unit}")),
            verdict.word().to_owned(),
        ]);
    }
    table.print(args.markdown);
    if args.rounds < 9 {
        println!("\nFewer than nine rounds: the medians may be off by a quarter.");
    }
}
