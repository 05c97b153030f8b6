//! The work that every proxy does: twenty routes, and requests with the headers of a browser.

/// Path prefixes of the routes; each has a backend of its own.
pub(crate) const PREFIXES: [&str; 2] = ["/api", "/assets"];

const HOSTS: usize = 10;

/// The hosts of the routes; host × prefix gives twenty routes.
pub(crate) fn hosts() -> impl Iterator<Item = String> {
    (0..HOSTS).map(|number| format!("app{number}.example.com"))
}

/// One of the routes.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Its host name.
    pub(crate) host: String,
    /// Its place in [`PREFIXES`].
    pub(crate) prefix: usize,
}

impl Route {
    /// Its path prefix.
    pub(crate) fn path_prefix(&self) -> &'static str {
        PREFIXES[self.prefix]
    }

    /// A path that it matches, with the query that asks the backend for a body.
    pub(crate) fn path(&self, query: &str) -> String {
        format!("{}/v1/orders/1048?page=2{query}", self.path_prefix())
    }
}

/// All routes.
pub(crate) fn routes() -> Vec<Route> {
    let of = |host: String| (0..PREFIXES.len()).map(move |prefix| Route { host: host.clone(), prefix });
    hosts().flat_map(of).collect()
}

/// The headers of a request beside `Host`, six of them.
pub(crate) const HEADERS: [(&str, &str); 6] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-GB,en;q=0.7,de;q=0.3"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "https://app0.example.com/orders"),
    ("Cookie", "session=b1946ac92492d2347c6235b4d2611184; theme=dark; consent=necessary"),
];

/// A request to a route, as bytes on the wire; `extra` are whole header lines with their line ends.
pub(crate) fn request(route: &Route, query: &str, extra: &str) -> String {
    let mut text = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", route.path(query), route.host);
    for (name, value) in HEADERS {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + extra + "\r\n"
}

/// A wrk script that goes round all routes.
pub(crate) fn wrk_script(query: &str, extra: &str) -> String {
    wrk_script_of(routes().iter().map(|route| request(route, query, extra)))
}

/// A wrk script that goes round some requests. They are made once, so that the generator spends its time on sending
/// them.
pub(crate) fn wrk_script_of(requests: impl IntoIterator<Item = String>) -> String {
    let quote = |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").replace("\r\n", "\\r\\n");
    let mut script = "local requests = {\n".to_owned();
    for request in requests {
        script.push_str(&format!("  \"{}\",\n", quote(request)));
    }
    script
        + "}\nlocal turn = 0\n\
           request = function()\n  turn = turn % #requests + 1\n  return requests[turn]\nend\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_routes_and_requests_of_a_browsers_size() {
        let routes = routes();
        assert_eq!(routes.len(), 20);
        for route in routes {
            let size = request(&route, "", "").len();
            assert!((400..=480).contains(&size), "{size}");
        }
    }

    #[test]
    fn the_script_holds_one_line_for_each_route() {
        let script = wrk_script("&bytes=10240", "Connection: close\r\n");
        assert_eq!(script.matches("bytes=10240 HTTP/1.1\\r\\nHost: app").count(), 20);
        assert_eq!(script.matches("Connection: close\\r\\n\\r\\n\",").count(), 20);
    }
}
