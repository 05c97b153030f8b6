//! What cannot work in a static configuration although every option is well formed.

use std::net::IpAddr;

use fairlead_conf::Node;
use fairlead_diag::{Code, Finding, Findings, Origin};
use ipnet::IpNet;

use super::providers::PRECEDENCE;
use super::{Address, EntryPoint, Providers, Static};
use crate::codes;
use crate::dynamic::object::deepest;

/// Reports what cannot work. `node` is where the configuration was read from.
pub(super) fn check(statics: &Static, node: &Node, findings: &mut Findings) {
    let check = &mut Check { statics, node, findings };
    check.addresses();
    for (name, point) in &statics.entry_points {
        check.entry_point(name, point);
    }
    check.internal_pages();
    check.access_log();
    check.providers(&statics.providers);
}

struct Check<'a> {
    statics: &'a Static,
    node: &'a Node,
    findings: &'a mut Findings,
}

impl Check<'_> {
    /// Pushes a finding that points at the key at `path`, or at what is there of it.
    fn report(&mut self, code: &'static Code, path: &[&str], message: String, help: &str) {
        self.findings.push(Finding::new(code, message).at(&origin(self.node, path)).help(help));
    }

    fn addresses(&mut self) {
        let mut taken: Vec<(&str, &Address)> = Vec::new();
        for (name, point) in &self.statics.entry_points {
            let path = ["entryPoints", name, "address"];
            let declared = self.node.at(&path[..2]).is_some();
            if declared && self.node.at(&path).is_none() {
                let message = format!("entry point `{name}` has no address");
                self.report(&codes::NO_ADDRESS, &path, message, "add an address such as `:80`");
                continue;
            }
            if let Some((other, address)) = taken.iter().find(|(_, address)| address.collides(&point.address))
            {
                let message =
                    format!("entry points `{other}` ({address}) and `{name}` ({}) collide", point.address);
                let finding =
                    Finding::new(&codes::DUPLICATE_ADDRESS, message).about(format!("entry point {name}"));
                let finding = finding.label(&origin(self.node, &path), format!("`{name}` listens here"));
                let first = origin(self.node, &["entryPoints", other, "address"]);
                self.findings.push(finding.label(&first, format!("`{other}` has the port already")));
            }
            taken.push((name, &point.address));
        }
    }

    fn entry_point(&mut self, name: &str, point: &EntryPoint) {
        let at = ["entryPoints", name];
        if let Some(proxy) = &point.proxy_protocol {
            self.networks(&proxy.trusted_ips, &[&at[..], &["proxyProtocol", "trustedIPs"]].concat());
        }
        self.networks(
            &point.forwarded_headers.trusted_ips,
            &[&at[..], &["forwardedHeaders", "trustedIPs"]].concat(),
        );
        if let Some(redirect) = &point.http.redirections.entry_point {
            let path = [&at[..], &["http", "redirections", "entryPoint", "to"]].concat();
            match redirect.to.strip_prefix(':') {
                _ if redirect.to.is_empty() => {
                    let message = format!("the redirection of entry point `{name}` has no target");
                    self.report(
                        &codes::MISSING_OPTION,
                        &path,
                        message,
                        "set `to` to the name of an entry point",
                    );
                }
                Some(port) if port.parse::<u16>().is_err() => {
                    let message = format!(
                        "the redirection of entry point `{name}` leads to no port: `{}`",
                        redirect.to
                    );
                    self.report(
                        &codes::BAD_OPTION,
                        &path,
                        message,
                        "write the name of an entry point, or `:port`",
                    );
                }
                Some(_) => {}
                None => self.names_entry_point(&redirect.to, &path, &format!("the redirection of `{name}`")),
            }
        }
    }

    fn networks(&mut self, texts: &[String], path: &[&str]) {
        for (index, text) in texts.iter().enumerate() {
            let text = text.trim();
            if text.parse::<IpAddr>().is_err() && text.parse::<IpNet>().is_err() {
                let index = index.to_string();
                let path = [path, &[index.as_str()]].concat();
                let message = format!("`{text}` is neither an IP address nor a network");
                self.report(
                    &codes::BAD_NETWORK,
                    &path,
                    message,
                    "write an address or a CIDR such as `10.0.0.0/8`",
                );
            }
        }
    }

    fn names_entry_point(&mut self, name: &str, path: &[&str], who: &str) {
        if self.statics.entry_points.contains_key(name) {
            return;
        }
        let known: Vec<&str> = self.statics.entry_points.keys().map(|name| &**name).collect();
        let help = match fairlead_conf::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declared entry points: {}", known.join(", ")),
        };
        let message = format!("{who} names the entry point `{name}`, which is not declared");
        self.report(&codes::UNKNOWN_ENTRY_POINT, path, message, &help);
    }

    fn access_log(&mut self) {
        let filters = self.statics.access_log.as_ref().and_then(|log| log.filters.as_ref());
        for (index, range) in filters.into_iter().flat_map(|filters| filters.status_ranges()).enumerate() {
            if let Err(why) = range {
                let index = index.to_string();
                let path = ["accessLog", "filters", "statusCodes", &index];
                self.report(&codes::BAD_OPTION, &path, why, "write a code such as 404, or a range");
            }
        }
    }

    fn internal_pages(&mut self) {
        let statics = self.statics;
        if let Some(api) = statics.api.as_ref().filter(|api| !api.base_path.starts_with('/')) {
            let message = format!("`api.basePath` must begin with `/`: `{}`", api.base_path);
            self.report(&codes::BAD_OPTION, &["api", "basePath"], message, "put a `/` in front");
        }
        if let Some(ping) = &statics.ping {
            if !ping.manual_routing {
                self.names_entry_point(&ping.entry_point, &["ping", "entryPoint"], "`ping`");
            }
            if !(100..=599).contains(&ping.terminating_status_code) {
                let message = format!("{} is no status code", ping.terminating_status_code);
                let path = ["ping", "terminatingStatusCode"];
                self.report(&codes::BAD_OPTION, &path, message, "write a number from 100 to 599");
            }
        }
        let prometheus = statics.metrics.as_ref().and_then(|metrics| metrics.prometheus.as_ref());
        if let Some(page) = prometheus.filter(|page| !page.manual_routing) {
            self.names_entry_point(
                &page.entry_point,
                &["metrics", "prometheus", "entryPoint"],
                "`metrics.prometheus`",
            );
        }
        if let Some(rate) = statics.tracing.as_ref().map(|tracing| tracing.sample_rate)
            && !(0.0..=1.0).contains(&rate)
        {
            let message = format!("the sample rate {rate} is not between 0 and 1");
            self.report(
                &codes::BAD_OPTION,
                &["tracing", "sampleRate"],
                message,
                "1 traces every request, 0 none",
            );
        }
    }

    fn providers(&mut self, providers: &Providers) {
        if !any_provider(self.node, providers) {
            let message = "no provider is configured, so there will be no routers".to_owned();
            self.report(
                &codes::NO_PROVIDER,
                &["providers"],
                message,
                "add one, such as `providers.file.filename`",
            );
        }
        if let Some(file) = &providers.file {
            let path = ["providers", "file"];
            match (file.directory.is_empty(), file.filename.is_empty()) {
                (true, true) => {
                    let message = "the file provider has neither `filename` nor `directory`".to_owned();
                    self.report(&codes::MISSING_OPTION, &path, message, "set one of them");
                }
                (false, false) => {
                    let message =
                        "the file provider has `filename` and `directory`; only the directory is read"
                            .to_owned();
                    self.report(
                        &codes::CONTRADICTION,
                        &[&path[..], &["filename"]].concat(),
                        message,
                        "remove one of them",
                    );
                }
                _ => {}
            }
        }
        if providers.http.as_ref().is_some_and(|http| http.endpoint.is_empty()) {
            let message = "the HTTP provider has no endpoint".to_owned();
            self.report(&codes::MISSING_OPTION, &["providers", "http"], message, "set `endpoint`");
        }
        for (index, name) in providers.precedence.iter().enumerate() {
            if !PRECEDENCE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                let message = format!("`{name}` is no provider");
                let help = format!("known providers: {}", PRECEDENCE.join(", "));
                self.report(
                    &codes::BAD_OPTION,
                    &["providers", "precedence", &index.to_string()],
                    message,
                    &help,
                );
            }
        }
    }
}

