//! The project that all benches ask for: its key, and what may be switched on for it.

/// The key that the gateway knows; the other proxies get the same header and do not look at it.
pub(crate) const KEY: &str = "behest_sk_live_00000000000000000000000000000001";

/// What an end user may use by default would not last for the run.
pub(crate) const DEFAULTS: &str = r#"
        user_limits: { tokens_per_day: 1000000000000 }
"#;

/// Every layer that there is, each with room for the whole run, so that all of them count.
pub(crate) const LIMITS: &str = r#"
        default_tier: max
        limits:
          requests_per_minute: 100000000
          user_requests_per_minute: 100000000
          max_in_flight: 100000
          tokens_per_day: 1000000000000
          tokens_per_month: 1000000000000
          usd_per_day: 1000000
          usd_per_month: 1000000
        user_limits:
          requests_per_day: 1000000000
          tokens_per_minute: 1000000000000
          tokens_per_day: 1000000000000
          tokens_per_month: 1000000000000
          usd_per_day: 1000000
          usd_per_month: 1000000
          max_in_flight: 100000
        session_limits: { tokens: 1000000000000, usd: 1000000 }
        tiers:
          max:
            sort_order: 3
            requests_per_minute: 100000000
            requests_per_day: 1000000000
            tokens_per_minute: 1000000000000
            tokens_per_day: 1000000000000
            tokens_per_month: 1000000000000
"#;

/// Every detector, with placeholders; block list and injection rules.
pub(crate) const GUARDS: &str = r#"
        pii: { mode: enforce, default_action: MASK }
        sentinel: { mode: enforce, blocklist: ["project zephyr"] }
"#;

/// The secrets that the configuration refers to.
pub(crate) const ENV: [(&str, &str); 3] = [
    ("BEHEST_ADMIN_SECRET", "an-admin-secret-that-only-this-bench-uses"),
    ("UP_KEY", "sk-upstream-key-of-the-bench"),
    ("BENCH_KEY", KEY),
];
