//! What things are called in Redis.

use behest_contract::purse::{Measure, Window};
use std::fmt::Write;

/// All tenants that have been seen.
pub(super) const TENANTS: &str = "behest:tenants";

/// All nodes that have been seen lately.
pub(super) const NODES: &str = "behest:nodes";

/// Where nodes are asked to give back what they hold of a counter.
pub(super) const RECALL: &str = "behest:recall";

/// The most that a script can count with.
pub(super) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What all of a tenant's keys begin with. What lies in braces decides where a cluster keeps them.
pub(super) fn prefix_of(tenant: &str) -> String {
    let mut prefix = String::with_capacity(tenant.len() + 12);
    prefix.push_str("behest:{");
    for char in tenant.chars() {
        match char {
            '{' | '}' | '%' => {
                // Writing to a string does not fail.
                let _ = write!(prefix, "%{:02x}", u32::from(char));
            }
            char => prefix.push(char),
        }
    }
    // Nothing in braces would be no tag at all.
    prefix.push_str(if tenant.is_empty() { "%}:" } else { "}:" });
    prefix
}

pub(super) fn measure_letter(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "r",
        Measure::InFlight => "f",
        Measure::Tokens => "t",
        Measure::MicroUsd => "u",
    }
}

pub(super) fn window_letter(window: Window) -> &'static str {
    match window {
        Window::Minute => "m",
        Window::Day => "d",
        Window::Month => "M",
        Window::Life => "l",
    }
}

#[cfg(test)]
mod tests {
    use super::prefix_of;

    #[test]
    fn each_tenant_has_a_tag_of_its_own() {
        assert_eq!(prefix_of("acme"), "behest:{acme}:");
        assert_eq!(prefix_of(""), "behest:{%}:");
        assert_eq!(prefix_of("a}:{b%"), "behest:{a%7d:%7bb%25}:");
    }
}
