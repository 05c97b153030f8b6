//! What is private is named to nobody.

use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::Upstream;

use super::go::Go;
use super::modules::{private, project, public};
use super::stage::Mirror;

#[tokio::test]
async fn a_private_module_is_asked_for_where_it_belongs_and_nowhere_else() {
    let (open, own) = (Upstream::start(&public()), Upstream::start(&private()));
    let dir = Dir::new();
    let flags = ["--private", "corp.example", "--private-upstreams", &own.url()];
    let Some(mirror) = Mirror::start(&dir, &open.url(), &flags).await else { return };
    let go = Go::new(&mirror.url).with("GONOSUMDB", "corp.example");
    go.write("go.mod", "module app.example/app\n\ngo 1.21\n");
    go.write("app.go", &project(&["corp.example/secret", "one.example/Mod"]));
    go.run("mod tidy");
    go.run("build ./...");
    assert!(go.run("list -m -versions corp.example/secret").contains("v1.0.0"));
    // A client that forgot GONOSUMDB is stopped here, not at the public database.
    let careless = Go::new(&mirror.url);
    careless.write("go.mod", "module app.example/app\n\ngo 1.21\n");
    let told = careless.fail("get corp.example/secret");
    assert!(told.contains("GONOSUMDB"), "{told}");
    assert_eq!(open.requests("*corp.example*"), 0, "{:?}", open.seen());
    assert_eq!(own.requests("*ne.example*"), 0, "{:?}", own.seen());
    assert!(own.requests("*corp.example*") > 0 && open.requests("*ne.example*") > 0);
}
