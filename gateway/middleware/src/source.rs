//! Whom a request comes from: the strategies that pick an address, and the criterion that groups requests.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use fairlead_http::Request;
use http::HeaderName;
use ipnet::{IpNet, Ipv6Net};

use crate::codes;
use crate::options::{Problem, options};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

options! {
    /// Which address counts as the client's. Without any option: the peer of the connection.
    pub(crate) struct IpStrategy {
        /// Take the address at this place of `X-Forwarded-For`, counted from the right, from 1.
        pub(crate) depth: i64,
        /// Take the right-most address of `X-Forwarded-For` that is in none of these ranges. Not used with `depth`.
        #[serde(rename = "excludedIPs")]
        pub(crate) excluded_ips: Vec<String>,
        /// Let all IPv6 addresses with the same prefix of this length count as one. Not used with `excludedIPs`.
        pub(crate) ipv6_subnet: Option<i64>,
    }

    /// What makes two requests come from the same source. The options exclude each other.
    pub(crate) struct SourceCriterion {
        /// The address that this strategy picks.
        #[serde(deserialize_with = "fairlead_conf::section")]
        pub(crate) ip_strategy: Option<IpStrategy>,
        /// The value of this header.
        pub(crate) request_header_name: String,
        /// The host of the request.
        pub(crate) request_host: bool,
    }
}

/// IP ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges(Vec<IpNet>);

impl Ranges {
    /// Parses addresses and CIDR notations.
    ///
    /// # Errors
    /// Which one is neither.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| range(text)).collect::<Result<_, _>>().map(Ranges)
    }

    /// Whether an address is in one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// What is wrong with the texts of an option.
    pub(crate) fn problems(option: &'static str, texts: &[String]) -> Vec<Problem> {
        let problem = |(index, text): (usize, &String)| {
            let message = range(text).err()?;
            Some(Problem::new(&codes::BAD_RANGE, message).at(option).at(index))
        };
        texts.iter().enumerate().filter_map(problem).collect()
    }
}

fn range(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical().into()),
        Err(_) => text.parse().map_err(|_| format!("`{text}` is neither an IP address nor CIDR notation")),
    }
}

/// How to find the client's address.
#[derive(Clone, Debug, Default)]
pub(crate) enum Strategy {
    /// The peer of the connection.
    #[default]
    Peer,
    /// The peer, or the prefix of its IPv6 address.
    PeerSubnet(u8),
    /// A place in `X-Forwarded-For` from the right, and the length of the prefix that counts.
    Depth(usize, Option<u8>),
    /// The first from the right that is not in these ranges.
    Excluding(Ranges),
}

impl Strategy {
    /// # Errors
    /// Which option cannot be used.
    pub(crate) fn new(options: Option<&IpStrategy>) -> Result<Self, String> {
        let Some(options) = options else { return Ok(Strategy::Peer) };
        if let Ok(depth @ 1..) = usize::try_from(options.depth) {
            return Ok(Strategy::Depth(depth, options.prefix_len()?));
        }
        if !options.excluded_ips.is_empty() {
            return Ranges::parse(&options.excluded_ips).map(Strategy::Excluding);
        }
        Ok(options.prefix_len()?.map_or(Strategy::Peer, Strategy::PeerSubnet))
    }

    /// The address as text; empty when the request names none.
    pub(crate) fn text<'r>(&self, request: &'r Request) -> Cow<'r, str> {
        match self {
            Strategy::Peer => Cow::Owned(peer(request).to_string()),
            Strategy::PeerSubnet(len) => Cow::Owned(subnet(peer(request), *len).to_string()),
            Strategy::Depth(depth, len) => {
                let text = forwarded_for(request).nth(depth - 1).unwrap_or("");
                match (len, text.parse()) {
                    (Some(len), Ok(address)) => Cow::Owned(subnet(address, *len).to_string()),
                    _ => Cow::Borrowed(text),
                }
            }
            Strategy::Excluding(ranges) => {
                let outside =
                    |text: &&str| !text.is_empty() && !address(text).is_some_and(|ip| ranges.contains(ip));
                Cow::Borrowed(forwarded_for(request).find(outside).unwrap_or(""))
            }
        }
    }

    /// The address; `None` when the request names none or what it names is no address.
    pub(crate) fn address(&self, request: &Request) -> Option<IpAddr> {
        match self {
            Strategy::Peer => Some(peer(request)),
            _ => address(&self.text(request)),
        }
    }
}

