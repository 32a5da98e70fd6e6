//! The client of a gateway's admin API.

use super::call::Call;
use super::output::Output;
use behest_contract::secret::Secret;
use clap::Args;
use http::header;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use ureq::Agent;

/// How long a call may take, all in all.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// The largest answer that is read: some projects with long lists.
const ANSWER_MAX: u64 = 256 << 20;

/// Where a table's next cursor stands.
const NEXT_CURSOR: &str = "x-next-cursor";

/// Where the secret is looked for.
const VARIABLE: &str = "BEHEST_ADMIN_SECRET";

/// Where the gateway is, and how to tell what it says.
#[derive(Debug, Args)]
pub(super) struct Connection {
    /// The admin listener.
    #[arg(
        long,
        global = true,
        env = "BEHEST_ADMIN",
        default_value = "http://127.0.0.1:9090",
        value_name = "URL"
    )]
    pub(super) admin: String,
    /// A file with the admin secret, instead of the variable BEHEST_ADMIN_SECRET.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value_t = Output::Json)]
    pub(super) output: Output,
}

/// Calls one gateway.
pub(super) struct Client {
    agent: Agent,
    base: String,
    secret: Secret,
}

impl Client {
    /// A client for this gateway. Certificates are verified; neither a proxy nor a redirect is given the
    /// secret.
    pub(super) fn new(connection: &Connection) -> Result<Self, String> {
        let config = Agent::config_builder()
            .timeout_global(Some(CALL_TIME_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Ok(Self {
            agent: config.build().new_agent(),
            base: format!("{}/admin/v1", connection.admin.trim_end_matches('/')),
            secret: secret(connection)?,
        })
    }

    /// Makes a call; of a list all pages.
    pub(super) fn ask(&self, call: &Call) -> Result<Option<Value>, String> {
        if call.is_table {
            return self.table(call).map(Some);
        }
        if !call.is_list {
            return self.send(call.method, &call.target(), call.body.as_ref());
        }
        let (mut data, mut cursor) = (Vec::new(), None);
        loop {
            let target = call.page(cursor.as_deref());
            let mut page = self.send(call.method, &target, None)?.unwrap_or_default();
            if let Some(items) = page.get_mut("data").and_then(Value::as_array_mut) {
                data.append(items);
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(Some(json!({ "data": data, "next_cursor": null })));
            }
        }
    }

    /// All pages as one table, with the first one's header line.
    fn table(&self, call: &Call) -> Result<Value, String> {
        let (mut table, mut cursor) = (String::new(), None::<String>);
        loop {
            let page = self.raw(call.method, &call.page(cursor.as_deref()), None)?;
            table.push_str(if cursor.is_none() { &page.text } else { without_head(&page.text) });
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Value::String(table));
            }
        }
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, String> {
        let text = self.raw(method, target, body)?.text;
        if text.is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_str(&text);
        let base = &self.base;
        value.map(Some).map_err(|_| {
            format!("{base}/{target} did not answer with JSON; is it an admin listener?")
        })
    }

    fn raw(&self, method: &str, target: &str, body: Option<&Value>) -> Result<Page, String> {
        let url = format!("{}/{target}", self.base);
        let told = |error: ureq::Error| format!("{url}: {error}");
        let request = http::Request::builder()
            .method(method)
            .uri(&url)
            .header("x-admin-secret", self.secret.expose());
        let answer = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                let request = request.body(body.to_string()).map_err(|_| unfit(&self.base))?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).map_err(|_| unfit(&self.base))?),
        };
        let mut answer = answer.map_err(told)?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let text = text.map_err(told)?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &text));
        }
        let cursor = answer.headers().get(NEXT_CURSOR).and_then(|cursor| cursor.to_str().ok());
        Ok(Page { text, next_cursor: cursor.map(str::to_owned) })
    }
}

/// What was answered.
struct Page {
    text: String,
    /// Where the next one begins, if this is a table and there is one.
    next_cursor: Option<String>,
}

/// A table without its first line. No name of a column has a line's end in it.
fn without_head(table: &str) -> &str {
    table.split_once('\n').map_or("", |(_, rows)| rows)
}

fn unfit(base: &str) -> String {
    format!("{base} is no URL, or the secret cannot be sent in a header")
}

fn secret(connection: &Connection) -> Result<Secret, String> {
    let text = match &connection.secret_file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => std::env::var(VARIABLE).map_err(|_| {
            format!("no admin secret: set {VARIABLE}, or name a file with --secret-file")
        })?,
    };
    Ok(Secret::new(text.trim()))
}

/// What a refusal says, and what else is wrong on lines of their own.
fn refusal(status: u16, text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let error = body.get("error").unwrap_or(&Value::Null);
    let Some(message) = error.get("message").and_then(Value::as_str) else {
        return format!("The gateway answered with status {status}.");
    };
    let mut told = message.to_owned();
    let errors = error.pointer("/details/errors").and_then(Value::as_array);
    let lines = errors.into_iter().flatten().map(error_line);
    // The message says the first one itself.
    for line in lines.filter(|line| line != message) {
        told.push_str("\n  ");
        told.push_str(&line);
    }
    told
}

fn error_line(error: &Value) -> String {
    match error {
        Value::String(line) => line.clone(),
        error => {
            let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{} {}", text("param"), text("message"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{refusal, without_head};
    use serde_json::json;

    #[test]
    fn a_later_page_loses_its_header_line() {
        assert_eq!(without_head("id,user\r\n1,\"a\nb\"\r\n"), "1,\"a\nb\"\r\n");
        assert_eq!(without_head("id,user"), "");
    }

    #[test]
    fn a_refusal_is_told_in_lines() {
        let body = json!({ "error": { "message": "model is unknown", "details": { "errors": [
            { "param": "model", "message": "is unknown" }, "line 3" ] } } });
        assert_eq!(refusal(400, &body.to_string()), "model is unknown\n  line 3");
        assert_eq!(refusal(502, "<html>"), "The gateway answered with status 502.");
    }
}
