//! A Debian archive of one package, made by `apt-ftparchive` and signed by `gpg`, on a plain web server.

use std::process::Command;

use fairlead_testkit::Dir;

use crate::peers::{Checked, Site, check, fairlead, output, tool};

const PACKAGES: &str = "public/dists/trixie/main/binary-amd64/Packages.gz";
const RELEASE: &str = "public/dists/trixie/InRelease";
const USER: &str = "Archive <archive@debian.example>";

/// The archive, with the home of its key.
struct Archive {
    dir: Dir,
}

impl Archive {
    /// One that is as it should be.
    fn new() -> Archive {
        let archive = Archive { dir: Dir::new() };
        let control = "Package: hello\nVersion: 1.0\nArchitecture: amd64\nMaintainer: A <a@debian.example>\nDescription: greets\n";
        archive.dir.write("hello/DEBIAN/control", control);
        archive.dir.write("public/pool/.keep", "");
        let [from, to] = ["hello", "public/pool/hello_1.0_amd64.deb"].map(|name| archive.dir.join(name));
        output(tool("dpkg-deb", "dpkg").args(["--root-owner-group", "--build"]).arg(from).arg(to));
        let packages = output(archive.ftparchive().args(["packages", "pool"]));
        let plain = archive.dir.write(PACKAGES.trim_end_matches(".gz"), packages);
        output(tool("gzip", "gzip").arg("-kn").arg(plain));
        archive.key("gnupg");
        archive.sign(&[]);
        archive
    }

    /// Makes the release anew, with further fields, and signs it.
    fn sign(&self, more: &[(&str, &str)]) {
        let mut command = self.ftparchive();
        for (name, value) in
            [("Suite", "stable"), ("Codename", "trixie"), ("Components", "main")].iter().chain(more)
        {
            command.arg("-o").arg(format!("APT::FTPArchive::Release::{name}={value}"));
        }
        let _ = std::fs::remove_file(self.dir.join(RELEASE));
        let release = self.dir.write("Release", output(command.args(["release", "dists/trixie"])));
        output(self.gpg("gnupg").arg("--output").arg(self.dir.join(RELEASE)).arg("--clearsign").arg(release));
    }

    /// Makes a key in a home of its own, and gives its public half as a keyring.
    fn key(&self, home: &str) -> String {
        let keyring = self.dir.join(&format!("{home}.gpg"));
        self.dir.write(&format!("{home}/gpg-agent.conf"), "");
        output(self.gpg(home).args([
            "--passphrase",
            "",
            "--quick-generate-key",
            USER,
            "ed25519",
            "sign",
            "never",
        ]));
        output(self.gpg(home).arg("--output").arg(&keyring).arg("--export"));
        keyring.display().to_string()
    }

    fn gpg(&self, home: &str) -> Command {
        // gpg starts it by itself, and says nothing useful where it is not there.
        tool("gpg-agent", "gpg-agent");
        let mut command = tool("gpg", "gpg");
        command.args(["--batch", "--quiet", "--no-permission-warning", "--homedir"]).arg(self.dir.join(home));
        command
    }

    fn ftparchive(&self) -> Command {
        let mut command = tool("apt-ftparchive", "apt-utils");
        command.current_dir(self.dir.join("public"));
        command
    }

    fn keyring(&self) -> String {
        self.dir.join("gnupg.gpg").display().to_string()
    }

    /// Changes one of its files.
    fn edit(&self, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let content = std::fs::read(self.dir.join(name)).unwrap();
        self.dir.write(name, change(content));
    }

    fn check(&self, site: &Site, suite: &str, keyring: Option<&str>) -> Option<Checked> {
        tool("gpgv", "gpgv");
        let (suite, keyring) = (format!("--suite={suite}"), keyring.map(|path| format!("--keyring={path}")));
        let mut arguments = vec!["--kind=debian", "--strict", &site.url, &suite];
        arguments.extend(keyring.as_deref());
        check(&self.dir, &[], &arguments)
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        for home in ["gnupg", "stranger"] {
            let home = self.dir.join(home);
            // An agent also ends by itself, once it sees that its home is gone.
            let _ = Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "gpg-agent"]).status();
        }
    }
}