impl IpStrategy {
    fn prefix_len(&self) -> Result<Option<u8>, String> {
        match self.ipv6_subnet.map(u8::try_from) {
            None => Ok(None),
            Some(Ok(len @ 1..=128)) => Ok(Some(len)),
            Some(_) => Err("ipv6Subnet must be from 1 to 128".to_owned()),
        }
    }

    /// What is wrong with the options.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.depth < 0 {
            found.push(Problem::new(&codes::OUT_OF_BOUNDS, "depth must not be negative").at("depth"));
        }
        found.extend(Ranges::problems("excludedIPs", &self.excluded_ips));
        if let Err(message) = self.prefix_len() {
            found.push(Problem::new(&codes::OUT_OF_BOUNDS, message).at("ipv6Subnet"));
        }
        found
    }
}

fn peer(request: &Request) -> IpAddr {
    request.conn.peer.ip().to_canonical()
}

/// Entries of `X-Forwarded-For`, the right-most one first.
fn forwarded_for(request: &Request) -> impl Iterator<Item = &str> {
    let lines = request.headers.get_all(X_FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.to_str().unwrap_or("").rsplit(',')).map(str::trim)
}

/// The address in an entry, which may carry a port or a zone.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.parse::<SocketAddr>() {
        Ok(with_port) => return Some(with_port.ip().to_canonical()),
        Err(_) => text.trim_start_matches('[').trim_end_matches(']'),
    };
    let bare = bare.split_once('%').map_or(bare, |(bare, _zone)| bare);
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// The first address of the IPv6 network; an IPv4 address stays.
fn subnet(address: IpAddr, len: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Net::new(v6, len).map_or(address, |net| net.network().into()),
        v4 => v4,
    }
}

/// What makes two requests come from the same source.
#[derive(Clone, Debug)]
pub(crate) enum Criterion {
    Address(Strategy),
    Header(HeaderName),
    Host,
}

impl Criterion {
    /// The criterion of the options, or `default` when they name none.
    ///
    /// # Errors
    /// Which option cannot be used.
    pub(crate) fn new(options: Option<&SourceCriterion>, default: Criterion) -> Result<Self, String> {
        let Some(options) = options else { return Ok(default) };
        match options.exclusive() {
            Some(message) => Err(message.to_owned()),
            None if options.request_host => Ok(Criterion::Host),
            None if !options.request_header_name.is_empty() => options.header().map(Criterion::Header),
            None => match &options.ip_strategy {
                Some(strategy) => Strategy::new(Some(strategy)).map(Criterion::Address),
                None => Ok(default),
            },
        }
    }

    /// The source of a request.
    pub(crate) fn source<'r>(&self, request: &'r Request) -> Cow<'r, str> {
        match self {
            Criterion::Address(strategy) => strategy.text(request),
            Criterion::Header(name) => request
                .headers
                .get(name)
                .map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes())),
            Criterion::Host => Cow::Borrowed(request.host()),
        }
    }
}

impl SourceCriterion {
    fn exclusive(&self) -> Option<&'static str> {
        match (self.ip_strategy.is_some(), !self.request_header_name.is_empty(), self.request_host) {
            (true, true, _) => Some("ipStrategy and requestHeaderName exclude each other"),
            (true, _, true) => Some("ipStrategy and requestHost exclude each other"),
            (_, true, true) => Some("requestHost and requestHeaderName exclude each other"),
            _ => None,
        }
    }

    fn header(&self) -> Result<HeaderName, String> {
        let name = &self.request_header_name;
        name.parse().map_err(|_| format!("`{name}` is not a header name"))
    }
}

