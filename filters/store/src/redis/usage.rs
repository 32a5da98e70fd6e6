//! What rows add up to, in Redis: cells of sums by minute, hour and day.
//!
//! A cell is who used what: user, session, model, key, bucket. Minutes are kept for two days, hours for
//! sixty, days for four hundred; single rows for half an hour, which is for as long as a row that is told
//! twice is known to be the same. So a question about what is longer ago is answered in coarser steps: its
//! begin and end, and its steps, count from the begin of a minute, an hour or a day.

use super::desk::Desk;
use super::link::{Fault, Invocation};
use super::names::prefix_of;
use super::scripts;
use behest_contract::book::{Bucket, Row, Side, Sum, UsageQuery};
use behest_contract::directory::Failure;
use redis::{FromRedisValue, Value, cmd};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// So much of what one row can hold fits into a sum.
const NUMBER_MAX: u64 = 1 << 42;

/// Later than this, in milliseconds, no row is.
const TIME_MAX_MS: u64 = 253_402_300_799_999;

/// Cells that are read together.
const SCAN_COUNT: usize = 1000;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// How long each step is kept, with a margin.
const ROWS_KEPT_MS: u64 = 25 * MINUTE_MS;
const MINUTES_KEPT_MS: u64 = 47 * HOUR_MS;
const HOURS_KEPT_MS: u64 = 59 * DAY_MS;

/// Who used what: user, session, model, key, bucket.
pub(super) type Cell = (Option<Box<str>>, Option<Box<str>>, Box<str>, Box<str>, Bucket);

/// Adds to a script what it is to add to the sums.
pub(super) fn roll_up(script: Invocation, row: Option<&Row>) -> Invocation {
    let Some(row) = row else { return script.arg("") };
    let at_ms = row.at_ms.min(TIME_MAX_MS);
    let begin = |step: u64| (at_ms - at_ms % step) / 1000;
    let Row { user, session, model, key, bucket, .. } = row;
    let cell = serde_json::to_string(&(user, session, model, key, bucket)).unwrap_or_default();
    let numbers = [
        1,
        row.prompt_tokens,
        row.completion_tokens,
        row.cached_tokens,
        row.reasoning_tokens,
        row.micro_usd.unwrap_or(0),
        row.micro_usd.is_none().into(),
    ];
    script
        .arg(if &*row.ending == "lost" { "lost" } else { "row" })
        .arg(&*row.project)
        .arg(begin(MINUTE_MS))
        .arg(begin(HOUR_MS))
        .arg(begin(DAY_MS))
        .arg(at_ms)
        .arg(cell)
        .arg(numbers.map(|number| number.min(NUMBER_MAX).to_string()).join(" "))
}

/// A step in which sums are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Minute,
    Hour,
    Day,
}

impl Step {
    const fn ms(self) -> u64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    pub(super) const fn letter(self) -> char {
        match self {
            Self::Minute => 'm',
            Self::Hour => 'h',
            Self::Day => 'd',
        }
    }
}

/// Where the sums of a range of time lie.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// In all steps that begin in the range, in milliseconds.
    Steps(Step, Range<u64>),
    /// In single rows of one minute.
    Rows(Range<u64>),
}

/// What to read for a range of time, so that nothing is read twice and as little as can be.
fn parts(time: Range<u64>, step_ms: Option<u64>, now_ms: u64) -> Vec<Part> {
    let floor = |at: u64, step: Step| at - at % step.ms();
    let exact_from = floor(now_ms.saturating_sub(ROWS_KEPT_MS), Step::Minute);
    let minutes_from = floor(now_ms.saturating_sub(MINUTES_KEPT_MS), Step::Hour);
    let hours_from = floor(now_ms.saturating_sub(HOURS_KEPT_MS), Step::Day);
    let snapped = |at: u64| match at {
        at if at < hours_from => floor(at, Step::Day),
        at if at < minutes_from => floor(at, Step::Hour),
        at if at < exact_from => floor(at, Step::Minute),
        at => at,
    };
    let time = snapped(time.start)..snapped(time.end);
    let fits = |step: Step| step_ms.is_none_or(|asked| asked % step.ms() == 0);
    let mut found = Vec::new();
    let old = time.start..time.end.min(hours_from);
    push(&mut found, Step::Day, old);
    let middle = time.start.max(hours_from)..time.end.min(minutes_from);
    cover(&mut found, middle, &[Step::Hour, Step::Day], fits);
    let new = time.start.max(minutes_from)..time.end;
    cover(&mut found, new, &[Step::Minute, Step::Hour, Step::Day], fits);
    found
}

fn push(to: &mut Vec<Part>, step: Step, range: Range<u64>) {
    if range.start < range.end {
        to.push(Part::Steps(step, range));
    }
}

