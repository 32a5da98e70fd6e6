//! Texts that are no YAML, or more than is read.

use super::{BASE, errors, parsed};

#[test]
fn yaml_that_cannot_be_read_says_where() {
    let table = [
        ("listen: {\n", "is no valid YAML"),
        ("a: 1\n b: 2\n", "is no valid YAML"),
        ("workers: 1\nworkers: 2\n", "2: field \"workers\" is given twice"),
        ("log: { level: warn, level: info }\n", "1: field \"level\" is given twice"),
        ("- 1\n", "must hold fields"),
        ("hello\n", "must hold fields"),
        ("workers: 1\n---\nworkers: 2\n", "more than one YAML document"),
        ("workers: .inf\n", "1: workers: is not a finite number"),
        ("workers: !big 3\n", "1: workers: has a YAML tag"),
        ("log: !big { level: warn }\n", "1: log: has a YAML tag"),
        ("log: &a { level: warn }\nlimits:\n  <<: *a\n", "3: limits.<<: YAML's merge keys"),
        ("limits: &a { ip: *a }\n", "cannot be read"),
        ("domains: [*nothing]\n", "is no valid YAML"),
        ("1: 2\n", "1: ?: a field's name must be a text"),
    ];
    for (text, expected) in table {
        let found = errors(text);
        assert!(found.iter().any(|line| line.contains(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn an_alias_repeats_what_it_names_but_not_without_end() {
    let config =
        parsed(&format!("{BASE}domains: [&d one.example]\nissuer: &i https://a.example\n"));
    assert_eq!(config.domains, ["one.example"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let before = vec![format!("*a{}", at - 1); 10].join(", ");
        bomb.push_str(&format!("a{at}: &a{at} [{before}]\n"));
    }
    let found = errors(&bomb);
    assert!(found[0].contains("alias expansion"), "{found:?}");
    let deep = format!("domains: {}{}\n", "[".repeat(60), "]".repeat(60));
    assert!(errors(&deep)[0].contains("is nested too deeply"));
    let deep = format!("domains:\n{}{}{}\n", "- ".repeat(100), "[".repeat(250), "]".repeat(250));
    assert!(errors(&deep)[0].contains("is nested too deeply"));
    let deep = format!("domains:\n  {}x\n", "- ".repeat(3000));
    assert_eq!(errors(&deep), ["2: is indented too far"]);
}
