//! Values that are written as a text of a certain shape.

use std::net::IpAddr;

use super::super::{BaseUrl, Network, Origin, Period, Size};
use super::{BASE, errors, parsed};

#[test]
fn a_base_url_is_nothing_but_scheme_host_port_and_path() {
    let table = [
        ("ftp://h", "must be a URL that starts with https:// or http://"),
        ("api.openai.com/v1", "must be a URL"),
        ("https://", "is no valid URL"),
        ("https:///v1", "is no valid URL"),
        ("https://user:hunter2@h/v1", "must not hold a user name or password"),
        ("https://h/v1?key=1", "must not have a query"),
        ("https://h/v1#top", "must not have a query or a fragment"),
        ("https://h:0/v1", "has no valid port"),
        ("https://h:/v1", "has no valid port"),
        ("https://h:99999/v1", "has no valid port"),
    ];
    for (url, expected) in table {
        let found = errors(&format!("providers: [{{ name: p, base_url: '{url}' }}]\n"));
        assert!(
            found[0].starts_with(&format!("1: providers[0].base_url: {expected}")),
            "{url}: {found:?}"
        );
        assert!(!found[0].contains("hunter2"));
    }
    let url = BaseUrl::parse("https://API.example.com/v1/").unwrap();
    assert_eq!(
        (url.tls(), url.host(), url.port(), url.path()),
        (true, "api.example.com", 443, "/v1")
    );
    assert_eq!(url.authority(), "api.example.com");
    let url = BaseUrl::parse("http://[::1]:8000").unwrap();
    assert_eq!((url.tls(), url.host(), url.port(), url.path()), (false, "::1", 8000, ""));
    assert_eq!(url.to_string(), "http://[::1]:8000");
}

#[test]
fn a_network_holds_its_addresses_in_both_spellings() {
    let table = [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("0.0.0.0/0", "255.1.2.3", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "1.2.3.4", true),
        ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false),
        ("::1", "::1", true),
    ];
    for (network, addr, inside) in table {
        let addr: IpAddr = addr.parse().unwrap();
        assert_eq!(Network::parse(network).unwrap().contains(addr), inside, "{network} {addr}");
    }
    for wrong in
        ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/", "10.0.0/8", "a"]
    {
        assert!(Network::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_origin_matches_itself_and_a_pattern_one_label() {
    let table = [
        ("http://localhost:5173", "http://localhost:5173", true),
        ("http://localhost:5173", "http://localhost:51730", false),
        ("http://localhost:5173", "https://localhost:5173", false),
        ("https://*.example.com", "https://a.example.com", true),
        ("https://*.example.com", "https://a.b.example.com", false),
        ("https://*.example.com", "https://.example.com", false),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "https://a.example.com.evil.com", false),
        ("https://*.example.com", "https://evil.com/.example.com", false),
        ("https://*.example.com", "https://evil.com?.example.com", false),
        ("https://pr-*.example.com", "https://pr-7.example.com", true),
        ("https://pr-*.example.com", "https://pr-.example.com", false),
        ("https://a.*.example.com:8443", "https://a.b.example.com:8443", true),
        ("https://[::1]:8443", "https://[::1]:8443", true),
        ("app://local", "app://local", true),
        ("https://a.example", "null", false),
    ];
    for (pattern, origin, allowed) in table {
        assert_eq!(Origin::parse(pattern).unwrap().matches(origin), allowed, "{pattern} {origin}");
    }
    for wrong in [
        "",
        "null",
        "https://",
        "https://a b",
        "https://a:0",
        "https://a:",
        "https://a:x",
        "https://a?",
        "HTTPS://a",
        "https://A",
        "https://*",
        "https://a*b",
        "https://u@a",
        "ht*p://a.b.c",
        "https://a.b.c:*",
    ] {
        assert!(Origin::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn values_with_a_unit_are_read_and_written_alike() {
    for text in ["25ms", "15s", "3m", "24h", "90d", "1500ms", "0ms"] {
        let again = Period::parse(text).unwrap().to_string();
        assert_eq!(Period::parse(&again), Period::parse(text));
    }
    assert_eq!(Period::parse("24h").unwrap().to_string(), "1d");
    for wrong in [
        "",
        "s",
        "1",
        "-1s",
        "1.5s",
        "1 s",
        "1S",
        "1min",
        "99999999999999999999s",
        "9999999999999999d",
    ] {
        assert!(Period::parse(wrong).is_err(), "{wrong}");
    }
    let table =
        [("1000", 1000), ("7B", 7), ("64KiB", 65_536), ("4MiB", 4_194_304), ("1GiB", 1 << 30)];
    for (text, bytes) in table {
        assert_eq!(Size::parse(text).unwrap().bytes(), bytes);
    }
    assert_eq!(parsed("workers: 2.0\n").workers, 2);
    assert_eq!(parsed("body_limit: 2048\n").body_limit.bytes(), 2048);
    for wrong in ["", "4MB", "4 MiB", "-1", "4mib", "99999999999GiB"] {
        assert!(Size::parse(wrong).is_err(), "{wrong}");
    }
    let config = parsed(
        &BASE.replace("gpt-4o\n    t", "gpt-4o\n    price: { input: 0.075, output: 2 }\n    t"),
    );
    let price = config.models[0].price.unwrap();
    assert_eq!((price.input.micros(), price.output.micros()), (75_000, 2_000_000));
}