/// What is wrong with the option `sourceCriterion`.
pub(crate) fn problems(options: Option<&SourceCriterion>) -> Vec<Problem> {
    let Some(options) = options else { return Vec::new() };
    let mut found = Vec::new();
    found.extend(options.exclusive().map(|message| Problem::new(&codes::EXCLUSIVE, message)));
    if !options.request_header_name.is_empty() {
        let bad = options.header().err();
        found.extend(bad.map(|message| Problem::new(&codes::BAD_HEADER, message).at("requestHeaderName")));
    }
    if let Some(strategy) = &options.ip_strategy {
        found.extend(strategy.problems().into_iter().map(|problem| problem.under("ipStrategy")));
    }
    found.into_iter().map(|problem| problem.under("sourceCriterion")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::request_from;

    fn pick(strategy: &IpStrategy, peer: &str, forwarded: &[&str]) -> String {
        let mut request = request_from(peer);
        for line in forwarded {
            request.headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        Strategy::new(Some(strategy)).unwrap().text(&request).into_owned()
    }

    #[test]
    fn strategies_pick_addresses() {
        let depth = |depth, subnet| IpStrategy { depth, ipv6_subnet: subnet, ..IpStrategy::default() };
        let excluding = IpStrategy { excluded_ips: vec!["10.1.0.0/16".to_owned()], ..IpStrategy::default() };
        for (strategy, forwarded, expected) in [
            (&depth(0, None), &["1.1.1.1"][..], "192.0.2.7"),
            (&depth(1, None), &["1.1.1.1, 2.2.2.2"], "2.2.2.2"),
            (&depth(2, None), &["1.1.1.1,2.2.2.2"], "1.1.1.1"),
            (&depth(3, None), &["1.1.1.1,2.2.2.2"], ""),
            (&depth(1, None), &["1.1.1.1", "2.2.2.2"], "2.2.2.2"),
            (&depth(2, None), &["1.1.1.1", "2.2.2.2"], "1.1.1.1"),
            (&depth(1, Some(64)), &["2001:db8::5:6:7:8"], "2001:db8::"),
            (&depth(1, Some(64)), &["9.9.9.9"], "9.9.9.9"),
            (&depth(1, Some(64)), &["junk"], "junk"),
            (&excluding, &["10.2.0.1, 10.1.0.1, , 10.1.9.9"], "10.2.0.1"),
            (&excluding, &["10.1.0.1"], ""),
            (&excluding, &[], ""),
        ] {
            assert_eq!(pick(strategy, "192.0.2.7:80", forwarded), expected, "{strategy:?} {forwarded:?}");
        }
        assert_eq!(pick(&depth(0, Some(48)), "[2001:db8:1:2::3]:80", &[]), "2001:db8:1::");
        assert_eq!(pick(&depth(0, None), "[::ffff:10.0.0.1]:80", &[]), "10.0.0.1");
    }

    #[test]
    fn entries_may_carry_ports_and_zones() {
        for (text, expected) in [
            ("10.1.1.1:80", "10.1.1.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:10.1.1.1", "10.1.1.1"),
        ] {
            assert_eq!(address(text), Some(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "localhost", "10.1.1", "1.2.3.4.5", "10.1.1.1 "] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_cover_hosts_and_networks() {
        let ranges = Ranges::parse(&[
            "10.0.0.1/8".to_owned(),
            "::ffff:192.0.2.1".to_owned(),
            "2001:db8::/32".to_owned(),
        ]);
        let ranges = ranges.unwrap();
        for (text, inside) in
            [("10.9.9.9", true), ("11.0.0.1", false), ("192.0.2.1", true), ("2001:db8:1::1", true)]
        {
            assert_eq!(ranges.contains(text.parse().unwrap()), inside, "{text}");
        }
        let found = Ranges::problems("sourceRange", &["10.0.0.0/8".to_owned(), "10.0.0.0/33".to_owned()]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, [crate::options::Step::Key("sourceRange"), 1.into()]);
    }

    #[test]
    fn criteria_exclude_each_other() {
        let both = SourceCriterion {
            request_host: true,
            request_header_name: "X".into(),
            ..SourceCriterion::default()
        };
        assert!(Criterion::new(Some(&both), Criterion::Host).is_err());
        assert_eq!(problems(Some(&both)).len(), 1);
        let default = Criterion::new(Some(&SourceCriterion::default()), Criterion::Host).unwrap();
        assert!(matches!(default, Criterion::Host));
        let subnet = IpStrategy { ipv6_subnet: Some(0), ..IpStrategy::default() };
        let bad = SourceCriterion { ip_strategy: Some(subnet), ..SourceCriterion::default() };
        assert_eq!(problems(Some(&bad))[0].path.len(), 3);
    }
}
