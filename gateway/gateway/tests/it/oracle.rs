//! A thousand random changes: after each the gateway, which has come a long way, answers as one built from nothing.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_gateway::entry_point;
use fairlead_gateway::offline;
use fairlead_gateway::snapshot::Snapshot;
use fairlead_http::{Conn, Request};
use fairlead_model::Static;
use fairlead_testkit::Backend;
use http::{HeaderValue, Method, header};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::client::{body, connect, read_answer, status};
use crate::running::{Running, decode, statics};
use crate::subject::eventually;

const CHANGES: usize = 1000;
/// Probes after each change, drawn anew.
const PROBES_EACH: usize = 3;
const SEED: u64 = 0xfa1e;

/// Rules: of hosts, paths and methods, with some that are always, never or not at all.
const RULES: [&str; 14] = [
    "Host(`a`)",
    "Host(`b`)",
    "Host(`*.b`)",
    "HostRegexp(`^[ab]$`)",
    "PathPrefix(`/p`)",
    "Path(`/p/q`)",
    "PathRegexp(`^/p/[a-q]$`)",
    "Host(`a`) && PathPrefix(`/p`)",
    "Host(`a`) || Host(`b`)",
    "Method(`POST`)",
    "!Host(`a`) && !Method(`POST`)",
    "PathPrefix(`/`)",
    "Host(`a`",
    "Nothing(`x`)",
];
const MIDDLEWARES: [&str; 7] = [
    "addPrefix: {prefix: /m}",
    "stripPrefix: {prefixes: [/p]}",
    "replacePath: {path: /replaced}",
    "redirectRegex: {regex: \"^http://a/(.*)\", replacement: \"http://elsewhere/${1}\"}",
    "chain: {middlewares: [m0, m1]}",
    "headers: {customRequestHeaders: {X-Told: yes}}",
    "addPrefix: {prefix: 7, nonsense: 8}",
];
const PROBES: [(&str, &str, &str); 6] = [
    ("GET", "a", "/"),
    ("GET", "a", "/p/q"),
    ("POST", "b", "/p"),
    ("GET", "x.b", "/p/z"),
    ("GET", "c", "/other?x=1"),
    ("POST", "c", "/"),
];

/// A configuration that changes one object at a time: the text of each, where it exists.
#[derive(Default)]
struct World {
    routers: [Option<String>; 6],
    middlewares: [Option<String>; 4],
    services: [Option<String>; 4],
}

impl World {
    fn change(&mut self, random: &mut SmallRng, urls: &[String]) {
        let gone = random.random_bool(0.2);
        match random.random_range(0..10) {
            0..5 => *self.routers.choose_mut(random) = (!gone).then(|| router(random)),
            5..7 => {
                let middleware = MIDDLEWARES.choose(random).unwrap();
                *self.middlewares.choose_mut(random) = (!gone).then(|| (*middleware).to_owned());
            }
            _ => {
                let url = urls.choose(random).unwrap();
                let pass = random.random_bool(0.5);
                let service =
                    format!("loadBalancer: {{servers: [{{url: \"{url}\"}}], passHostHeader: {pass}}}");
                *self.services.choose_mut(random) = (!gone).then_some(service);
            }
        }
    }

    fn text(&self) -> String {
        let section = |kind: &str, letter: &str, objects: &[Option<String>]| {
            let objects = objects.iter().enumerate();
            let lines = objects
                .filter_map(|(place, text)| Some(format!("    {letter}{place}: {{{}}}\n", text.as_ref()?)));
            let lines: String = lines.collect();
            if lines.is_empty() { lines } else { format!("  {kind}:\n{lines}") }
        };
        let all = section("routers", "r", &self.routers)
            + &section("middlewares", "m", &self.middlewares)
            + &section("services", "s", &self.services);
        if all.is_empty() { all } else { format!("http:\n{all}") }
    }
}

trait ChooseMut<T> {
    fn choose_mut(&mut self, random: &mut SmallRng) -> &mut T;
}

impl<T, const N: usize> ChooseMut<T> for [T; N] {
    fn choose_mut(&mut self, random: &mut SmallRng) -> &mut T {
        &mut self[random.random_range(0..N)]
    }
}

