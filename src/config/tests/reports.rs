//! How errors are told.

use super::{BASE, errors, parse};

#[test]
fn one_run_reports_errors_of_shape_and_of_meaning_together() {
    let text = "\
heartbeat: soon
timeouts:
  conect: 3s
  total: 9d
providers:
  - name: openai
    base_url: https://api.openai.com/v1
    trace: 'yes'
    price: { input: 1 }
models:
  - id: gpt-4o
    targets:
      - { provider: openai, model: gpt-4o }
      - { provider: opnai, model: gpt-4o }
    price: { input: 1 }
";
    let expected = [
        "1: heartbeat: \"soon\" is no duration; write a whole number and ms, s, m, h or d, such as 15s",
        "3: timeouts.conect: unknown field; did you mean connect?",
        "4: timeouts.total: must be between 1ms and 1d",
        "8: providers[0].trace: expected true or false, found a text",
        "9: providers[0].price: unknown field; known here: name, kind, base_url, api_key, ca, trace, http, idle, headers, capabilities, byok, breaker",
        "14: models[0].targets[1].provider: unknown provider \"opnai\"; did you mean \"openai\"?",
        "15: models[0].price: the field output is missing",
    ];
    assert_eq!(errors(text), expected);
    // What a misspelt section would have declared is not reported as missing.
    assert_eq!(errors(&BASE.replace("providers", "provders")).len(), 1);
    assert_eq!(
        errors(&format!("{}{}", BASE.replace("providers:", "providers: {}\nx:"), "")).len(),
        2
    );
}

#[test]
fn an_error_prints_as_one_line_with_file_and_line() {
    let errors = parse("workers: x\nlog: y\n").map(drop).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "conf.yaml:1: workers: expected a whole number, found a text\n\
         conf.yaml:2: log: expected a section with fields, found a text"
    );
    assert_eq!(errors.count(), 2);
    let first = errors.iter().next().unwrap();
    assert_eq!((first.path.as_str(), first.line), ("workers", Some(1)));
}
