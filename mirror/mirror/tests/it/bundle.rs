//! Bundles: what is carried arrives, and nothing that was changed on the way.

mod tar;

use std::path::Path;
use std::sync::Arc;

use fairlead_gomod::dirhash::hash_go_mod;
use fairlead_gomod::gosum::GoSum;
use fairlead_gomod::path::Module;
use fairlead_gomod::pattern::Patterns;
use fairlead_gomod::zip::verify;
use fairlead_mirror::bundle::{
    BundleError, ExportOptions, ImportOptions, Imported, Manifest, Selection, export, export_file, fill,
    import, import_file,
};
use fairlead_store::{Blobs, FileBlobs};
use fairlead_sumdb::log::Log;
use fairlead_sumdb::note::{SignerKey, VerifierKey};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::fake::{Fake, Reply};
use crate::mirror::{Subject, zip};
use tar::{Tar, hex};

const X: &str = "a.example/!x";
const Y: &str = "b.example/y";

/// Modules with a database that knows them.
struct World {
    upstream: Fake,
    database: Fake,
    log: Arc<Mutex<Log>>,
    key: VerifierKey,
}

fn module(escaped: &str, version: &str) -> Module {
    Module::new(escaped.replace("%21x", "X").replace("!x", "X"), version)
}

fn sums(module: &Module) -> String {
    let Module { path, version } = module;
    let h1 = verify(&zip(path, version, 3000), path, version).unwrap().h1;
    let go_mod = hash_go_mod(format!("module {path}\n").as_bytes());
    format!("{path} {version} {h1}\n{path} {version}/go.mod {go_mod}\n")
}

impl World {
    async fn new(seed: u8) -> Self {
        let signer = SignerKey::generate("sum.example.org/db", [seed; 32]).unwrap();
        let key = signer.verifier().clone();
        let mut log = Log::new(signer);
        for version in ["v1.0.0", "v1.2.0"] {
            log.add(&sums(&module(X, version))).unwrap();
        }
        log.add(&sums(&module(Y, "v1.0.0"))).unwrap();
        for at in 0..300 {
            log.add(&format!("other.example/{at} v1.0.0 h1:{at}=\n")).unwrap();
        }
        let log = Arc::new(Mutex::new(log));
        let answers = Arc::clone(&log);
        let database = Fake::new(move |seen| match answers.lock().answer(&seen.path) {
            Ok(bytes) => Reply::ok(bytes),
            Err(error) => Reply::text(404, &error.to_string()),
        })
        .await;
        let upstream = Fake::new(|seen| {
            let Some((path, file)) = seen.path.trim_start_matches('/').split_once("/@v/") else {
                return Reply::text(404, "not found");
            };
            let (version, ending) = file.rsplit_once('.').unwrap_or((file, ""));
            let Module { path, .. } = module(path, version);
            match ending {
                "info" => {
                    Reply::ok(format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-02T03:04:05Z\"}}"))
                }
                "mod" => Reply::ok(format!("module {path}\n")),
                "zip" => Reply::ok(zip(&path, version, 3000)),
                _ => Reply::text(404, "not found"),
            }
        })
        .await;
        World { upstream, database, log, key }
    }

    fn settings(&self, more: &str) -> String {
        format!("upstreams: '{}'\nsumdb: '{} {}'\n{more}", self.upstream.url, self.key, self.database.url)
    }

    fn keys(&self) -> Vec<VerifierKey> {
        vec![self.key.clone()]
    }

    fn options(&self) -> ExportOptions {
        ExportOptions { route: Some("default".into()), keys: self.keys() }
    }

    fn import(&self) -> ImportOptions {
        ImportOptions { keys: self.keys(), ..ImportOptions::default() }
    }

    /// A cache with all of `lines`.
    async fn filled(&self, more: &str, lines: &str) -> (Subject, Selection) {
        let subject = Subject::new(&self.settings(more));
        let selection = Selection::GoSum(GoSum::parse(lines.as_bytes()).0);
        let route = subject.mirror.routes().next().unwrap().clone();
        let filled = fill(&subject.mirror, &route, &selection, &self.keys(), &|_, _| {}).await;
        assert_eq!(filled.failed, 0, "{filled:?}");
        (subject, selection)
    }

    async fn bundle(&self) -> Tar {
        let lines = sums(&module(X, "v1.0.0")) + &sums(&module(X, "v1.2.0")) + &sums(&module(Y, "v1.0.0"));
        let (subject, selection) = self.filled("", &lines).await;
        let blobs = subject.mirror.cache().blobs();
        let (report, bytes) = export(blobs, &selection, &self.options(), Vec::new()).await.unwrap();
        assert_eq!((report.versions, report.zips, report.proved), (3, 3, 3), "{report:?}");
        assert!(report.missing.is_empty() && report.damaged.is_empty(), "{report:?}");
        Tar::parse(&bytes)
    }

    async fn take(&self, tar: &[u8], folder: &Path) -> Result<Imported, BundleError> {
        import(std::io::Cursor::new(tar.to_vec()), folder, self.import()).await
    }
}

