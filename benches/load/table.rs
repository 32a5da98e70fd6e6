//! Medians, and tables for a terminal or for a page.

use crate::Fallible;
use crate::selfcheck::ensure;

pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, head: &[&str]) -> Table {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        Table { title: title.to_owned(), rows: vec![head] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self, markdown: bool) {
        let widths: Vec<usize> = (0..self.rows.first().map_or(0, Vec::len))
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        println!("\n{}{}\n", if markdown { "### " } else { "" }, self.title);
        for (number, row) in self.rows.iter().enumerate() {
            println!("{}", line(row, &widths, markdown));
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("{}", line(&rule, &widths, markdown));
            }
        }
    }
}

fn line(row: &[String], widths: &[usize], markdown: bool) -> String {
    let cells: Vec<String> =
        row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    if markdown {
        format!("| {} |", cells.join(" | "))
    } else {
        cells.join("  ").trim_end().to_owned()
    }
}

/// The middle value, or the mean of the middle two; none of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// A median with one decimal.
pub(crate) fn micros(values: &[f64]) -> String {
    median(values).map_or("-".to_owned(), |median| format!("{median:.1}"))
}

/// A median with its extremes, one decimal.
pub(crate) fn spread(values: &[f64]) -> String {
    with_extremes(values, 1)
}

/// A median with its extremes, two decimals.
pub(crate) fn ratio(values: &[f64]) -> String {
    with_extremes(values, 2)
}

fn with_extremes(values: &[f64], decimals: usize) -> String {
    let Some(median) = median(values) else { return "-".to_owned() };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{median:.decimals$} ({least:.decimals$}..{most:.decimals$})")
}

/// A median as a whole number in groups of three.
pub(crate) fn thousands(values: &[f64]) -> String {
    let Some(median) = median(values) else { return "-".to_owned() };
    let digits = format!("{median:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(crate) fn check() -> Fallible<()> {
    ensure(median(&[3.0, 1.0, 2.0]) == Some(2.0), "the median of three")?;
    ensure(median(&[4.0, 1.0, 2.0, 3.0]) == Some(2.5), "the median of four")?;
    ensure(median(&[]).is_none(), "the median of nothing")?;
    ensure(thousands(&[1_234_567.0]) == "1,234,567", "a number in groups")
}
