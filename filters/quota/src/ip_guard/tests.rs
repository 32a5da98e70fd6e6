use super::{IpGuard, SHARDS};
use crate::config::IpGuardConfig;
use behest_contract::clock::{Clock, ManualClock};
use behest_contract::denial::Kind;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Twenty seconds before a minute's end.
const START: u64 = 1_750_000_000;
const END: u64 = START + 20;

fn limit(requests_per_minute: u64) -> IpGuardConfig {
    IpGuardConfig { requests_per_minute, ..IpGuardConfig::default() }
}

fn guard(config: IpGuardConfig) -> (IpGuard, ManualClock) {
    let clock = ManualClock::at(START);
    (IpGuard::new(config, Arc::new(clock.clone())), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nth(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(n).into()
}

/// A clock that a test may also set back.
#[derive(Default)]
struct AnyTime(AtomicU32);

impl Clock for AnyTime {
    fn now(&self) -> std::time::Instant {
        ManualClock::at(0).now()
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst).into())
    }
}

impl IpGuard {
    fn told_apart(&self) -> usize {
        let shards = std::iter::once(&self.shards.first).chain(&self.shards.rest);
        shards.map(|shard| shard.0.lock().by_source.len()).sum()
    }

    fn room(&self) -> usize {
        let shards = std::iter::once(&self.shards.first).chain(&self.shards.rest);
        shards.map(|shard| shard.0.lock().by_source.capacity()).sum()
    }
}

#[test]
fn an_address_gets_its_limit_and_no_more() {
    let (guard, _) = guard(limit(3));
    let admitted = (0..10).filter(|_| guard.admit(ip("192.0.2.1")).is_ok()).count();
    assert_eq!(admitted, 3);
    assert!(guard.admit(ip("192.0.2.2")).is_ok());
}

#[test]
fn a_refusal_says_which_layer_and_how_long() {
    let (guard, clock) = guard(limit(1));
    clock.advance(Duration::from_millis(500));
    assert!(guard.admit(ip("192.0.2.1")).is_ok());
    let denial = guard.admit(ip("192.0.2.1")).unwrap_err();
    assert_eq!(denial.kind, Kind::RateLimited);
    assert_eq!(denial.message, "This address has reached its limit on requests per minute (1).");
    assert_eq!(denial.retry_after, Some(Duration::from_millis(19_500)));
    let want = json!({"layer": "ip", "limit": 1, "remaining": 0, "resets_at": END});
    assert_eq!(denial.details.as_deref(), Some(&want));
}

#[test]
fn the_minute_is_the_calendars() {
    let (guard, clock) = guard(limit(1));
    assert!(guard.admit(ip("192.0.2.1")).is_ok());
    clock.advance(Duration::from_millis(19_999));
    assert!(guard.admit(ip("192.0.2.1")).is_err());
    clock.advance(Duration::from_millis(1));
    assert!(guard.admit(ip("192.0.2.1")).is_ok());
    assert!(guard.admit(ip("192.0.2.1")).is_err());
}

#[test]
fn a_clock_that_goes_back_grants_no_minute_twice() {
    let clock = Arc::new(AnyTime::default());
    let guard = IpGuard::new(limit(2), clock.clone());
    // (seconds of the clock, admitted?)
    let steps =
        [(130, true), (70, true), (70, false), (130, false), (10, false), (180, true), (179, true)];
    for (seconds, admitted) in steps {
        clock.0.store(seconds, Ordering::SeqCst);
        assert_eq!(guard.admit(ip("192.0.2.1")).is_ok(), admitted, "at {seconds}");
    }
    let denial = guard.admit(ip("192.0.2.1")).unwrap_err();
    assert_eq!(denial.retry_after, Some(Duration::from_secs(240 - 179)));
}

#[test]
fn what_counts_as_one_address() {
    let cases = [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        // Alike in their bits, and of different families.
        ("0.0.0.1", "0:0:0:1::", false),
        ("192.0.2.1", "::192.0.2.1", false),
    ];
    for (first, second, one) in cases {
        let (guard, _) = guard(limit(1));
        assert!(guard.admit(ip(first)).is_ok());
        assert_eq!(guard.admit(ip(second)).is_err(), one, "{first} and {second}");
    }
}

