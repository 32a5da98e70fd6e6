//! Forgeries of who a token is for and whom it names, well signed by a tenant.

use super::{Forgery, Group, named};
use crate::token::tests::{ACME, KID, acme, changed, header, ours, sign, sign_bytes};
use serde_json::{Value, json};

pub(super) fn groups() -> Vec<Group> {
    vec![
        ("token: for another audience", audiences()),
        ("token: a claim is missing", missing()),
        ("token: a member of the wrong type", wrong_types()),
        ("token: a member twice", twice()),
        ("token: no such project of this tenant", projects()),
        ("token: unfit uid", users()),
        ("token: unfit sid", sessions()),
        ("token: unknown role", roles()),
        ("token: a string that is no text", no_texts()),
        ("token: not UTF-8", vec![("claims of no UTF-8".into(), not_utf8())]),
    ]
}

fn each(name: &str, values: impl IntoIterator<Item = Value>) -> Vec<Forgery> {
    let forge = |value: Value| (format!("{name} {value}"), acme(json!({name: value})));
    values.into_iter().map(forge).collect()
}

/// A claim that is `null`, which the table's helper would take away.
fn null(name: &str) -> Forgery {
    let mut claims: Value = serde_json::from_str(&changed(json!({}))).unwrap();
    claims[name] = Value::Null;
    (format!("{name} null"), sign(&ACME.private, &header(KID), &claims.to_string()))
}

fn audiences() -> Vec<Forgery> {
    let mut all = each(
        "aud",
        [
            json!("other"),
            json!(""),
            json!("Behest"),
            json!("behest "),
            json!("behest/"),
            json!("behest,other"),
            json!([]),
            json!(["other"]),
            json!(["Behest"]),
            json!([""]),
        ],
    );
    all.push(("no aud".into(), acme(json!({"aud": null}))));
    all
}

fn missing() -> Vec<Forgery> {
    let claims = ["tid", "pid", "uid", "iss", "exp"];
    named(claims.map(|claim| (format!("no {claim}"), acme(json!({claim: null})))))
}

fn wrong_types() -> Vec<Forgery> {
    let not_a_string =
        || [json!(1), json!(true), json!(["acme"]), json!({"a": "acme"}), json!(1.5)];
    let mut all = Vec::new();
    for claim in ["tid", "pid", "uid", "iss", "role", "sid"] {
        all.extend(each(claim, not_a_string()));
        all.push(null(claim));
    }
    let audiences =
        [json!(1), json!(true), json!({"behest": true}), json!(["behest", 1]), json!([["behest"]])];
    all.extend(each("aud", audiences));
    all.push(null("aud"));
    all.extend(each("tier", [json!(true), json!([1]), json!({})]));
    all.push(null("tier"));
    let scopes =
        [json!("a b"), json!(1), json!({}), json!([1]), json!([["a"]]), json!(["a", true])];
    all.extend(each("scp", scopes));
    all.push(null("scp"));
    all
}

fn twice() -> Vec<Forgery> {
    let good = changed(json!({}));
    let added = [
        r#""tid":"other""#,
        r#""pid":"demo""#,
        r#""uid":"u_42""#,
        r#""exp":1800003600"#,
        r#""aud":"behest""#,
        r#""iss":"behest""#,
        r#""\u0075id":"u_43""#,
        r#""u\u0069\u0064":"u_43""#,
        r#""\u0065xp":99999999999"#,
        r#""x":1,"x":1"#,
    ];
    named(added.map(|member| {
        let claims = format!("{},{member}}}", good.strip_suffix('}').unwrap());
        (member, sign(&ACME.private, &header(KID), &claims))
    }))
}

fn projects() -> Vec<Forgery> {
    let mut all = each(
        "pid",
        [
            json!("foreign"),
            json!("gone"),
            json!(""),
            json!("Demo"),
            json!("demo "),
            json!("demo\0"),
            json!("../demo"),
            json!("acme"),
            json!("*"),
            json!("' OR 1=1 --"),
        ],
    );
    all.push(("ours for a tenant's foreign project".into(), ours(json!({"pid": "foreign"}))));
    all.push(("ours for an unknown tenant".into(), ours(json!({"tid": "nobody"}))));
    all.push(("ours for another tenant".into(), ours(json!({"tid": "other"}))));
    all
}

fn users() -> Vec<Forgery> {
    each(
        "uid",
        [
            json!(""),
            json!("x".repeat(256)),
            json!("x".repeat(2000)),
            json!("a\nb"),
            json!("a\u{0}b"),
            json!("a\u{7f}"),
            json!("a\u{85}b"),
            json!("\u{1b}[2J"),
            json!("admin"),
            json!("Admin"),
            json!("dashboard-service"),
            json!("system"),
            json!("SYS"),
            json!("sys-1"),
            json!("\u{17f}ys"),
        ],
    )
}

fn sessions() -> Vec<Forgery> {
    each("sid", [json!(""), json!("x".repeat(256)), json!("a\r\nb"), json!("\u{0}")])
}

fn roles() -> Vec<Forgery> {
    let roles = ["", "root", "Admin", "user "];
    named(roles.map(|role| (format!("ours with {role:?}"), ours(json!({"role": role})))))
}

fn no_texts() -> Vec<Forgery> {
    let good = changed(json!({"sid": "s_1"}));
    named([
        ("half a surrogate in uid", good.replace("u_42", "u\\ud800")),
        ("the other half in uid", good.replace("u_42", "\\udc00u")),
        ("half a surrogate in sid", good.replace("s_1", "\\ud83d")),
        ("two wrong halves in pid", good.replace("demo", "\\udc00\\ud800")),
    ])
    .into_iter()
    .map(|(name, claims)| (name, sign(&ACME.private, &header(KID), &claims)))
    .collect()
}

fn not_utf8() -> String {
    let claims = changed(json!({}));
    let at = claims.find("u_42").unwrap();
    let mut bytes = claims.into_bytes();
    bytes[at] = 0xff;
    sign_bytes(&ACME.private, header(KID).as_bytes(), &bytes)
}
