//! The ledger's rows, in SQL.

use super::records::{signed, unsigned};
use behest_contract::book::{Bucket, Row, RowQuery, Side, Sum, UsageQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, Statement, params, params_from_iter};
use smallvec::SmallVec;
use std::ops::Range;
use std::time::Duration;

const COLUMNS: &str = "id, at_ms, tenant, project, user, session, thread, key, model, provider, \
     bucket, status, ending, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, \
     micro_usd, latency_ms, first_byte_ms, attempts, estimated, overrun";

/// So much of what one row can hold fits into a sum.
const NUMBER_MAX: u64 = 1 << 42;

/// Books rows. One that is there stays as it is.
pub(super) fn insert(on: &Connection, rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO ledger (id, at_ms, tenant, project, user, session, thread, key, model,
         provider, bucket, status, ending, prompt_tokens, completion_tokens, cached_tokens,
         reasoning_tokens, micro_usd, latency_ms, first_byte_ms, attempts, estimated, overrun)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
         ?19, ?20, ?21, ?22, ?23) ON CONFLICT DO NOTHING";
    let mut statement = on.prepare_cached(sql)?;
    rows.iter().try_for_each(|row| insert_one(&mut statement, row))
}

fn insert_one(statement: &mut Statement<'_>, row: &Row) -> Result<()> {
    let number = |number: u64| signed(number.min(NUMBER_MAX));
    statement.execute(params![
        &*row.id,
        signed(row.at_ms),
        &*row.tenant,
        &*row.project,
        row.user.as_deref(),
        row.session.as_deref(),
        row.thread.as_deref(),
        &*row.key,
        &*row.model,
        &*row.provider,
        word(row.bucket),
        row.status,
        &*row.ending,
        number(row.prompt_tokens),
        number(row.completion_tokens),
        number(row.cached_tokens),
        number(row.reasoning_tokens),
        row.micro_usd.map(number),
        number(row.latency_ms),
        row.first_byte_ms.map(number),
        row.attempts,
        row.estimated,
        row.overrun,
    ])?;
    Ok(())
}

/// Conditions, and what stands for their question marks.
#[derive(Default)]
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Where {
    pub(super) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { "WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    pub(super) fn equal(&mut self, column: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.and(&format!("{column} = ?"), [Value::Text(text.into())]);
        }
    }

    pub(super) fn within(&mut self, time: &Range<Duration>) {
        let times = [time.start, time.end].map(|time| Value::Integer(millis_up(time)));
        self.and("at_ms >= ? AND at_ms < ?", times);
    }
}

/// What rows add up to, in the order of time and sides.
pub(super) fn usage(on: &Connection, query: &UsageQuery) -> Result<Vec<Sum>> {
    let mut filter = Where::default();
    filter.equal("tenant", Some(&query.tenant));
    filter.equal("project", query.project.as_deref());
    filter.equal("user", query.user.as_deref());
    filter.within(&query.time);
    let step = query.step.map(|step| millis_up(step).max(1));
    let begin = step.map_or("0".into(), |step| format!("at_ms - at_ms % {step}"));
    let sides: String = query.sides.iter().flat_map(|side| [", ", column(*side)]).collect();
    let sql = format!(
        "SELECT count(*), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens),
         sum(reasoning_tokens), coalesce(sum(micro_usd), 0), count(*) - count(micro_usd),
         {begin} AS begin {sides} FROM ledger {} GROUP BY begin {sides} ORDER BY begin {sides}",
        filter.sql
    );
    let mut statement = on.prepare_cached(&sql)?;
    let sums = statement.query_map(params_from_iter(filter.values), |row| {
        let number = |column| row.get(column).map(unsigned);
        let side = |n| row.get::<_, Option<Box<str>>>(8 + n);
        Ok(Sum {
            requests: number(0)?,
            prompt_tokens: number(1)?,
            completion_tokens: number(2)?,
            cached_tokens: number(3)?,
            reasoning_tokens: number(4)?,
            micro_usd: number(5)?,
            unpriced_requests: number(6)?,
            at: Duration::from_millis(number(7)?),
            sides: (0..query.sides.len()).map(side).collect::<Result<SmallVec<_>>>()?,
        })
    })?;
    sums.collect()
}

/// Rows, oldest first.
pub(super) fn rows(on: &Connection, query: &RowQuery) -> Result<Vec<Row>> {
    let mut filter = Where::default();
    filter.equal("tenant", query.tenant.as_deref());
    filter.equal("project", query.project.as_deref());
    filter.equal("user", query.user.as_deref());
    filter.within(&query.time);
    if let Some((at_ms, id)) = &query.after {
        let behind = [Value::Integer(signed(*at_ms)), Value::Text(id.as_ref().into())];
        filter.and("(at_ms, id) > (?, ?)", behind);
    }
    filter.values.push(Value::Integer(signed(query.limit as u64)));
    let sql = format!("SELECT {COLUMNS} FROM ledger {} ORDER BY at_ms, id LIMIT ?", filter.sql);
    let mut statement = on.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(filter.values), row_in)?;
    rows.collect()
}

fn row_in(row: &rusqlite::Row<'_>) -> Result<Row> {
    let text = |column| row.get::<_, Box<str>>(column);
    let number = |column| row.get(column).map(unsigned);
    let number_if = |column| row.get::<_, Option<i64>>(column).map(|number| number.map(unsigned));
    Ok(Row {
        id: text(0)?.into(),
        at_ms: number(1)?,
        tenant: text(2)?.into(),
        project: text(3)?.into(),
        user: row.get(4)?,
        session: row.get(5)?,
        thread: row.get(6)?,
        key: text(7)?.into(),
        model: text(8)?.into(),
        provider: text(9)?.into(),
        bucket: if &*text(10)? == BYOK { Bucket::Byok } else { Bucket::Platform },
        status: row.get(11)?,
        ending: text(12)?,
        prompt_tokens: number(13)?,
        completion_tokens: number(14)?,
        cached_tokens: number(15)?,
        reasoning_tokens: number(16)?,
        micro_usd: number_if(17)?,
        latency_ms: number(18)?,
        first_byte_ms: number_if(19)?,
        attempts: row.get(20)?,
        estimated: row.get(21)?,
        overrun: row.get(22)?,
    })
}

/// Puts a pseudonym in the place of an end user. How often.
pub(super) fn erase_user(
    on: &Connection,
    project: &str,
    user: &str,
    pseudonym: &str,
) -> Result<u64> {
    let sql = "UPDATE ledger SET user = ?3 WHERE project = ?1 AND user = ?2";
    Ok(on.prepare_cached(sql)?.execute([project, user, pseudonym])? as u64)
}

const BYOK: &str = "byok";

fn word(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Platform => "platform",
        Bucket::Byok => BYOK,
    }
}

fn column(side: Side) -> &'static str {
    match side {
        Side::User => "user",
        Side::Session => "session",
        Side::Model => "model",
        Side::Key => "key",
        Side::Bucket => "bucket",
    }
}

/// The first whole millisecond that is not before.
pub(super) fn millis_up(time: Duration) -> i64 {
    let millis = time.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}
