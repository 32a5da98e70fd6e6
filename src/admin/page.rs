//! Lists, a page at a time.

use super::answer::{self, Answer};
use super::query::Query;
use super::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Bound;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1000;

/// Which part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// What stood last on the page before.
    pub(super) after: Option<String>,
    /// How many are wanted.
    pub(super) limit: usize,
}

impl Page {
    /// What `limit` and `cursor` say.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        let limit = query.text("limit").map_or(Ok(LIMIT_DEFAULT), |text| {
            let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
            limit.ok_or_else(|| {
                Refusal::wrong("limit", format!("limit must be a number from 1 to {LIMIT_MAX}."))
            })
        })?;
        let after = query.text("cursor").map(|text| {
            let id = URL_SAFE_NO_PAD.decode(text).ok().and_then(|id| String::from_utf8(id).ok());
            id.ok_or_else(Self::wrong_cursor)
        });
        Ok(Self { after: after.transpose()?, limit })
    }

    /// A cursor that we have not given.
    pub(super) fn wrong_cursor() -> Refusal {
        Refusal::wrong("cursor", "cursor is not one that a list has given.")
    }

    /// The page of what has ids, in the order of these.
    pub(super) fn answer<T>(
        &self,
        all: BTreeMap<String, T>,
        shape: impl Fn(&T) -> Value,
    ) -> Answer {
        let from = match &self.after {
            Some(after) => Bound::Excluded(after.as_str()),
            None => Bound::Unbounded,
        };
        let mut rest = all.range::<str, _>((from, Bound::Unbounded));
        let shown: Vec<_> = rest.by_ref().take(self.limit).collect();
        let last = shown.last().filter(|_| rest.next().is_some());
        let data = shown.iter().map(|(_, object)| shape(object)).collect();
        Self::told(data, last.map(|(id, _)| id.as_str()))
    }

    /// A page, and what stood last on it if there are more.
    pub(super) fn told(data: Vec<Value>, last: Option<&str>) -> Answer {
        answer::ok(&json!({ "data": data, "next_cursor": last.map(Self::cursor) }))
    }

    /// The cursor for what comes behind this.
    pub(super) fn cursor(last: &str) -> String {
        URL_SAFE_NO_PAD.encode(last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Query};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn page(query: &str) -> Page {
        Page::of(&Query::parse(query).unwrap()).unwrap()
    }

    fn told(query: &str) -> Value {
        let all: BTreeMap<String, i32> =
            [("a", 1), ("b", 2), ("c/d", 3)].map(|(id, n)| (id.to_owned(), n)).into();
        let answer = page(query).answer(all, |number| json!(number));
        serde_json::from_slice(answer.body()).unwrap()
    }

    #[test]
    fn pages_follow_one_another_and_the_last_says_so() {
        let first = told("limit=2");
        assert_eq!(first["data"], json!([1, 2]));
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = told(&format!("limit=2&cursor={cursor}"));
        assert_eq!(second, json!({ "data": [3], "next_cursor": null }));
        assert_eq!(told("limit=3"), json!({ "data": [1, 2, 3], "next_cursor": null }));
        assert_eq!(told("")["data"], json!([1, 2, 3]));
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(page(""), Page { after: None, limit: 100 });
        for bad in
            ["limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "cursor=!", "cursor=_w"]
        {
            assert!(Page::of(&Query::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
