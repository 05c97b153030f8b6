//! HAProxy: one look-up of host and path in a prefix map, its cheapest way to route.

use std::path::PathBuf;

use anyhow::Result;

use super::Site;
use crate::workload::{PREFIXES, routes};

/// Writes the configuration and the map. Hop-by-hop headers are deleted by name: HAProxy itself drops
/// `Connection`, not what it lists.
pub(super) fn configure(site: &Site<'_>) -> Result<PathBuf> {
    let name = |prefix: &str| prefix.trim_start_matches('/').to_owned();
    let lines: String = routes()
        .iter()
        .map(|route| format!("{}{} {}\n", route.host, route.path_prefix(), name(route.path_prefix())))
        .collect();
    let map = site.write("routes.map", &lines)?;
    let backends: String = PREFIXES
        .into_iter()
        .zip(site.ground.backends)
        .map(|(prefix, port)| format!("backend {}\n  server one 127.0.0.1:{port}\n", name(prefix)))
        .collect();
    let text = format!(
        "global\n  nbthread 1\n  maxconn 7000\n\
         defaults\n  mode http\n  http-reuse always\n  timeout connect 5s\n  timeout client 180s\n\
         \x20 timeout server 60s\n  timeout http-keep-alive 180s\n  timeout http-request 30s\n\
         frontend web\n  bind 127.0.0.1:{}\n\
         \x20 bind 127.0.0.1:{} ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3\n\
         \x20 option forwardfor\n  http-request del-header Keep-Alive\n  http-request del-header Proxy-Connection\n\
         \x20 http-request del-header TE\n\
         \x20 http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}\n\
         \x20 http-request set-header X-Forwarded-Proto http if !{{ ssl_fc }}\n\
         \x20 http-request set-header X-Forwarded-Host %[req.hdr(host)]\n\
         \x20 http-request set-header X-Forwarded-Port %[dst_port]\n\
         \x20 use_backend %[base,map_beg({},none)]\n  default_backend none\n\
         backend none\n  http-request return status 404\n{backends}",
        site.plain,
        site.tls,
        site.ground.bundle.display(),
        map.display(),
    );
    site.write("haproxy.cfg", &text)
}