/// Options of the section `providers` that are no providers.
const NOT_PROVIDERS: [&str; 2] = ["providersThrottleDuration", "precedence"];

fn any_provider(node: &Node, providers: &Providers) -> bool {
    let declared = node.entry("providers").map(|entry| entry.node.entries()).unwrap_or_default();
    let switched_off = |node: &Node| node.text().is_some_and(|text| text.eq_ignore_ascii_case("false"));
    *providers != Providers::default()
        && declared.iter().any(|entry| {
            !NOT_PROVIDERS.iter().any(|option| option.eq_ignore_ascii_case(&entry.key))
                && !switched_off(&entry.node)
        })
}

fn origin(node: &Node, path: &[&str]) -> Origin {
    deepest(node, &node.origin, path).0.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{lines, yaml};

    fn check_yaml(text: &str) -> (Static, Vec<String>) {
        let mut findings = Findings::new();
        let statics = Static::decode(&yaml(text), &mut findings).unwrap();
        (statics, lines(&findings))
    }

    const PROVIDER: &str = "providers: {file: {filename: dynamic.yml}}\n";

    #[test]
    fn nothing_declared_listens_on_80() {
        let (statics, found) = check_yaml(PROVIDER);
        assert_eq!(found, Vec::<String>::new());
        let points: Vec<_> =
            statics.entry_points.iter().map(|(name, point)| (&**name, point.address.to_string())).collect();
        assert_eq!(points, [("http", ":80".to_owned())]);
    }

    #[test]
    fn internal_pages_bring_their_entry_point() {
        for section in ["api: {insecure: true}", "ping: {}", "ping: true", "metrics: {prometheus: {}}"] {
            let (statics, found) =
                check_yaml(&format!("{PROVIDER}entryPoints: {{web: {{address: ':81'}}}}\n{section}\n"));
            assert_eq!(found, Vec::<String>::new(), "{section}");
            assert_eq!(statics.entry_points["traefik"].address, Address::any(8080), "{section}");
        }
        for section in ["api: {}", "ping: {manualRouting: true}", "ping: {entryPoint: web}", "ping: false"] {
            let (statics, found) =
                check_yaml(&format!("{PROVIDER}entryPoints: {{web: {{address: ':81'}}}}\n{section}\n"));
            assert_eq!(found, Vec::<String>::new(), "{section}");
            assert!(!statics.entry_points.contains_key("traefik"), "{section}");
        }
        let rest = check_yaml("providers: {rest: {insecure: true}}\n").0;
        assert!(rest.entry_points.contains_key("traefik"));
    }

    #[test]
    fn colliding_addresses_name_both_places() {
        let (_, found) = check_yaml(&format!(
            "{PROVIDER}entryPoints:\n  a: {{address: ':80'}}\n  b: {{address: '127.0.0.1:80'}}\n  c: {{address: ':80/udp'}}\n"
        ));
        assert_eq!(found, ["FLD-GW-1002 4:7 entry points `a` (:80) and `b` (127.0.0.1:80) collide"]);
    }

    #[test]
    fn a_missing_or_broken_address_is_reported_where_it_stands() {
        let (_, found) = check_yaml(&format!("{PROVIDER}entryPoints:\n  a: {{asDefault: true}}\n"));
        assert_eq!(found, ["FLD-GW-1003 3:3 entry point `a` has no address"]);
        let (_, found) = check_yaml(&format!("{PROVIDER}entryPoints:\n  a: {{address: '80'}}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("3:16") && found[0].contains("missing port"), "{found:?}");
    }

    #[test]
    fn names_of_entry_points_are_looked_up() {
        let (_, found) = check_yaml(&format!(
            "{PROVIDER}entryPoints:\n  web:\n    address: ':80'\n    http: {{redirections: {{entryPoint: {{to: websecure}}}}}}\n\
             ping: {{entryPoint: admin}}\nmetrics: {{prometheus: {{entryPoint: wep}}}}\n"
        ));
        assert_eq!(
            found,
            [
                "FLD-GW-1004 5:40 the redirection of `web` names the entry point `websecure`, which is not declared",
                "FLD-GW-1004 6:8 `ping` names the entry point `admin`, which is not declared",
                "FLD-GW-1004 7:24 `metrics.prometheus` names the entry point `wep`, which is not declared",
            ]
        );
    }

    #[test]
    fn filters_of_the_access_log_name_codes() {
        let (_, findings) = check_yaml("accessLog: {filters: {statusCodes: ['404', '4xx']}}");
        let said = "FLD-GW-1008 1:44 `4xx` is neither a code nor a range such as 400-499";
        assert!(findings.iter().any(|finding| finding == said), "{findings:?}");
    }

    #[test]
    fn networks_are_networks() {
        let (_, found) = check_yaml(&format!(
            "{PROVIDER}entryPoints:\n  web:\n    address: ':80'\n    forwardedHeaders:\n      trustedIPs:\n        - 10.0.0.0/8\n        - ::1\n        - example.com\n"
        ));
        assert_eq!(found, ["FLD-GW-1005 9:11 `example.com` is neither an IP address nor a network"]);
    }

    #[test]
    fn a_configuration_without_provider_is_pointed_out() {
        assert_eq!(
            check_yaml("api: {}\n").1,
            ["FLD-GW-1006 1:1 no provider is configured, so there will be no routers"]
        );
        let (_, found) = check_yaml("providers:\n  providersThrottleDuration: 5s\n  docker: false\n");
        assert_eq!(found, ["FLD-GW-1006 1:1 no provider is configured, so there will be no routers"]);
    }

    #[test]
    fn the_file_provider_needs_one_of_two() {
        assert_eq!(
            check_yaml("providers: {file: {}}\n").1,
            ["FLD-GW-1009 1:13 the file provider has neither `filename` nor `directory`"]
        );
        let (_, found) = check_yaml("providers: {file: {filename: a.yml, directory: d}}\n");
        assert_eq!(
            found,
            ["FLD-GW-1007 1:20 the file provider has `filename` and `directory`; only the directory is read"]
        );
    }

    #[test]
    fn default_entry_points_follow_the_marks() {
        let points = |text: &str| {
            let statics = check_yaml(&format!("{PROVIDER}{text}")).0;
            statics.default_entry_points().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let three =
            "entryPoints: {a: {address: ':1'}, b: {address: ':2'}, u: {address: ':3/udp'}}\nping: {}\n";
        assert_eq!(points(three), ["a", "b"]);
        assert_eq!(points("entryPoints: {a: {address: ':1'}, b: {address: ':2', asDefault: true}}\n"), ["b"]);
    }
}