#[test]
fn exempt_networks_are_not_counted() {
    // (network, prefix, address, exempt?)
    let cases = [
        ("10.0.0.0", 8, "10.255.0.1", true),
        ("10.0.0.0", 8, "11.0.0.1", false),
        ("10.9.9.9", 8, "10.1.1.1", true),
        ("10.0.0.0", 8, "::ffff:10.1.1.1", true),
        ("::ffff:10.0.0.0", 104, "10.1.1.1", true),
        ("192.0.2.7", 32, "192.0.2.7", true),
        ("192.0.2.7", 32, "192.0.2.6", false),
        ("192.0.2.7", 200, "192.0.2.6", false),
        ("192.0.2.7", 200, "192.0.2.7", true),
        ("0.0.0.0", 0, "198.51.100.1", true),
        ("0.0.0.0", 0, "2001:db8::1", false),
        ("2001:db8::", 32, "2001:db8:ffff::1", true),
        ("2001:db8::", 32, "2001:db9::1", false),
        ("2001:db8::1", 128, "2001:db8::2", false),
        ("::", 0, "2001:db8::1", true),
        ("10.0.0.0", 8, "::10.0.0.1", false),
    ];
    for (network, prefix, addr, exempt) in cases {
        let (guard, _) = guard(IpGuardConfig { exempt: vec![(ip(network), prefix)], ..limit(0) });
        assert_eq!(guard.admit(ip(addr)).is_ok(), exempt, "{addr} in {network}/{prefix}");
        assert_eq!(guard.told_apart(), usize::from(!exempt));
    }
}

#[test]
fn refused_requests_are_counted_too() {
    let (guard, _) = guard(limit(1));
    for _ in 0..5 {
        let _ = guard.admit(ip("192.0.2.1"));
    }
    let five_seen = guard.reconfigured(limit(5));
    assert!(five_seen.admit(ip("192.0.2.1")).is_err());
}

#[test]
fn counts_outlive_a_configuration() {
    let (before, _) = guard(limit(3));
    assert!(before.admit(ip("192.0.2.1")).is_ok());
    let after = before.reconfigured(limit(2));
    assert!(after.admit(ip("192.0.2.1")).is_ok());
    assert!(after.admit(ip("192.0.2.1")).is_err());
}

#[test]
fn memory_is_bounded_and_newcomers_share_a_limit() {
    for addresses_max in [0, 1, 10, 1_000, 10_000] {
        let (guard, clock) = guard(IpGuardConfig { addresses_max, ..limit(2) });
        let shards = guard.shards.len();
        let admitted = (0..50_000).filter(|n| guard.admit(nth(*n)).is_ok()).count();
        assert!(guard.told_apart() <= addresses_max, "{addresses_max}");
        assert_eq!(admitted, guard.told_apart() + 2 * shards, "{addresses_max}");
        // The full shards go on counting those that they know, and are empty in the next minute.
        if addresses_max == 10_000 {
            assert_eq!(guard.told_apart(), addresses_max / SHARDS * SHARDS);
            assert!(guard.admit(nth(0)).is_ok());
            assert!(guard.admit(nth(0)).is_err());
        }
        clock.advance(Duration::from_secs(60));
        assert!(guard.admit(nth(49_999)).is_ok());
        assert!(guard.admit(nth(49_999)).is_ok());
        assert!(guard.admit(nth(49_999)).is_err());
    }
}

#[test]
fn a_flood_leaves_no_memory_behind() {
    let (guard, clock) = guard(limit(2));
    for n in 0..100_000 {
        let _ = guard.admit(nth(n));
    }
    let flooded = guard.room();
    for _ in 0..2 {
        clock.advance(Duration::from_secs(60));
        for n in 0..2_000 {
            let _ = guard.admit(nth(n));
        }
    }
    assert!(guard.room() * 8 < flooded, "{} of {flooded}", guard.room());
}

#[test]
fn of_ten_thousand_calls_at_once_exactly_the_limit_is_admitted() {
    let (guard, _) = guard(limit(777));
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (guard, admitted) = (&guard, &admitted);
            scope.spawn(move || {
                for call in 0..1_250_u64 {
                    let bits = 0x2001_0db8_u128 << 96 | u128::from(thread << 32 | call);
                    if guard.admit(Ipv6Addr::from_bits(bits).into()).is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 777);
}
