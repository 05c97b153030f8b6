//! From a place with a network to one without.

use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::{Upstream, sumdb_key};

use super::go::Go;
use super::modules::{PACKAGES, project, public};
use super::stage::{Mirror, run};

#[tokio::test]
async fn a_bundle_is_enough_where_there_is_no_network() {
    let upstream = Upstream::start(&public());
    let first = Go::new(&upstream.url());
    first.write("go.mod", "module app.example/app\n\ngo 1.21\n");
    first.write("app.go", &project(&PACKAGES));
    first.run("mod tidy");
    let (here, there) = (Dir::new(), Dir::new());
    let (bundle, key) = (here.join("modules.tar.gz").display().to_string(), sumdb_key());
    let go_sum = first.path("go.sum").display().to_string();
    let cache = |dir: &Dir| dir.join("cache").display().to_string();
    let (from, to) = (cache(&here), cache(&there));
    let mut export = vec!["mirror", "bundle", "export", "--go-sum", &go_sum, "--cache", &from];
    let url = upstream.url();
    export.extend(["--upstreams", &url, "--sumdb", &key, &bundle]);
    let Some(exported) = run(&here, &export) else { return };
    assert!(exported.status.success(), "{exported:?}");
    drop(upstream);
    let imported =
        run(&there, &["mirror", "bundle", "import", "--cache", &to, "--sumdb", &key, &bundle]).unwrap();
    assert!(imported.status.success(), "{imported:?}");

    let mirror = Mirror::start(&there, &url, &["--offline"]).await.unwrap();
    let second = Go::new(&mirror.url);
    for name in ["go.mod", "go.sum", "app.go"] {
        second.write(name, &first.read(name));
    }
    second.run("mod download");
    second.run("build ./...");
    let told = second.fail("get nowhere.example/x");
    assert!(told.contains("offline"), "{told}");
}
