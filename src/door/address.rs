//! Whose address counts.

use crate::config::Network;
use http::HeaderMap;
use std::net::IpAddr;

/// The client's address: the peer's, or, behind trusted proxies, the last one in `X-Forwarded-For`
/// that is not a trusted proxy's. What stands left of that is the client's own invention.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return peer;
    }
    let mut nearest = peer;
    let forwarded: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    for line in forwarded.iter().rev() {
        let Ok(line) = line.to_str() else { return nearest };
        for hop in line.rsplit(',') {
            let Some(address) = parse(hop.trim()) else { return nearest };
            nearest = address;
            if !is_trusted(address) {
                return address;
            }
        }
    }
    nearest
}

/// An address, with or without a port or brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.split(']').next()).unwrap_or(hop);
    let with_port = || Some(hop.parse::<std::net::SocketAddr>().ok()?.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::client;
    use crate::config::Network;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn only_trusted_proxies_are_believed() {
        let network = |text| Network::parse(text).unwrap();
        let trusted = [network("10.0.0.0/8"), network("::1/128")];
        for (peer, forwarded, wanted) in [
            ("1.1.1.1", vec!["9.9.9.9"], "1.1.1.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["9.9.9.9"], "9.9.9.9"),
            ("10.0.0.1", vec!["8.8.8.8, 9.9.9.9, 10.0.0.7"], "9.9.9.9"),
            ("10.0.0.1", vec!["8.8.8.8", "9.9.9.9"], "9.9.9.9"),
            ("10.0.0.1", vec!["9.9.9.9:80"], "9.9.9.9"),
            ("::1", vec!["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", vec!["9.9.9.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec!["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            let found = client(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found.to_string(), wanted);
        }
    }
}
