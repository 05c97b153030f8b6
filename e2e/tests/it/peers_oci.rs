//! Docker's registry: open, behind a password, as a pull-through cache, and with a manifest that somebody changed.

use std::net::SocketAddr;
use std::path::PathBuf;

use fairlead_e2e::{Answer, Ask, Subject, ask, eventually};
use fairlead_testkit::Dir;

use crate::peers::{Checked, Site, check, tool, word_after};

/// `{}`, and its digest: the empty configuration that the image specification names.
const EMPTY: (&str, &str) = ("{}", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `open-sesame`, as bcrypt has it.
const HTPASSWD: &str = "ali:$2y$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n";

struct Registry {
    url: String,
    addr: SocketAddr,
    /// Where its blobs are.
    blobs: PathBuf,
    #[expect(dead_code, reason = "held so that it lives, and dropped to stop it")]
    server: Subject,
}

impl Registry {
    /// One called `name` in `dir`; `more` is further YAML of its configuration.
    async fn start(dir: &Dir, name: &str, more: &str) -> Registry {
        let root = dir.join(name);
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{more}",
            root.display()
        );
        let config = dir.write(&format!("{name}.yml"), text);
        let mut command = tool("docker-registry", "docker-registry");
        command.arg("serve").arg(config);
        let server = Subject::spawn(command, &dir.join(&format!("{name}.log"))).unwrap();
        let addr = eventually(async || word_after(&server, "listening on ")).await.unwrap();
        let blobs = root.join("docker/registry/v2/blobs/sha256");
        Registry { url: format!("http://{addr}"), addr: addr.parse().unwrap(), blobs, server }
    }

    /// Pushes an image without layers as `team/app:v1`, and gives the digest of its manifest.
    async fn push(&self) -> String {
        let started = self.ask("POST", "/v2/team/app/blobs/uploads/", "", "").await;
        assert_eq!(started.status, 202, "{started}");
        let location = started.header("location").next().unwrap().to_owned();
        let upload = format!("{location}&digest={}", EMPTY.1);
        let stored =
            self.ask("PUT", upload.trim_start_matches(&self.url), "application/octet-stream", EMPTY.0).await;
        assert_eq!(stored.status, 201, "{stored}");
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":2}},"layers":[]}}"#,
            EMPTY.1
        );
        let pushed = self.ask("PUT", "/v2/team/app/manifests/v1", OCI_MANIFEST, &manifest).await;
        assert_eq!(pushed.status, 201, "{pushed}");
        pushed.header("docker-content-digest").next().unwrap().to_owned()
    }

    async fn ask(&self, method: &str, target: &str, kind: &str, body: &str) -> Answer {
        let mut asked = Ask::parse(&format!("{method} {}{target}", self.url)).unwrap();
        if !kind.is_empty() {
            asked = asked.header("Content-Type", kind);
        }
        asked.body = body.into();
        ask(self.addr, &asked).await.unwrap()
    }
}

fn check_oci(dir: &Dir, url: &str, more: &[&str]) -> Option<Checked> {
    check(dir, &[], &[&["--kind=oci", url], more].concat())
}

#[tokio::test]
async fn an_open_registry_is_valid_and_its_image_has_its_digest() {
    let dir = Dir::new();
    let registry = Registry::start(&dir, "registry", "").await;
    let digest = registry.push().await;
    let Some(plain) = check_oci(&dir, &registry.url, &["--strict"]) else { return };
    assert_eq!((plain.code, plain.state()), (Some(0), "ACTIVE"), "{plain:?}");
    let by_tag = check_oci(&dir, &registry.url, &["--image=team/app:v1"]).unwrap();
    assert_eq!(by_tag.code, Some(0), "{by_tag:?}");
    assert_eq!(by_tag.evidence("image team/app:v1", "digest"), Some(&*digest));
    assert_ne!(by_tag.leg("content"), "holds", "a tag pins nothing");
    let image = format!("team/app@{digest}");
    let by_digest = check_oci(&dir, &registry.url, &["--trust=content", "--image", &image]).unwrap();
    assert_eq!((by_digest.code, by_digest.leg("content")), (Some(0), "holds"), "{by_digest:?}");
    let absent = check_oci(&dir, &registry.url, &["--image=team/app:v2"]).unwrap();
    assert_eq!((absent.code, absent.reason()), (Some(2), "http-status"), "{absent:?}");
}