/// That a bundle is refused with these words, and leaves nothing behind.
async fn refuses(tar: &[u8], options: ImportOptions, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error =
        import(std::io::Cursor::new(tar.to_vec()), folder.path(), options).await.unwrap_err().to_string();
    assert!(error.contains(words), "expected {words:?}: {error}");
    let left = FileBlobs::open(folder.path()).unwrap().list("", None, 10).await.unwrap();
    assert!(left.is_empty(), "{words}: {left:?}");
}

fn offline(world: &World, folder: TempDir) -> Subject {
    Subject::in_folder(&world.settings("offline: true"), folder)
}

#[tokio::test]
async fn what_is_carried_is_served_without_a_network() {
    let world = World::new(1).await;
    let tar = world.bundle().await;
    let folder = tempfile::tempdir().unwrap();
    let report = world.take(&tar.bytes(), folder.path()).await.unwrap();
    assert_eq!((report.versions, report.proved, report.added, report.kept), (3, 3, 9, 0));
    let again = world.take(&tar.bytes(), folder.path()).await.unwrap();
    assert_eq!((again.added, again.kept), (0, 9));
    world.upstream.forget();
    world.database.forget();
    let subject = offline(&world, folder);
    for version in ["v1.0.0", "v1.2.0"] {
        for ending in ["info", "mod", "zip"] {
            let file = format!("{X}/@v/{version}.{ending}");
            let answer = subject.get(&format!("/{file}")).await;
            assert_eq!(answer.body.unwrap(), tar.file(&file), "{file}");
        }
    }
    assert_eq!(subject.get(&format!("/{X}/@v/list")).await.text(), "v1.0.0\nv1.2.0\n");
    assert!(subject.get(&format!("/{X}/@latest")).await.text().contains("v1.2.0"));
    for path in
        [format!("/lookup/{X}@v1.2.0"), format!("/lookup/{Y}@v1.0.0"), "/latest".into(), "/supported".into()]
    {
        let answer = subject.get(&format!("/sumdb/sum.example.org/db{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    assert_eq!(subject.get("/c.example/z/@v/v1.0.0.mod").await.status, 404);
    assert!(world.upstream.paths().is_empty() && world.database.paths().is_empty());
}

#[tokio::test]
async fn an_unpacked_bundle_is_a_goproxy() {
    let world = World::new(1).await;
    let tar = world.bundle().await;
    assert_eq!(tar.file(&format!("{X}/@v/list")), b"v1.0.0\nv1.2.0\n");
    assert_eq!(tar.file(&format!("{X}/@latest")), tar.file(&format!("{X}/@v/v1.2.0.info")));
    for path in ["supported", "latest", "lookup/a.example/!x@v1.2.0"] {
        assert!(tar.has(&format!("sumdb/sum.example.org/db/{path}")), "{path}");
    }
    let folder = tempfile::tempdir().unwrap();
    tar.unpack(folder.path());
    let url = url::Url::from_file_path(folder.path()).unwrap();
    let subject = Subject::new(&format!("upstreams: '{url}'"));
    for file in ["@v/list", "@latest", "@v/v1.0.0.info", "@v/v1.0.0.mod", "@v/v1.0.0.zip"] {
        assert_eq!(subject.get(&format!("/{X}/{file}")).await.status, 200, "{file}");
    }
}

#[tokio::test]
async fn whatever_is_changed_is_refused() {
    let world = World::new(1).await;
    let good = world.bundle().await;
    for at in 0..good.files.len() {
        let mut tar = good.clone();
        if let Some(byte) = tar.files[at].1.last_mut() {
            *byte ^= 1;
            refuses(&tar.bytes(), world.import(), "refused the bundle").await;
        }
    }
    let bytes = good.bytes();
    for len in [0, 100, 512, 1000, bytes.len() / 2, bytes.len() - 1024] {
        refuses(&bytes[..len], world.import(), "truncated").await;
    }
    let mut tar = good.clone();
    tar.files.push(("c.example/z/@v/list".into(), b"v1.0.0\n".to_vec()));
    refuses(&tar.bytes(), world.import(), "not in the manifest").await;
    let mut tar = good.clone();
    let twice = tar.files[3].clone();
    tar.files.insert(5, twice);
    refuses(&tar.bytes(), world.import(), "twice").await;
    let mut tar = good.clone();
    tar.files.pop();
    refuses(&tar.bytes(), world.import(), "not in the tar").await;
    let mut tar = good.clone();
    tar.files.remove(0);
    refuses(&tar.bytes(), world.import(), "first file").await;
    let small = ImportOptions { max_bytes: 1000, ..world.import() };
    refuses(&bytes, small, "more than the 1000 bytes").await;
}

#[tokio::test]
async fn a_manifest_that_lies_along_does_not_help() {
    let world = World::new(1).await;
    let good = world.bundle().await;
    for path in [
        "../evil",
        "/etc/evil",
        "mod/../../evil",
        ".fairlead/evil",
        "a.example/x/@v/v1.0.0.ziphash",
        "a.example/x/@v/main.info",
        "sumdb/other.example/latest",
    ] {
        let mut tar = good.clone();
        tar.put(path, b"evil".to_vec(), None);
        refuses(&tar.bytes(), world.import(), "no file of a module").await;
    }
    let mut tar = good.clone();
    let other = b"module a.example/X // changed\n".to_vec();
    let h1 = hash_go_mod(&other).to_string();
    tar.put(&format!("{X}/@v/v1.0.0.mod"), other, Some(h1));
    refuses(&tar.bytes(), world.import(), "checksum mismatch").await;
    let mut tar = good.clone();
    let other = zip("a.example/X", "v1.0.0", 10);
    let h1 = verify(&other, "a.example/X", "v1.0.0").unwrap().h1.to_string();
    tar.put(&format!("{X}/@v/v1.0.0.zip"), other.clone(), Some(h1));
    refuses(&tar.bytes(), world.import(), "checksum mismatch").await;
    tar.put(&format!("{X}/@v/v1.0.0.zip"), other, Some("h1:x".into()));
    refuses(&tar.bytes(), world.import(), "not what the manifest says").await;
    let mut tar = good.clone();
    tar.put(&format!("{X}/@v/v1.0.0.zip"), zip("a.example/other", "v1.0.0", 10), Some("h1:x".into()));
    refuses(&tar.bytes(), world.import(), "v1.0.0.zip").await;
    let mut tar = good.clone();
    tar.put(&format!("{X}/@v/v1.0.0.info"), b"{\"Version\":\"v1.0.1\"}".to_vec(), None);
    refuses(&tar.bytes(), world.import(), "v1.0.1").await;
    let mut tar = good.clone();
    tar.put(&format!("{X}/@v/list"), b"v1.0.0\nv9.9.9\n".to_vec(), None);
    refuses(&tar.bytes(), world.import(), "not what the versions").await;
}

#[tokio::test]
async fn proofs_must_be_there_and_hold() {
    let world = World::new(1).await;
    let good = world.bundle().await;
    let database = "sumdb/sum.example.org/db";
    for path in good.names().filter(|path| path.starts_with(&format!("{database}/tile"))) {
        let mut tar = good.clone();
        let mut bytes = tar.file(path);
        bytes[7] ^= 1;
        tar.put(path, bytes, None);
        refuses(&tar.bytes(), world.import(), "refused the bundle").await;
        tar.remove(path);
        refuses(&tar.bytes(), world.import(), "refused the bundle").await;
    }
    let lookup = format!("{database}/lookup/{X}@v1.0.0");
    let mut tar = good.clone();
    let text = String::from_utf8(tar.file(&lookup)).unwrap();
    tar.put(&lookup, text.replacen("h1:", "h1:A", 1).into_bytes(), None);
    refuses(&tar.bytes(), world.import(), "refused the bundle").await;
    let mut tar = good.clone();
    tar.remove(&lookup);
    refuses(&tar.bytes(), world.import(), "nothing proves a.example/X@v1.0.0").await;
    let unproved = ImportOptions { allow_unproved: true, ..world.import() };
    let folder = tempfile::tempdir().unwrap();
    let report = import(std::io::Cursor::new(tar.bytes()), folder.path(), unproved).await.unwrap();
    assert_eq!((report.proved, report.unproved), (2, 1));
    let subject = offline(&world, folder);
    assert_eq!(
        subject.get(&format!("/{X}/@v/v1.0.0.mod")).await.status,
        404,
        "a route that wants proof does not see it"
    );
    assert_eq!(subject.get(&format!("/{X}/@v/v1.2.0.mod")).await.status, 200);
    let strangers = ImportOptions { keys: World::new(2).await.keys(), ..ImportOptions::default() };
    refuses(&good.bytes(), strangers, "refused the bundle").await;
    let nobody = ImportOptions { keys: Vec::new(), ..ImportOptions::default() };
    refuses(&good.bytes(), nobody, "no file of a module or a database").await;
    let wrong =
        GoSum::parse(b"a.example/X v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").0;
    refuses(&good.bytes(), ImportOptions { go_sum: wrong, ..world.import() }, "checksum mismatch").await;
}

#[tokio::test]
async fn a_go_sum_is_a_proof_and_private_modules_stay_with_their_route() {
    let world = World::new(1).await;
    let private = module("corp.example/p", "v1.0.0");
    let lines = sums(&private) + &sums(&module(Y, "v1.0.0"));
    let more = format!("private: corp.example\nprivateUpstreams: '{}'", world.upstream.url);
    let (subject, selection) = world.filled(&more, &lines).await;
    let none = ExportOptions { keys: Vec::new(), ..world.options() };
    let (report, bytes) =
        export(subject.mirror.cache().blobs(), &selection, &none, Vec::new()).await.unwrap();
    assert_eq!((report.versions, report.proved), (2, 0));
    refuses(&bytes, world.import(), "nothing proves").await;
    let options = ImportOptions {
        go_sum: GoSum::parse(lines.as_bytes()).0,
        private: Patterns::parse("corp.example"),
        ..world.import()
    };
    let folder = tempfile::tempdir().unwrap();
    let report = import(std::io::Cursor::new(bytes), folder.path(), options).await.unwrap();
    assert_eq!((report.proved, report.unproved), (1, 1));
    let yaml = format!(
        "{more}\noffline: true\ntenants: {{other: {{environments: {{default: {{private: none}}}}}}}}"
    );
    let subject = Subject::in_folder(&world.settings(&yaml), folder);
    assert_eq!(subject.get("/corp.example/p/@v/v1.0.0.zip").await.status, 200);
    assert_eq!(subject.get(&format!("/{Y}/@v/v1.0.0.zip")).await.status, 200);
    assert_eq!(subject.get("/tenants/other/corp.example/p/@v/v1.0.0.zip").await.status, 404);
}

#[tokio::test]
async fn a_later_bundle_adds_to_the_history_and_a_fork_does_not() {
    let world = World::new(1).await;
    let first = world.bundle().await;
    for at in 0..50 {
        world.log.lock().add(&format!("later.example/{at} v1.0.0 h1:{at}=\n")).unwrap();
    }
    let second = world.bundle().await;
    let folder = tempfile::tempdir().unwrap();
    world.take(&first.bytes(), folder.path()).await.unwrap();
    world.take(&second.bytes(), folder.path()).await.unwrap();
    world.take(&first.bytes(), folder.path()).await.expect("an older one is a part of it");
    let fork = World::new(1).await;
    for at in 0..60 {
        fork.log.lock().add(&format!("forked.example/{at} v1.0.0 h1:{at}=\n")).unwrap();
    }
    let error = world.take(&fork.bundle().await.bytes(), folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("does not go with the tree"), "{error}");
}

#[tokio::test]
async fn files_with_gz_at_the_end_are_compressed_and_damage_is_seen_on_both_sides() {
    let world = World::new(1).await;
    let (subject, _) = world.filled("", &sums(&module(Y, "v1.0.0"))).await;
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = place.path().join("modules.tar.gz");
    let blobs = subject.mirror.cache().blobs();
    let report = export_file(blobs, &Selection::All, &world.options(), &path).await.unwrap();
    assert_eq!((report.versions, report.zips), (1, 1));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "nothing else is left there");
    assert_eq!(import_file(&path, folder.path(), world.import()).await.unwrap().proved, 1);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let other = tempfile::tempdir().unwrap();
    import_file(&path, other.path(), world.import()).await.unwrap_err();
    let zip = subject.folder.path().join(format!("mod/{Y}/@v/v1.0.0.zip"));
    let mut bytes = std::fs::read(&zip).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&zip, bytes).unwrap();
    let gone = Module::new("c.example/z", "v1.0.0");
    let selection = Selection::Modules(vec![gone, module(Y, "v1.0.0")]);
    let (report, tar) = export(blobs, &selection, &world.options(), Vec::new()).await.unwrap();
    assert_eq!((report.damaged.len(), report.zips), (1, 0), "{report:?}");
    assert_eq!(report.missing, ["c.example/z@v1.0.0 (info, mod, zip)"]);
    let manifest = Manifest::parse(&Tar::parse(&tar).files[0].1).unwrap();
    assert!(manifest.files.iter().all(|file| file.sha256.len() == hex(&[0; 32]).len()));
}
