//! Networks of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::IpAddr;

use super::text::text_value;

/// A network in CIDR notation. A single address is a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    addr: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8` or `10.1.2.3`. Bits below the prefix must be zero: whoever writes
    /// `10.1.2.3/8` may have meant another network.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no network; write an address or ADDRESS/PREFIX, such as 10.0.0.0/8"
            )
        };
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| wrong())?;
        let full = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => full,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= full).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        let network = Self { addr, prefix };
        if bits(addr) != bits(addr) & network.mask() {
            return Err(format!("{text:?} has address bits below its prefix of {prefix}"));
        }
        Ok(network)
    }

    /// The network's first address.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// How many leading bits an address shares with the network.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address lies inside. An IPv4 address and its IPv4-mapped IPv6 form are the same.
    pub fn contains(&self, addr: IpAddr) -> bool {
        bits(addr) & self.mask() == bits(self.addr)
    }

    /// The mask over the 128 bits that every address is compared as.
    fn mask(&self) -> u128 {
        let host_bits = match self.addr {
            IpAddr::V4(_) => 32_u32.saturating_sub(self.prefix.into()),
            IpAddr::V6(_) => 128_u32.saturating_sub(self.prefix.into()),
        };
        u128::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

/// IPv4 addresses take their place in IPv6, so that one comparison serves all.
fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
    .to_bits()
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

text_value!(
    Network,
    "network",
    "description": "An IP address, or a network as ADDRESS/PREFIX.",
    "examples": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
);