fn router(random: &mut SmallRng) -> String {
    let rule = RULES.choose(random).unwrap();
    let service = random.random_range(0..5);
    let priority = random.random_range(0..4);
    let middlewares: Vec<String> =
        (0..random.random_range(0..3)).map(|_| format!("m{}", random.random_range(0..4))).collect();
    let service = if service == 4 { "whoami@internal".to_owned() } else { format!("s{service}") };
    let tls = if random.random_bool(0.1) { ", tls: {}" } else { "" };
    format!(
        "rule: \"{rule}\", service: {service}, priority: {priority}, middlewares: [{}]{tls}",
        middlewares.join(", ")
    )
}

/// What of an answer does not depend on where it was made.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    backend: Option<String>,
    location: Option<String>,
    /// Target, host and one header, as the backend saw them.
    seen: Option<(String, String, bool)>,
}

impl Answer {
    fn new(status: u16, backend: Option<&str>, location: Option<&str>, body: &[u8]) -> Answer {
        let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let seen = told.map(|told| {
            let headers = told["headers"].as_array().unwrap();
            let find =
                |name: &str| headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].to_string());
            (told["target"].to_string(), find("host").unwrap_or_default(), find("x-told").is_some())
        });
        Answer { status, backend: backend.map(str::to_owned), location: location.map(str::to_owned), seen }
    }
}

/// The answer of the running gateway.
fn live(stream: &mut TcpStream, (method, host, target): (&str, &str, &str)) -> Answer {
    let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
    stream
        .write_all(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n").as_bytes())
        .unwrap();
    let answer = read_answer(stream);
    let head = String::from_utf8_lossy(&answer[..answer.len() - body(&answer).len()]).into_owned();
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    Answer::new(status(&answer).unwrap(), field("x-backend"), field("location"), body(&answer))
}

/// The answer of a snapshot that was built from nothing.
async fn fresh(snapshot: &Snapshot, place: usize, (method, host, target): (&str, &str, &str)) -> Answer {
    let conn = Conn::new("web", ([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 80).into(), None);
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Request::new(method, target.parse().unwrap(), Arc::new(conn));
    request.headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
    let response = match entry_point::find(&snapshot.entry_points[place], &request) {
        Some(router) => router.run(request).await,
        None => entry_point::not_found(),
    };
    let field = |name: &str| response.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (backend, location, status) = (field("x-backend"), field("location"), response.status.as_u16());
    let body = response.body.collect(1 << 20).await.unwrap();
    Answer::new(status, backend.as_deref(), location.as_deref(), &body)
}

#[test]
fn a_thousand_changes_lead_where_a_fresh_start_does() {
    let backends = ["one", "two", "three"].map(Backend::named);
    let urls = backends.each_ref().map(Backend::url);
    let statics: Arc<Static> = Arc::new(statics());
    let place = statics.entry_points.keys().position(|name| &**name == "web").unwrap();
    let running = Running::start("");
    let mut stream = connect(running.addr);
    let mut random = SmallRng::seed_from_u64(SEED);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut world, mut said) = (World::default(), decode(""));
    let mut statuses = std::collections::BTreeMap::new();
    for change in 0..CHANGES {
        world.change(&mut random, &urls);
        let text = world.text();
        let dynamic = decode(&text);
        // What means the same is no change.
        if *dynamic != *said {
            running.apply(&text);
        }
        said = dynamic;
        let snapshot = {
            let _entered = runtime.enter();
            offline::snapshot(&statics, &[("file", Arc::clone(&said))], &[], Findings::new())
        };
        for probe in PROBES.sample(&mut random, PROBES_EACH).copied() {
            let expected = runtime.block_on(fresh(&snapshot, place, probe));
            let answer = live(&mut stream, probe);
            assert_eq!(answer, expected, "change {change}, {probe:?} with\n{text}");
            *statuses.entry(answer.status).or_insert(0) += 1;
        }
    }
    // The changes were about something.
    assert!(
        [200, 302, 404].iter().all(|status| statuses.get(status).is_some_and(|count| *count > 20)),
        "{statuses:?}"
    );
    assert!(running.shared.endpoints.len() <= world.services.len() + 1);
    let series = running.shared.metrics.text().lines().count();
    running.apply("http: {middlewares: {last: {addPrefix: {prefix: /}}}}");
    eventually(
        "endpoints",
        || {
            running.shared.endpoints.sweep();
            running.shared.endpoints.len()
        },
        0,
    );
    assert!(series < 2000, "{series} lines of metrics");
}
