//! Everything that people do with the go command, and nothing about it differs.

use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::Upstream;

use super::go::Go;
use super::modules::{PACKAGES, PSEUDO, private, project, public};
use super::stage::Mirror;

const GO_MOD: &str = "module app.example/app\n\ngo 1.21\n";

/// What a session brings: the texts of each command, and the files in the end.
fn session(go: &Go) -> Vec<(String, String)> {
    go.write("go.mod", GO_MOD);
    go.write("app.go", &project(&PACKAGES));
    let mut told = Vec::new();
    for command in [
        "mod tidy",
        "mod download -json all",
        "mod verify",
        "build ./...",
        "list -m -versions one.example/Mod",
        "list -m -versions two.example/lib/v2",
        "list -m -versions old.example/compat",
        "list -m -versions four.example/withdrawn",
        "list -m -retracted four.example/withdrawn@v1.0.0",
        "list -m -u all",
        "list -m three.example/pseudo@main",
        "get one.example/Mod@v1.2.0-rc.1",
        "get one.example/Mod@latest",
        "get four.example/withdrawn@v1.0.0",
        "mod graph",
        "mod vendor",
        "build ./...",
    ] {
        let text = go.run(command);
        // Paths of the module cache differ.
        let is_json = command.contains("-json");
        told.push((command.to_owned(), if is_json { sums(&text) } else { text }));
    }
    told.extend(["go.mod", "go.sum", "vendor/modules.txt"].map(|name| (name.to_owned(), go.read(name))));
    told
}

/// The lines of `go mod download -json` with hashes, in order: downloads end in any.
fn sums(json: &str) -> String {
    let mut lines: Vec<&str> = json.lines().filter(|line| line.contains("\"h1:")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[tokio::test]
async fn the_go_command_sees_what_it_sees_without_us() {
    let upstream = Upstream::start(&public());
    let dir = Dir::new();
    let Some(mirror) = Mirror::start(&dir, &upstream.url(), &[]).await else { return };
    let (through, direct) = (session(&Go::new(&mirror.url)), session(&Go::new(&upstream.url())));
    for (ours, theirs) in through.iter().zip(&direct) {
        assert_eq!(ours, theirs, "{}", mirror.log());
    }
    let text = |name: &str| &direct.iter().find(|(known, _)| known == name).unwrap().1;
    assert!(text("go.mod").contains(PSEUDO) && text("go.sum").contains("v3.1.0+incompatible"), "{direct:?}");
    assert!(text("list -m -versions four.example/withdrawn").contains("v1.1.0"), "{direct:?}");

    // A second user costs the upstream nothing that never changes.
    let before = ["*.zip", "*.mod", "*/v1.1.0.info", "*/lookup/*"].map(|pattern| upstream.requests(pattern));
    let second = Go::new(&mirror.url);
    second.write("go.mod", &direct.iter().find(|(name, _)| name == "go.mod").unwrap().1);
    second.write("app.go", &project(&PACKAGES));
    second.run("mod download all");
    let after = ["*.zip", "*.mod", "*/v1.1.0.info", "*/lookup/*"].map(|pattern| upstream.requests(pattern));
    assert_eq!(before, after, "{:?}", upstream.seen());
}

#[tokio::test]
async fn nobody_has_what_is_not_there() {
    let upstream = Upstream::start(&public());
    let dir = Dir::new();
    let Some(mirror) = Mirror::start(&dir, &upstream.url(), &[]).await else { return };
    for go in [Go::new(&mirror.url), Go::new(&upstream.url())] {
        go.write("go.mod", GO_MOD);
        let told = go.fail("get one.example/Mod@v1.9.9");
        assert!(
            told.contains("404 Not Found") && told.contains("not found: no such module or version"),
            "{told}"
        );
    }
    // After an absence the go command looks further. Databases are not: the first that is passed on is asked alone.
    let (nothing, empty) = (Upstream::start(&private()), Dir::new());
    let Some(first) = Mirror::start(&empty, &nothing.url(), &[]).await else { return };
    let go = Go::new(&format!("{},{}", first.url, mirror.url)).with("GOSUMDB", "off");
    go.write("go.mod", GO_MOD);
    go.run("get one.example/Mod");
}
