//! Traefik and Fairlead: one static file and a watched folder of dynamic files, the same text for both.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::Site;
use crate::workload::{PREFIXES, routes as all_routes};

/// The folder of dynamic files within the site's folder.
pub(crate) const DYNAMIC: &str = "dynamic";

/// Writes the static file, and the dynamic files by name and text. Returns the path of the static file.
pub(crate) fn configure(site: &Site<'_>, files: &[(&str, String)]) -> Result<PathBuf> {
    let dynamic = site.folder.join(DYNAMIC);
    fs::create_dir(&dynamic)?;
    for (name, text) in files {
        fs::write(dynamic.join(name), text)?;
    }
    let text = format!(
        "global:\n  checkNewVersion: false\n  sendAnonymousUsage: false\n\
         entryPoints:\n  web:\n    address: \"127.0.0.1:{}\"\n  websecure:\n    address: \"127.0.0.1:{}\"\n    http:\n      tls: {{}}\n\
         providers:\n  file:\n    directory: \"{}\"\n    watch: true\n\
         log:\n  level: ERROR\n",
        site.plain,
        site.tls,
        dynamic.display(),
    );
    site.write("static.yml", &text)
}

/// The dynamic file of the twenty routes, with the certificate.
pub(crate) fn routes(site: &Site<'_>) -> String {
    let mut text = "http:\n  routers:\n".to_owned();
    for (number, route) in all_routes().iter().enumerate() {
        let (host, prefix) = (&route.host, route.path_prefix());
        text.push_str(&router(&format!("route{number}"), host, prefix, prefix.trim_start_matches('/')));
    }
    text.push_str("  services:\n");
    for (prefix, port) in PREFIXES.into_iter().zip(site.ground.backends) {
        text.push_str(&service(prefix.trim_start_matches('/'), port));
    }
    text + &tls(site)
}

/// One router of a dynamic file. It names both entry points by leaving them out.
pub(crate) fn router(name: &str, host: &str, prefix: &str, service: &str) -> String {
    format!(
        "    {name}:\n      rule: \"Host(`{host}`) && PathPrefix(`{prefix}`)\"\n      service: {service}\n"
    )
}

/// One service of a dynamic file.
pub(crate) fn service(name: &str, port: u16) -> String {
    format!(
        "    {name}:\n      loadBalancer:\n        servers:\n          - url: \"http://127.0.0.1:{port}\"\n"
    )
}

fn tls(site: &Site<'_>) -> String {
    let ground = site.ground;
    let (certificate, key) = (ground.certificate.display(), ground.key.display());
    format!(
        "tls:\n  certificates:\n    - certFile: \"{certificate}\"\n      keyFile: \"{key}\"\n\
         \x20 stores:\n    default:\n      defaultCertificate:\n        certFile: \"{certificate}\"\n        keyFile: \"{key}\"\n\
         \x20 options:\n    default:\n      minVersion: VersionTLS13\n"
    )
}
