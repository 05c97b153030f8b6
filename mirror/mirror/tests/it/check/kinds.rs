//! Registries and package archives.

use std::io::Write as _;

use fairlead_mirror::check::{
    AlpineOptions, CheckOptions, DebianOptions, Kind, OciOptions, Reason, State, Status,
};
use sha2::{Digest as _, Sha256};

use super::stage::{options, reasons, verdict};
use crate::fake::{Fake, Reply, Seen};

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of(kind: Kind) -> CheckOptions {
    CheckOptions { kind, probes: 1, ..options() }
}

const MANIFEST: &str = r#"{"schemaVersion":2}"#;

/// A registry that gives tokens to anybody.
async fn registry() -> Fake {
    let auth = Fake::always(Reply::ok(r#"{"token":"t0k"}"#)).await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"registry.test\"", auth.url);
    Fake::new(move |seen: &Seen| match seen.path.as_str() {
        "/v2/" => Reply::text(401, "{}").with("WWW-Authenticate", realm.clone()),
        "/v2/library/app/manifests/1.0" if seen.header("authorization") == Some("Bearer t0k") => {
            Reply::ok(MANIFEST).with("Docker-Content-Digest", format!("sha256:{}", hex(MANIFEST.as_bytes())))
        }
        "/v2/library/app/manifests/2.0" => {
            Reply::ok("{}").with("Docker-Content-Digest", format!("sha256:{}", hex(MANIFEST.as_bytes())))
        }
        _ => Reply::text(404, "{}"),
    })
    .await
}

#[tokio::test]
async fn a_registry_answers_with_a_challenge_and_a_manifest() {
    let registry = registry().await;
    let with =
        |image: &str| CheckOptions { oci: OciOptions { image: Some(image.to_owned()) }, ..of(Kind::Oci) };
    let good = verdict(&registry.url, &with("library/app:1.0")).await;
    assert_eq!((good.state, good.exit_code), (State::Active, 0), "{good:#?}");
    let other = verdict(&registry.url, &with("library/app:2.0")).await;
    assert_eq!((other.exit_code, reasons(&other).last()), (3, Some(&Reason::DigestMismatch)), "{other:#?}");
    let missing = verdict(&registry.url, &with("library/none")).await;
    assert_eq!((missing.exit_code, reasons(&missing).last()), (2, Some(&Reason::HttpStatus)));
}

#[tokio::test]
async fn what_is_no_registry_is_found_out() {
    let unauthorized = || Reply::text(401, "{}");
    for (reply, reason) in [
        (unauthorized(), Reason::Protocol),
        (unauthorized().with("WWW-Authenticate", "Bearer realm=\"nowhere\""), Reason::Protocol),
        (Reply::html(), Reason::Portal),
        (Reply::text(404, "not found"), Reason::HttpStatus),
        (Reply::text(503, "busy").with("Retry-After", "99"), Reason::Syncing),
        (Reply::text(502, "bad gateway").with("Via", "1.1 edge"), Reason::EdgeOrigin),
    ] {
        let fake = Fake::always(reply).await;
        let verdict = verdict(&fake.url, &of(Kind::Oci)).await;
        assert_eq!((reasons(&verdict), verdict.exit_code), (vec![reason], 2), "{verdict:#?}");
    }
    let open = Fake::always(Reply::ok("{}")).await;
    assert_eq!(verdict(&open.url, &of(Kind::Oci)).await.exit_code, 0);
    let basic = Fake::always(Reply::text(401, "").with("WWW-Authenticate", "Basic realm=\"x\"")).await;
    assert_eq!(verdict(&basic.url, &of(Kind::Oci)).await.exit_code, 0);
}

const PACKAGES: &[u8] = b"not looked into";

fn release(suite: &str, until: &str) -> String {
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: {suite}\nCodename: trixie\n\
         Date: Sat, 09 Nov 2024 10:11:12 UTC\n{until}Components: main\nSHA256:\n {} {} main/binary-amd64/Packages.gz\n\
         -----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n",
        hex(PACKAGES),
        PACKAGES.len()
    )
}

async fn archive(release: String, packages: Reply) -> Fake {
    Fake::new(move |seen: &Seen| match seen.path.as_str() {
        "/debian/dists/stable/InRelease" => Reply::ok(release.clone()),
        "/debian/dists/stable/main/binary-amd64/Packages.gz" => packages.clone(),
        _ => Reply::text(404, "not found"),
    })
    .await
}

#[tokio::test]
async fn an_archive_has_what_its_release_names() {
    let good = || Reply::ok(PACKAGES);
    let expired = "Valid-Until: Sun, 10 Nov 2024 10:11:12 UTC\n";
    let far = "Valid-Until: Tue, 10 Nov 2099 10:11:12 UTC\n";
    for (release, packages, reason, exit_code) in [
        (release("stable", far), good(), Reason::Valid, 0),
        (release("stable", ""), good(), Reason::Valid, 0),
        (release("stable", expired), good(), Reason::Expired, 2),
        (release("testing", ""), good(), Reason::Protocol, 2),
        ("Suite: stable\n".to_owned(), good(), Reason::Protocol, 2),
        (release("stable", ""), Reply::text(404, ""), Reason::MetadataLag, 2),
        (release("stable", ""), Reply::ok("something else"), Reason::DigestMismatch, 3),
    ] {
        let fake = archive(release, packages).await;
        let verdict = verdict(&format!("{}/debian/", fake.url), &of(Kind::Debian)).await;
        assert_eq!((reasons(&verdict).last(), verdict.exit_code), (Some(&reason), exit_code), "{verdict:#?}");
    }
}

#[tokio::test]
async fn a_signature_that_cannot_be_checked_is_not_called_good() {
    let fake = archive(release("stable", ""), Reply::ok(PACKAGES)).await;
    let folder = tempfile::tempdir().unwrap();
    let keyring = folder.path().join("empty.gpg");
    std::fs::write(&keyring, "").unwrap();
    let debian = DebianOptions { keyring: Some(keyring), ..DebianOptions::default() };
    let options = CheckOptions { debian, strict: true, ..of(Kind::Debian) };
    let verdict = verdict(&format!("{}/debian", fake.url), &options).await;
    assert!(matches!(verdict.exit_code, 3 | 4), "{verdict:#?}");
    let layer = verdict.layers.iter().find(|layer| layer.name == "signature").unwrap();
    assert!(matches!(layer.status, Status::Warning | Status::Failed), "{layer:?}");
}

#[tokio::test]
async fn an_alpine_mirror_has_an_index() {
    let broken = Fake::new(|seen: &Seen| match seen.path.as_str() {
        "/alpine/v3.20/main/x86_64/APKINDEX.tar.gz" => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(b"no tar").unwrap();
            Reply::ok(gzip.finish().unwrap())
        }
        "/html/v3.20/main/x86_64/APKINDEX.tar.gz" => Reply::html(),
        _ => Reply::text(404, "not found"),
    })
    .await;
    let alpine = AlpineOptions { repository: "v3.20/main".to_owned(), ..AlpineOptions::default() };
    let options = CheckOptions { alpine, ..of(Kind::Alpine) };
    for (folder, reason) in
        [("alpine", Reason::Protocol), ("html", Reason::Portal), ("none", Reason::HttpStatus)]
    {
        let verdict = verdict(&format!("{}/{folder}", broken.url), &options).await;
        assert_eq!((reasons(&verdict), verdict.exit_code), (vec![reason], 2), "{verdict:#?}");
    }
}

