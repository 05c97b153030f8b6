//! nginx: ten servers with two prefix locations each.

use std::path::PathBuf;

use anyhow::Result;

use super::Site;
use crate::workload::{PREFIXES, hosts};

/// Hop-by-hop headers are cleared by name: nginx has no way to drop those that `Connection` lists.
const PROXYING: &str = r#"
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    proxy_set_header Keep-Alive "";
    proxy_set_header Proxy-Connection "";
    proxy_set_header TE "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Port $server_port;
"#;

/// Writes the configuration. Buffers hold a 100 KB body, so that nothing goes through files.
pub(super) fn configure(site: &Site<'_>) -> Result<PathBuf> {
    let folder = site.folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {folder}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 16384;\npid {folder}/nginx.pid;\n\
         error_log stderr error;\nevents {{ worker_connections 8192; }}\nhttp {{\n{temporary}    access_log off;\n\
         \x20   keepalive_timeout 180s;\n    keepalive_requests 1000000000;\n\
         \x20   proxy_buffers 8 16k;\n    proxy_max_temp_file_size 0;\n{PROXYING}\
         \x20   ssl_certificate {};\n    ssl_certificate_key {};\n    ssl_protocols TLSv1.3;\n{}\
         \x20   server {{\n        {}        return 404;\n    }}\n{}}}\n",
        site.ground.certificate.display(),
        site.ground.key.display(),
        upstreams(site),
        listen(site, " default_server"),
        servers(site),
    );
    site.write("nginx.conf", &text)
}

fn listen(site: &Site<'_>, default: &str) -> String {
    format!(
        "listen 127.0.0.1:{}{default};\n        listen 127.0.0.1:{}{default} ssl http2;\n",
        site.plain, site.tls
    )
}

fn upstreams(site: &Site<'_>) -> String {
    let one = |(prefix, port): (&str, u16)| {
        format!(
            "    upstream {} {{ server 127.0.0.1:{port}; keepalive 512; keepalive_requests 1000000000; }}\n",
            prefix.trim_start_matches('/')
        )
    };
    PREFIXES.into_iter().zip(site.ground.backends).map(one).collect()
}

fn servers(site: &Site<'_>) -> String {
    let locations: String = PREFIXES
        .map(|prefix| format!("        location {prefix} {{ proxy_pass http:/{prefix}; }}\n"))
        .concat();
    let listen = listen(site, "");
    hosts()
        .map(|host| {
            format!("    server {{\n        {listen}        server_name {host};\n{locations}    }}\n")
        })
        .collect()
}
