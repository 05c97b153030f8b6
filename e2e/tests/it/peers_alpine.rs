//! An Alpine mirror: an index as `apk index` and `abuild-sign` make it, on a plain web server.

use fairlead_testkit::Dir;

use crate::peers::{Checked, Site, check, output, tool};

/// Two gzip members: a tar without its end that holds the signature, and the tar of the index.
const MAKE_INDEX: &str = r#"
import gzip, io, sys, tarfile
def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text), 1700000000.5
            archive.addfile(info, io.BytesIO(text))
    return out.getvalue()
packages = b"".join(b"C:Q1AAAA=\nP:package-%d\nV:1.%d-r0\nA:x86_64\nS:1\nI:2\n\n" % (n, n) for n in range(2000))
index = tar([("DESCRIPTION", b"v3.20.0-1-gabc"), ("APKINDEX", packages)])
if sys.argv[1] == "signed":
    signature = tar([(".SIGN.RSA.alpine-devel@lists.alpinelinux.org-4a6a0840.rsa.pub", bytes(range(256)))])
    sys.stdout.buffer.write(gzip.compress(signature.rstrip(b"\0").ljust(-(-len(signature.rstrip(b"\0")) // 512) * 512, b"\0")))
sys.stdout.buffer.write(gzip.compress(index))
"#;
const INDEX: &str = "public/alpine/v3.20/main/x86_64/APKINDEX.tar.gz";

fn index(kind: &str) -> Vec<u8> {
    output(tool("python3", "python3").args(["-c", MAKE_INDEX, kind]))
}

fn check_alpine(dir: &Dir, site: &Site) -> Option<Checked> {
    let url = format!("{}/alpine", site.url);
    check(dir, &[], &["--kind=alpine", "--repository=v3.20/main", "--strict", &url])
}

#[tokio::test]
async fn a_signed_index_is_valid_and_its_packages_are_counted() {
    let dir = Dir::new();
    dir.write(INDEX, index("signed"));
    let site = Site::start(&dir).await;
    let Some(checked) = check_alpine(&dir, &site) else { return };
    assert_eq!((checked.code, checked.state()), (Some(0), "ACTIVE"), "{checked:?}");
    assert_eq!(checked.evidence("index", "packages"), Some("2000"));
    assert_eq!(checked.evidence("index", "description"), Some("v3.20.0-1-gabc"));
}

#[tokio::test]
async fn an_index_that_is_cut_unsigned_or_a_page_is_refused() {
    let dir = Dir::new();
    let whole = index("signed");
    let site = Site::start(&dir).await;
    let page = "<!DOCTYPE html>\n<html><body>Index of /alpine</body></html>\n";
    for (what, content, reason) in [
        ("cut in the middle", whole[..whole.len() / 2].to_vec(), "protocol"),
        ("cut before its sum", whole[..whole.len() - 4].to_vec(), "protocol"),
        ("without the index", whole[..300].to_vec(), "protocol"),
        ("unsigned", index("unsigned"), "protocol"),
        ("empty", Vec::new(), "protocol"),
        ("a page", page.into(), "portal"),
    ] {
        dir.write(INDEX, content);
        let Some(checked) = check_alpine(&dir, &site) else { return };
        assert_eq!((checked.code, checked.reason()), (Some(2), reason), "{what}: {checked:?}");
        assert_eq!(checked.state(), "DOWN", "{what}");
    }
    dir.remove(INDEX);
    let absent = check_alpine(&dir, &site).unwrap();
    assert_eq!((absent.code, absent.reason()), (Some(2), "http-status"), "{absent:?}");
}
