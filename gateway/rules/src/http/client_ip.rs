//! ``ClientIP(`10.0.0.0/8`)``: the address of the peer is this one or in this network.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{Fault, Matcher, Params, Spec};
use crate::View;

pub(crate) const V3: Spec = Spec { name: "ClientIP", params: Params::OneOf(&[1]), build };
pub(crate) const V2: Spec = Spec { name: "ClientIP", params: Params::Each, build };

fn build(args: &[&str]) -> Result<Box<dyn Matcher>, Fault> {
    let text = args[0];
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let net = net.ok_or_else(|| {
        let message = format!("initializing IP checker for ClientIP matcher: parsing CIDR trusted IPs {text}: invalid CIDR address: {text}");
        Fault::new(0, message).help("write an address (`10.0.0.1`) or a network (`10.0.0.0/8`)")
    })?;
    Ok(Box::new(ClientIp(unmapped(net))))
}

#[derive(Debug)]
struct ClientIp(IpNet);

impl Matcher for ClientIp {
    fn matches(&self, view: &View<'_>) -> bool {
        self.0.contains(&view.peer.to_canonical())
    }

    fn actual(&self, view: &View<'_>) -> String {
        format!("peer address is `{}`", view.peer.to_canonical())
    }
}

/// An IPv4 network in IPv6 clothes is the IPv4 network.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped =
        v6.addr().to_ipv4_mapped().and_then(|v4| Ipv4Net::new(v4, v6.prefix_len().checked_sub(96)?).ok());
    mapped.map_or(net, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, matches};

    #[test]
    fn peers_in_the_network_match() {
        for (rule, peer, expected) in [
            ("ClientIP(`10.0.0.0/8`)", "10.1.2.3", true),
            ("ClientIP(`10.9.9.9/8`)", "10.1.2.3", true),
            ("ClientIP(`10.0.0.0/8`)", "11.1.2.3", false),
            ("ClientIP(`10.1.2.3`)", "10.1.2.3", true),
            ("ClientIP(`10.1.2.3`)", "::ffff:10.1.2.3", true),
            ("ClientIP(`::ffff:10.0.0.0/104`)", "10.1.2.3", true),
            ("ClientIP(`::1`)", "::1", true),
            ("ClientIP(`fe80::/10`)", "fe80::1", true),
            ("ClientIP(`::/0`)", "10.1.2.3", false),
            ("!ClientIP(`10.0.0.0/8`)", "11.1.2.3", true),
        ] {
            assert_eq!(matches(rule, |r| r.peer(peer)), expected, "{rule} {peer}");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for text in ["10.0.0.0/33", "x", "10.0.0", "010.0.0.1"] {
            assert!(errors(&format!("ClientIP(`{text}`)"))[0].contains("invalid CIDR address"), "{text}");
        }
    }
}
