//! Options that are read but do nothing yet, so that nobody believes they do.
//!
//! Two tables of paths, one for each kind of configuration. [`findings_static`] and [`findings_dynamic`] walk what the
//! user wrote (not what it means) and report each place. An option that is switched off is not reported. A line leaves
//! the table when the option works.

use fairlead_conf::{Node, Value, move_origin};
use fairlead_diag::{Code, Finding, Findings, Origin};

use crate::codes;

/// An option without effect.
pub struct NotYet {
    /// Its path; `*` stands for any key or index.
    pub path: &'static str,
    /// What happens instead.
    pub instead: &'static str,
    /// [`codes::NOT_YET`], or [`codes::NO_EFFECT`] for what is meant to do nothing.
    pub code: &'static Code,
    /// Values that are reported.
    when: When,
}

/// Which values of an option are reported.
#[derive(Clone, Copy)]
enum When {
    /// All but `false`, `0` and empty text.
    On,
    /// Only text that ends like this.
    Ends(&'static str),
    /// Everything that is on, but this word.
    Not(&'static str),
}

const fn not_yet(path: &'static str, instead: &'static str) -> NotYet {
    NotYet { path, instead, code: &codes::NOT_YET, when: When::On }
}

const fn no_effect(path: &'static str, instead: &'static str) -> NotYet {
    NotYet { path, instead, code: &codes::NO_EFFECT, when: When::On }
}

const PROVIDER: &str = "nothing is read from this provider; use the file provider";
const EXPORTER: &str = "no metrics are sent; scrape `metrics.prometheus` instead";
const NO_ACME: &str =
    "no certificate is asked for; give certificates under `tls.certificates`, else the default one is shown";
const NO_SPANS: &str = "no spans are made";
const ROTATION: &str = "the log file is never rotated; rotate it from outside";
const ONLY_HTTP: &str = "only HTTP is served; these objects are left out";

/// Static options without effect.
pub static STATIC: &[NotYet] = &[
    no_effect("global.checkNewVersion", "nobody is ever asked for a newer version"),
    no_effect("global.sendAnonymousUsage", "nothing is ever told to anybody"),
    not_yet("entryPoints.*.http3", "clients are served over HTTP/1.1 and HTTP/2"),
    NotYet { when: When::Ends("/udp"), ..not_yet("entryPoints.*.address", "nothing listens on UDP") },
    not_yet("entryPoints.*.udp", "nothing listens on UDP"),
    not_yet(
        "entryPoints.*.allowACMEByPass",
        "no challenge is ever answered, so every request goes to the routers anyway",
    ),
    not_yet(
        "entryPoints.*.forwardedHeaders.addXForwardedSchemeHeaders",
        "`X-Forwarded-Proto` is sent, the other spellings are not",
    ),
    NotYet {
        when: When::Not("4096"),
        ..not_yet("entryPoints.*.http2.maxEncoderHeaderTableSize", "at most 4096 bytes are used")
    },
    not_yet("entryPoints.*.observability.tracing", NO_SPANS),
    not_yet("entryPoints.*.observability.traceVerbosity", NO_SPANS),
    not_yet("entryPoints.*.http.tls.certResolver", NO_ACME),
    not_yet("entryPoints.*.http.tls.domains", NO_ACME),
    not_yet("certificatesResolvers.*", NO_ACME),
    not_yet("api.dashboard", "the API is served, the dashboard is not"),
    not_yet("api.debug", "no pages for debugging are served"),
    not_yet("api.dashboardName", "the dashboard is not served"),
    no_effect("api.disableDashboardAd", "there is no advertisement"),
    not_yet("log.maxSize", ROTATION),
    not_yet("log.maxAge", ROTATION),
    not_yet("log.maxBackups", ROTATION),
    not_yet("log.compress", ROTATION),
    not_yet("log.otlp", "log lines go to `log.filePath` or standard output only"),
    no_effect("accessLog.dualOutput", "lines are written here anyway, since no collector receives them"),
    not_yet("accessLog.otlp", "lines go to `accessLog.filePath` or standard output only"),
    not_yet("metrics.datadog", EXPORTER),
    not_yet("metrics.statsD", EXPORTER),
    not_yet("metrics.influxDB2", EXPORTER),
    not_yet("metrics.otlp", EXPORTER),
    not_yet("tracing", NO_SPANS),
    not_yet("providers.docker", PROVIDER),
    not_yet("providers.swarm", PROVIDER),
    not_yet("providers.kubernetesIngress", PROVIDER),
    not_yet("providers.kubernetesIngressNGINX", PROVIDER),
    not_yet("providers.kubernetesCRD", PROVIDER),
    not_yet("providers.kubernetesGateway", PROVIDER),
    not_yet("providers.knative", PROVIDER),
    not_yet("providers.rest", PROVIDER),
    not_yet("providers.consulCatalog", PROVIDER),
    not_yet("providers.nomad", PROVIDER),
    not_yet("providers.ecs", PROVIDER),
    not_yet("providers.consul", PROVIDER),
    not_yet("providers.etcd", PROVIDER),
    not_yet("providers.zooKeeper", PROVIDER),
    not_yet("providers.redis", PROVIDER),
    not_yet("providers.http", PROVIDER),
    not_yet("providers.plugin.*", PROVIDER),
    not_yet("providers.file.debugLogGeneratedTemplate", "what a template renders to is not logged"),
    not_yet("serversTransport.spiffe", "backends are checked by certificate and name"),
    not_yet("tcpServersTransport", "only HTTP is served"),
    not_yet("spiffe", "the program has no SPIFFE identity"),
    not_yet("hostResolver.cnameFlattening", "hosts are compared as they are written"),
    not_yet("ocsp", "no OCSP answers are stapled"),
    not_yet("experimental.plugins.*", "the plugin is not loaded, and middlewares of its type are left out"),
    not_yet(
        "experimental.localPlugins.*",
        "the plugin is not loaded, and middlewares of its type are left out",
    ),
    not_yet("experimental.abortOnPluginFailure", "plugins are not loaded"),
    no_effect("experimental.fastProxy", "there is only one way to backends, and it is the fast one"),
    not_yet("experimental.otlpLogs", "no logs are sent to a collector"),
    not_yet("experimental.knative", PROVIDER),
    not_yet("experimental.kubernetesIngressNGINX", PROVIDER),
    no_effect("experimental.kubernetesGateway", "Gateway API is no longer experimental"),
];

/// Dynamic options without effect. Types of middlewares are judged by the catalogue of middlewares.
pub static DYNAMIC: &[NotYet] = &[
    not_yet(
        "http.routers.*.parentRefs",
        "the router is left out, since its parents' middlewares would be missing",
    ),
    not_yet("http.routers.*.tls.certResolver", NO_ACME),
    not_yet("http.routers.*.tls.domains", NO_ACME),
    not_yet("http.routers.*.observability.tracing", NO_SPANS),
    not_yet("http.routers.*.observability.traceVerbosity", NO_SPANS),
    not_yet("http.services.*.weighted", "the service is left out, and with it its routers"),
    not_yet("http.services.*.highestRandomWeight", "the service is left out, and with it its routers"),
    not_yet("http.services.*.mirroring", "the service is left out, and with it its routers"),
    not_yet("http.services.*.failover", "the service is left out, and with it its routers"),
    not_yet("http.services.*.middlewares", "the service is left out, and with it its routers"),
    no_effect(
        "http.services.*.loadBalancer.responseForwarding.flushInterval",
        "what arrives is passed on at once",
    ),
    not_yet("http.services.*.loadBalancer.sticky", "a client may reach another server each time"),
    not_yet("http.services.*.loadBalancer.passiveHealthCheck", "failed requests do not take a server out"),
    NotYet {
        when: When::Not("wrr"),
        ..not_yet(
            "http.services.*.loadBalancer.strategy",
            "servers get requests one after the other, by weight",
        )
    },
    NotYet {
        when: When::Not("http"),
        ..not_yet(
            "http.services.*.loadBalancer.healthCheck.mode",
            "the servers are not probed and count as well",
        )
    },
    not_yet("http.serversTransports.*.spiffe", "backends are checked by certificate and name"),
    not_yet("http.middlewares.*.rateLimit.redis", "requests are counted by this process alone"),
    not_yet("tcp", ONLY_HTTP),
    not_yet("udp", ONLY_HTTP),
    not_yet("tls.stores.*.defaultGeneratedCert", NO_ACME),
];

/// Places of one option that are reported one by one; the rest is counted.
const MOST_PLACES: usize = 20;

/// Where a part of a configuration sets options without effect.
#[derive(Clone, Debug, Default)]
pub struct Places(Vec<Place>);

#[derive(Clone, Debug)]
struct Place {
    /// The path of the option in a table.
    option: &'static str,
    /// Where it is set, as a path and in the source.
    path: String,
    origin: Origin,
}

/// Reports every static option without effect that the tree sets.
#[must_use]
pub fn findings_static(node: &Node) -> Findings {
    findings(STATIC, &[&places(node, STATIC)])
}

/// Reports every dynamic option without effect that the tree sets.
#[must_use]
pub fn findings_dynamic(node: &Node) -> Findings {
    findings_dynamic_in(&[&places_dynamic(node)])
}

/// Where the tree sets dynamic options without effect.
#[must_use]
pub fn places_dynamic(node: &Node) -> Places {
    places(node, DYNAMIC)
}

/// Reports the dynamic options without effect that the parts of a configuration set, in their order.
#[must_use]
pub fn findings_dynamic_in(parts: &[&Places]) -> Findings {
    findings(DYNAMIC, parts)
}

impl Places {
    /// Moves them so many lines further down in their file; up when negative.
    pub fn move_lines(&mut self, by: i64) {
        for place in &mut self.0 {
            move_origin(&mut place.origin, by);
        }
    }
}

fn places(node: &Node, table: &'static [NotYet]) -> Places {
    let mut places = Vec::new();
    for option in table {
        let path: Vec<&str> = option.path.split('.').collect();
        collect(node, &path, &mut Vec::new(), option, &mut places);
    }
    Places(places)
}

fn findings(table: &'static [NotYet], parts: &[&Places]) -> Findings {
    let all = || parts.iter().flat_map(|part| &part.0);
    if all().next().is_none() {
        return Findings::new();
    }
    table
        .iter()
        .flat_map(|option| of_option(option, all().filter(|place| place.option == option.path)))
        .collect()
}

fn of_option<'p>(option: &NotYet, mut places: impl Iterator<Item = &'p Place>) -> Vec<Finding> {
    let mut found: Vec<Finding> = places
        .by_ref()
        .take(MOST_PLACES)
        .map(|Place { path, origin, .. }| {
            let message = format!("`{path}` has no effect{}: {}", option.yet(), option.instead);
            Finding::new(option.code, message).at(origin).about(path.as_str())
        })
        .collect();
    let more = places.count();
    if let Some(last) = found.pop() {
        found.push(if more > 0 { last.evidence("further places", more.to_string()) } else { last });
    }
    found
}

impl NotYet {
    fn yet(&self) -> &'static str {
        if *self.code == codes::NOT_YET { " yet" } else { "" }
    }
}