/// Covers a range with the coarsest steps that fit, and its ends with finer ones.
fn cover(
    to: &mut Vec<Part>,
    range: Range<u64>,
    steps: &[Step],
    fits: impl Fn(Step) -> bool + Copy,
) {
    if range.start >= range.end {
        return;
    }
    let Some((coarsest, finer)) = steps.split_last() else {
        // Less than a minute, or two ends of it.
        let next = range.start - range.start % MINUTE_MS + MINUTE_MS;
        to.push(Part::Rows(range.start..range.end.min(next)));
        return cover(to, next..range.end, &[], fits);
    };
    if !fits(*coarsest) && !finer.is_empty() {
        return cover(to, range, finer, fits);
    }
    let ms = coarsest.ms();
    let inner = range.start.div_ceil(ms) * ms..range.end - range.end % ms;
    if inner.start >= inner.end {
        return cover(to, range, finer, fits);
    }
    cover(to, range.start..inner.start, finer, fits);
    push(to, *coarsest, inner.clone());
    cover(to, inner.end..range.end, finer, fits);
}

/// What is added up, by the begin of its step and its sides.
type Sums = BTreeMap<(u64, SmallVec<[Option<Box<str>>; 2]>), Sum>;

/// What rows add up to, in the order of time and sides.
pub(super) async fn usage(desk: Arc<Desk>, query: UsageQuery) -> Result<Vec<Sum>, Failure> {
    let reading = Reading { desk: &desk, prefix: prefix_of(&query.tenant), query: &query };
    let mut sums = Sums::new();
    let millis_up = |time: Duration| {
        u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(TIME_MAX_MS + 1)
    };
    let time = millis_up(query.time.start)..millis_up(query.time.end);
    let step_ms = query.step.map(|step| millis_up(step).max(1));
    let now_ms = millis_up(desk.time());
    for project in reading.projects().await? {
        for part in parts(time.clone(), step_ms, now_ms) {
            reading.part(&project, part, step_ms, &mut sums).await?;
        }
    }
    Ok(sums.into_values().collect())
}

struct Reading<'a> {
    desk: &'a Desk,
    prefix: String,
    query: &'a UsageQuery,
}

impl Reading<'_> {
    async fn projects(&self) -> Result<Vec<String>, Failure> {
        if let Some(project) = &self.query.project {
            return Ok(vec![project.to_string()]);
        }
        let mut asks = cmd("SMEMBERS");
        asks.arg(format!("{}projects", self.prefix));
        self.texts(asks).await
    }

    async fn part(
        &self,
        project: &str,
        part: Part,
        step_ms: Option<u64>,
        sums: &mut Sums,
    ) -> Result<(), Failure> {
        let to = format!("{}u:{project}:", self.prefix);
        match part {
            Part::Rows(range) => {
                let minute = (range.start - range.start % MINUTE_MS) / 1000;
                let asks = Invocation::new(&scripts::RECENT)
                    .key(format!("{to}r:{minute}"))
                    .arg(&*self.prefix)
                    .arg(self.desk.given_time())
                    .arg(range.start)
                    .arg(range.end);
                let found = self.desk.line.eval(asks).await.map_err(failed)?;
                self.add(texts(found)?, range.start, step_ms, sums);
            }
            Part::Steps(step, range) => {
                for begin in self.begins(&to, step, range).await? {
                    let cells = cells(self.desk, &format!("{to}{}:{begin}", step.letter())).await?;
                    self.add(cells, begin.saturating_mul(1000), step_ms, sums);
                }
            }
        }
        Ok(())
    }

    /// The steps of a range in which there is anything, in seconds.
    async fn begins(&self, to: &str, step: Step, range: Range<u64>) -> Result<Vec<u64>, Failure> {
        let mut asks = cmd("ZRANGEBYSCORE");
        let until = format!("({}", range.end.div_ceil(1000));
        asks.arg(format!("{to}i:{}", step.letter())).arg(range.start.div_ceil(1000)).arg(until);
        let found = self.texts(asks).await?;
        Ok(found.iter().filter_map(|text| text.parse().ok()).collect())
    }

    async fn texts(&self, asks: redis::Cmd) -> Result<Vec<String>, Failure> {
        texts(self.desk.line.call(asks).await.map_err(failed)?)
    }

    /// Adds cells that belong to a time: names and numbers in turns.
    fn add(&self, cells: Vec<String>, at_ms: u64, step_ms: Option<u64>, sums: &mut Sums) {
        let at_ms = step_ms.map_or(0, |step| at_ms - at_ms % step);
        let mut cells = cells.into_iter();
        while let Some((name, numbers)) = cells.next().zip(cells.next()) {
            let Ok(cell) = serde_json::from_str::<Cell>(&name) else { continue };
            if self.query.user.is_some() && self.query.user != cell.0 {
                continue;
            }
            let sides: SmallVec<_> =
                self.query.sides.iter().map(|side| side_of(&cell, *side)).collect();
            let sum = sums.entry((at_ms, sides.clone())).or_default();
            (sum.at, sum.sides) = (Duration::from_millis(at_ms), sides);
            add_to(sum, &numbers);
        }
    }
}