#[tokio::test]
async fn an_alpine_index_is_held_against_the_keys() {
    const INDEX: &[u8] = include_bytes!("../../fixtures/alpine/APKINDEX.tar.gz");
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alpine");
    let empty = tempfile::tempdir().unwrap();
    let mut flipped = INDEX.to_vec();
    // The time in the last member's head: the packages are the same, the bytes are not.
    let at = INDEX.windows(3).rposition(|window| window == [0x1f, 0x8b, 8]).unwrap() + 4;
    flipped[at] ^= 1;
    for (index, keys, status, exit_code) in [
        (INDEX.to_vec(), Some(fixtures.clone()), Status::Ok, 0),
        (INDEX.to_vec(), None, Status::Skipped, 0),
        (INDEX.to_vec(), Some(empty.path().to_owned()), Status::Failed, 3),
        (flipped, Some(fixtures), Status::Failed, 3),
    ] {
        let mirror = Fake::always(Reply::ok(index)).await;
        let alpine = AlpineOptions { keys, ..AlpineOptions::default() };
        let verdict = verdict(&mirror.url, &CheckOptions { alpine, ..of(Kind::Alpine) }).await;
        let layer = verdict.layers.iter().find(|layer| layer.name == "signature").unwrap();
        assert_eq!((layer.status, verdict.exit_code), (status, exit_code), "{verdict:#?}");
    }
}