fn collect<'n>(
    node: &'n Node,
    path: &[&str],
    way: &mut Vec<&'n str>,
    option: &'static NotYet,
    places: &mut Vec<Place>,
) {
    let [step, rest @ ..] = path else { return };
    for entry in node.entries() {
        if *step != "*" && !step.eq_ignore_ascii_case(&entry.key) {
            continue;
        }
        way.push(&entry.key);
        if !rest.is_empty() {
            collect(&entry.node, rest, way, option, places);
        } else if option.when.holds(&entry.node) {
            places.push(Place { option: option.path, path: way.join("."), origin: entry.key_origin.clone() });
        }
        way.pop();
    }
}

impl When {
    fn holds(self, node: &Node) -> bool {
        let text = node.text().map(|text| text.trim().to_ascii_lowercase());
        let on = !matches!(text.as_deref(), Some("false" | "0" | ""))
            && !matches!(&node.value, Value::List(items) if items.is_empty());
        match self {
            When::On => on,
            When::Ends(end) => text.is_some_and(|text| text.ends_with(end)),
            When::Not(word) => on && text.is_some_and(|text| text != word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{lines, yaml};

    #[test]
    fn reports_each_place_with_its_line() {
        let node = yaml(
            "http:\n  services:\n    a:\n      weighted: {services: []}\n    b:\n      loadBalancer:\n        sticky: {cookie: {}}\n        strategy: p2c\ntcp:\n  routers: {}\n",
        );
        let found = lines(&findings_dynamic(&node));
        let starts: Vec<_> =
            found.iter().map(|line| line.split(':').take(2).collect::<Vec<_>>().join(":")).collect();
        assert_eq!(
            starts,
            [
                "FLD-GW-1090 4:7 `http.services.a.weighted` has no effect yet",
                "FLD-GW-1090 7:9 `http.services.b.loadBalancer.sticky` has no effect yet",
                "FLD-GW-1090 8:9 `http.services.b.loadBalancer.strategy` has no effect yet",
                "FLD-GW-1090 9:1 `tcp` has no effect yet",
            ]
        );
    }

    #[test]
    fn what_is_off_or_works_is_not_reported() {
        let node = yaml(
            "http:\n  services:\n    b:\n      loadBalancer:\n        strategy: wrr\n        healthCheck: {mode: http, path: /}\n        servers: [{url: 'http://a'}]\n",
        );
        assert_eq!(lines(&findings_dynamic(&node)), Vec::<String>::new());
        let node = yaml(
            "api: {dashboard: false, insecure: true}\nlog: {compress: false, maxSize: 0, level: INFO}\nentryPoints: {web: {address: ':80', http3: false}}\n",
        );
        assert_eq!(lines(&findings_static(&node)), Vec::<String>::new());
    }

    #[test]
    fn static_options_are_found_without_case() {
        let node = yaml(
            "api: {dashboard: true}\nproviders: {Docker: {}}\nentrypoints:\n  dns: {address: ':53/udp'}\nglobal: {checkNewVersion: true}\n",
        );
        let findings = findings_static(&node);
        let places: Vec<_> = findings.iter().map(|finding| (finding.code.id, &*finding.subject)).collect();
        assert_eq!(
            places,
            [
                ("FLD-GW-1091", "global.checkNewVersion"),
                ("FLD-GW-1090", "entrypoints.dns.address"),
                ("FLD-GW-1090", "api.dashboard"),
                ("FLD-GW-1090", "providers.Docker"),
            ]
        );
    }

    #[test]
    fn many_places_are_counted() {
        let services: String = (0..50).map(|n| format!("    s{n}: {{mirroring: {{}}}}\n")).collect();
        let findings = findings_dynamic(&yaml(&format!("http:\n  services:\n{services}")));
        assert_eq!(findings.len(), MOST_PLACES);
        assert_eq!(
            findings.iter().last().unwrap().evidence,
            [("further places".to_owned(), "30".to_owned())]
        );
    }
}