#[tokio::test]
async fn a_signed_archive_is_valid_by_suite_and_by_codename() {
    let archive = Archive::new();
    let site = Site::start(&archive.dir).await;
    // A mirror has a folder for each name.
    std::os::unix::fs::symlink("trixie", archive.dir.join("public/dists/stable")).unwrap();
    for suite in ["trixie", "stable"] {
        let Some(plain) = archive.check(&site, suite, None) else { return };
        assert_eq!((plain.code, plain.state()), (Some(0), "ACTIVE"), "{plain:?}");
        assert_eq!((plain.layer("signature"), plain.leg("content")), ("skipped", "unknown"), "{plain:?}");
        let path = format!("dists/{suite}/main/binary-amd64/Packages.gz");
        assert_eq!(plain.evidence("index", "path"), Some(&*path));
        let signed = archive.check(&site, suite, Some(&archive.keyring())).unwrap();
        assert_eq!((signed.code, signed.leg("content")), (Some(0), "holds"), "{signed:?}");
        assert!(signed.evidence("signature", "gpgv").unwrap().ends_with(USER), "{signed:?}");
    }
    let other = archive.check(&site, "bookworm", None).unwrap();
    assert_eq!((other.code, other.reason()), (Some(2), "http-status"), "{other:?}");
}

#[tokio::test]
async fn an_archive_is_in_its_time_or_refused_as_clients_refuse_it() {
    let archive = Archive::new();
    let site = Site::start(&archive.dir).await;
    for (until, code, reason) in [
        ("Sat, 01 Jan 2022 00:00:00 UTC", 2, "expired"),
        ("Fri, 01 Jan 2100 00:00:00 UTC", 0, "valid"),
        ("soon", 2, "protocol"),
    ] {
        // Without a period the program does not write the field.
        archive.sign(&[("ValidTime", "1"), ("Valid-Until", until)]);
        let Some(checked) = archive.check(&site, "trixie", Some(&archive.keyring())) else { return };
        assert_eq!((checked.code, checked.reason()), (Some(code), reason), "{until}: {checked:?}");
    }
}

#[tokio::test]
async fn an_index_that_is_another_one_is_told_from_one_that_is_late() {
    let archive = Archive::new();
    let site = Site::start(&archive.dir).await;
    archive.edit(PACKAGES, |mut content| {
        let middle = content.len() / 2;
        content[middle] ^= 1;
        content
    });
    let Some(tampered) = archive.check(&site, "trixie", None) else { return };
    assert_eq!((tampered.code, tampered.reason()), (Some(3), "digest-mismatch"), "{tampered:?}");
    assert_eq!(tampered.state(), "UNTRUSTED");
    archive.dir.remove(PACKAGES);
    let late = archive.check(&site, "trixie", None).unwrap();
    assert_eq!((late.code, late.reason(), late.state()), (Some(2), "metadata-lag", "DOWN"), "{late:?}");
}

#[tokio::test]
async fn a_release_that_somebody_else_signed_or_changed_is_not_trusted() {
    let archive = Archive::new();
    let site = Site::start(&archive.dir).await;
    let foreign = archive.key("stranger");
    let Some(unknown) = archive.check(&site, "trixie", Some(&foreign)) else { return };
    assert_eq!((unknown.code, unknown.reason()), (Some(3), "bad-signature"), "{unknown:?}");
    archive.edit(RELEASE, |content| {
        String::from_utf8(content).unwrap().replace("Suite: stable", "Suite: stale").into()
    });
    let changed = archive.check(&site, "trixie", Some(&archive.keyring())).unwrap();
    assert_eq!((changed.code, changed.reason()), (Some(3), "bad-signature"), "{changed:?}");
    assert_eq!(changed.state(), "UNTRUSTED");
    archive.edit(RELEASE, |_| b"<!DOCTYPE html>\n<html><body>Index of /debian</body></html>\n".to_vec());
    let page = archive.check(&site, "trixie", None).unwrap();
    assert_eq!((page.code, page.reason()), (Some(2), "portal"), "{page:?}");
}

#[tokio::test]
async fn what_is_no_keyring_accuses_nobody() {
    let archive = Archive::new();
    let armoured = archive.dir.join("archive.asc");
    output(archive.gpg("gnupg").arg("--output").arg(&armoured).args(["--armor", "--export"]));
    let empty = archive.dir.write("empty.gpg", "");
    for keyring in [armoured, empty, archive.dir.join("none.gpg")] {
        let Some(mut command) = fairlead(&archive.dir) else { return };
        let keyring = format!("--keyring={}", keyring.display());
        let output =
            command.args(["mirror", "check", "--kind=debian", &keyring, "http://127.0.0.1:1"]).output();
        let (output, usage) = (output.unwrap(), Some(64));
        assert_eq!(output.status.code(), usage, "{keyring}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