fn add_to(sum: &mut Sum, numbers: &str) {
    let to = [
        &mut sum.requests,
        &mut sum.prompt_tokens,
        &mut sum.completion_tokens,
        &mut sum.cached_tokens,
        &mut sum.reasoning_tokens,
        &mut sum.micro_usd,
        &mut sum.unpriced_requests,
    ];
    for (to, number) in to.into_iter().zip(numbers.split(' ')) {
        *to = to.saturating_add(number.parse().unwrap_or(0));
    }
}

fn side_of(cell: &Cell, side: Side) -> Option<Box<str>> {
    let (user, session, model, key, bucket) = cell;
    match side {
        Side::User => user.clone(),
        Side::Session => session.clone(),
        Side::Model => Some(model.clone()),
        Side::Key => Some(key.clone()),
        Side::Bucket => Some(match bucket {
            Bucket::Platform => "platform".into(),
            Bucket::Byok => "byok".into(),
        }),
    }
}

/// All cells of a step, some at a time, so that nobody else has to wait for long.
pub(super) async fn cells(desk: &Desk, key: &str) -> Result<Vec<String>, Failure> {
    let (mut all, mut cursor) = (BTreeMap::new(), 0_u64);
    loop {
        let mut asks = cmd("HSCAN");
        asks.arg(key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        let found = desk.line.call(asks).await.map_err(failed)?;
        let (next, some): (u64, Vec<String>) =
            FromRedisValue::from_redis_value(found).map_err(|_| nonsense())?;
        let mut some = some.into_iter();
        while let Some((name, numbers)) = some.next().zip(some.next()) {
            // A scan may show one twice.
            all.insert(name, numbers);
        }
        cursor = next;
        if cursor == 0 {
            return Ok(all.into_iter().flat_map(|(name, numbers)| [name, numbers]).collect());
        }
    }
}

pub(super) fn texts(value: Value) -> Result<Vec<String>, Failure> {
    Vec::from_redis_value(value).map_err(|_| nonsense())
}

pub(super) fn failed(fault: Fault) -> Failure {
    Failure::Unavailable(fault.to_string().into())
}

fn nonsense() -> Failure {
    Failure::Unavailable("the answer of Redis is not understood".into())
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, HOUR_MS, MINUTE_MS, Part, Step, parts};
    use std::ops::Range;

    /// 2025-06-15 00:00 UTC.
    const DAY: u64 = 1_749_945_600_000;

    fn covered(found: &[Part]) -> Vec<Range<u64>> {
        let range = |part: &Part| match part {
            Part::Steps(_, range) | Part::Rows(range) => range.clone(),
        };
        found.iter().map(range).collect()
    }

    #[test]
    fn what_is_recent_is_read_exactly_and_once() {
        let now = DAY + 10 * MINUTE_MS;
        let (from, to) = (now - 5 * MINUTE_MS - 7, now + 3 * DAY_MS + 2 * HOUR_MS + 61_000);
        let found = parts(from..to, None, now);
        let ranges = covered(&found);
        assert_eq!(ranges.first().map(|range| range.start), Some(from));
        assert_eq!(ranges.last().map(|range| range.end), Some(to));
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
        assert!(found.contains(&Part::Steps(Step::Day, DAY + DAY_MS..DAY + 3 * DAY_MS)));
        assert!(matches!(found.first(), Some(Part::Rows(_))));
    }

    #[test]
    fn what_is_long_ago_is_read_in_coarser_steps() {
        let now = DAY + 10 * MINUTE_MS;
        let old = parts(now - 100 * DAY_MS - 1..now - 99 * DAY_MS - 1, None, now);
        assert_eq!(old, [Part::Steps(Step::Day, DAY - 100 * DAY_MS..DAY - 99 * DAY_MS)]);
        let older = parts(now - 10 * DAY_MS..now - 10 * DAY_MS + 90 * MINUTE_MS, None, now);
        assert_eq!(
            older,
            [Part::Steps(Step::Hour, DAY - 10 * DAY_MS..DAY - 10 * DAY_MS + HOUR_MS)]
        );
    }

    #[test]
    fn steps_are_no_longer_than_those_asked_for() {
        let now = DAY + DAY_MS;
        for (step, finest) in
            [(MINUTE_MS, Step::Minute), (HOUR_MS, Step::Hour), (DAY_MS, Step::Day)]
        {
            let found = parts(DAY..DAY + DAY_MS, Some(step), now);
            assert_eq!(found, [Part::Steps(finest, DAY..DAY + DAY_MS)]);
        }
    }
}