#[tokio::test]
async fn a_pull_through_cache_gives_the_same_image_even_when_its_origin_is_gone() {
    let dir = Dir::new();
    let origin = Registry::start(&dir, "origin", "").await;
    let digest = origin.push().await;
    let more = format!("proxy: {{remoteurl: '{}'}}\n", origin.url);
    let mirror = Registry::start(&dir, "mirror", &more).await;
    let image = format!("team/app@{digest}");
    let Some(cold) = check_oci(&dir, &mirror.url, &["--image", &image]) else { return };
    assert_eq!((cold.code, cold.leg("content")), (Some(0), "holds"), "{cold:?}");
    drop(origin);
    let warm = check_oci(&dir, &mirror.url, &["--image", &image]).unwrap();
    assert_eq!((warm.code, warm.leg("content")), (Some(0), "holds"), "{warm:?}");
}

#[tokio::test]
async fn a_registry_behind_a_password_is_valid_and_opens_to_who_knows_it() {
    let dir = Dir::new();
    let open = Registry::start(&dir, "registry", "").await;
    let digest = open.push().await;
    drop(open);
    let users = dir.write("htpasswd", HTPASSWD);
    let more = format!("auth: {{htpasswd: {{realm: team, path: {}}}}}\n", users.display());
    // The same storage behind a password.
    let registry = Registry::start(&dir, "registry", &more).await;
    let image = "--image=team/app:v1";
    let Some(stranger) = check_oci(&dir, &registry.url, &["--strict"]) else { return };
    assert_eq!((stranger.code, stranger.state()), (Some(0), "ACTIVE"), "{stranger:?}");
    let refused = check_oci(&dir, &registry.url, &[image]).unwrap();
    assert_eq!((refused.code, refused.evidence("image team/app:v1", "digest")), (Some(0), None));
    assert_eq!((refused.state(), refused.reason()), ("DEGRADED", "unverified"), "{refused:?}");
    dir.write(".netrc", format!("machine {} login ali password open-sesame\n", registry.addr.ip()));
    let known = check_oci(&dir, &registry.url, &["--strict", image]).unwrap();
    assert_eq!(known.code, Some(0), "{known:?}");
    assert_eq!(known.evidence("image team/app:v1", "digest"), Some(&*digest));
    let told = format!("{known:?}");
    assert!(!told.contains("sesame") && !told.contains("YWxpOm"), "{told}");
}

#[tokio::test]
async fn a_manifest_that_was_changed_on_disk_is_not_trusted() {
    let dir = Dir::new();
    let registry = Registry::start(&dir, "registry", "").await;
    let digest = registry.push().await;
    let hex = digest.trim_start_matches("sha256:");
    let file = registry.blobs.join(&hex[..2]).join(hex).join("data");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(r#""layers":[]"#, r#""layers":[ ]"#)).unwrap();
    for image in ["team/app:v1", &format!("team/app@{digest}")] {
        let Some(checked) = check_oci(&dir, &registry.url, &["--image", image]) else { return };
        assert_eq!((checked.code, checked.reason()), (Some(3), "digest-mismatch"), "{checked:?}");
        assert_eq!(checked.state(), "UNTRUSTED");
    }
}

#[tokio::test]
async fn a_page_is_no_registry() {
    let dir = Dir::new();
    dir.write("public/v2/index.html", "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n");
    let site = Site::start(&dir).await;
    let Some(page) = check_oci(&dir, &site.url, &[]) else { return };
    assert_eq!((page.code, page.reason()), (Some(2), "portal"), "{page:?}");
}
