//! What a client is told when there is nothing to be had, and what is fetched and what is not.

use fairlead_mirror::Cause;
use fairlead_mirror::settings::DirectSettings;
use tokio::time::Instant;

use super::repositories::{self, Builder};
use super::{World, text};

fn insecure() -> DirectSettings {
    DirectSettings { insecure: "mods.example".into(), ..DirectSettings::default() }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_go_commands_words() {
    let world = World::new(repositories::many);
    for (path, words) in [
        ("/mods.example/m/@v/v9.9.9.info", "mods.example/m@v9.9.9: invalid version: unknown revision v9.9.9"),
        ("/mods.example/m/@v/nope.info", "unknown revision nope"),
        (
            "/mods.example/m/@v/v2.0.0+incompatible.info",
            "go.mod has post-v2 module path \"mods.example/m/v2\"",
        ),
        ("/mods.example/m/v2/@v/v2.0.1.zip", "unknown revision v2.0.1"),
        ("/mods.example/none/@v/list", "404"),
        ("/github.com/a/@v/list", "invalid github.com import path"),
    ] {
        let failure = world.text(path).await.unwrap_err();
        assert_eq!(failure.cause, Cause::NotFound, "{path}: {}", failure.text);
        assert!(failure.text.contains(words), "{path}: {}", failure.text);
        assert_eq!(failure.upstream.as_deref(), Some("direct"));
    }
}

#[tokio::test]
async fn a_pseudo_version_must_be_the_right_one() {
    let world = World::new(repositories::many);
    let right = world.version("/mods.example/m/@v/main.info").await;
    assert!(right.starts_with("v1.1.0-rc.1.0.20240101060000-"), "{right}");
    let (head, rev) = right.rsplit_once('-').unwrap();
    let of_first = world.text("/mods.example/m/@v/v1.0.0.info").await.unwrap();
    let first = &of_first.split("\"Hash\":\"").nth(1).unwrap()[..12];
    for (version, words) in [
        (format!("{head}-{}", &rev[..11]), "revision is shorter than canonical"),
        (
            format!("{}-{rev}", head.replace("0600", "0601")),
            "does not match version-control timestamp (expected 20240101060000)",
        ),
        (format!("{}-{rev}", head.replace("v1.1.0-rc.1.0", "v1.2.4-0")), "preceding tag (v1.2.3) not found"),
        (
            format!("v1.1.0-rc.1.0.20240101010000-{first}"),
            "is not a descendent of preceding tag (v1.1.0-rc.1)",
        ),
        (format!("v1.0.0-20240101060000-{rev}"), "must be v0, not v1"),
    ] {
        let failure = world.text(&format!("/mods.example/m/@v/{version}.mod")).await.unwrap_err();
        assert_eq!(failure.cause, Cause::NotFound, "{version}: {}", failure.text);
        assert!(failure.text.contains(words), "{version}: {}", failure.text);
    }
    assert_eq!(world.version(&format!("/mods.example/m/@v/{right}.info")).await, right);
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_asks_is_no_absence() {
    let world = World::new(repositories::old);
    world.server.page("mods.example/secret", "mods.example/secret git HOST/private/secret.git");
    let failure = world.text("/mods.example/secret/@v/list").await.unwrap_err();
    assert_eq!(failure.cause, Cause::Denied, "{}", failure.text);
    assert!(failure.text.contains("no credentials"), "{}", failure.text);
}

#[tokio::test]
async fn other_systems_and_protocols_are_refused() {
    let world = World::new(repositories::old);
    world.server.page("mods.example/hg", "mods.example/hg hg HOST/hg");
    world.server.page("mods.example/file", "mods.example/file git file:///etc");
    world.server.page("mods.example/stray", "mods.example/old git HOST/git/old.git");
    for (module, cause, words) in [
        ("hg", Cause::Denied, "use a proxy upstream"),
        ("file", Cause::Denied, "protocol file"),
        ("stray", Cause::NotFound, "no go-import meta tag for mods.example/stray"),
    ] {
        let failure = world.text(&format!("/mods.example/{module}/@v/list")).await.unwrap_err();
        assert_eq!(failure.cause, cause, "{module}: {}", failure.text);
        assert!(failure.text.contains(words), "{module}: {}", failure.text);
    }
}

#[tokio::test]
async fn without_permission_nothing_goes_without_tls() {
    let world = World::with(repositories::old, DirectSettings::default());
    let failure = world.text("/mods.example/old/@v/list").await.unwrap_err();
    assert_ne!(failure.cause, Cause::NotFound, "{}", failure.text);
    assert_eq!(world.server.count("GET http://mods.example"), 0);
}

#[tokio::test]
async fn a_page_cannot_speak_for_another() {
    let world = World::new(repositories::old);
    world.server.page("mods.example/team/evil", "mods.example/team git HOST/git/old.git");
    world.server.page("mods.example/team", "mods.example/team git HOST/git/m.git");
    let failure = world.text("/mods.example/team/evil/@v/list").await.unwrap_err();
    assert!(failure.text.contains("disagree about go-import"), "{}", failure.text);
}

#[tokio::test]
async fn a_repository_that_is_too_large_is_given_up() {
    let settings = DirectSettings { max_repository_bytes: 10_000, ..insecure() };
    let build = |place: &std::path::Path| {
        let mut grows = Builder::new(place, "grows");
        let mut seed = 1_u64;
        let noise = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{seed:x}")
        });
        grows.file("noise", &noise.take(10_000).collect::<String>());
        grows.commit("one");
        grows.publish();
    };
    let world = World::with(build, settings);
    let failure = world.text("/mods.example/grows/@latest").await.unwrap_err();
    assert_eq!(failure.cause, Cause::Denied, "{}", failure.text);
    assert!(failure.text.contains("larger than the limit"), "{}", failure.text);
}

#[tokio::test]
async fn a_deadline_holds() {
    let world = World::new(repositories::old);
    let ask = fairlead_mirror::source::Ask { deadline: Some(Instant::now()), ..Default::default() };
    let wanted = fairlead_mirror::Wanted::parse("/mods.example/old/@v/list", &[]).unwrap();
    let failure = fairlead_mirror::source::Source::fetch(&*world.direct, &wanted, &ask).await.err().unwrap();
    assert_eq!(failure.cause, Cause::Timeout, "{}", failure.text);
}

#[tokio::test]
async fn new_tags_are_seen_and_a_cut_off_copy_is_begun_anew() {
    let mut builder = None;
    let world = World::new(|place| {
        let mut grows = Builder::new(place, "grows");
        grows.file("go.mod", "module mods.example/grows\n");
        grows.commit("one");
        grows.tag("v1.0.0").publish();
        builder = Some(grows);
    });
    let mut grows = builder.unwrap();
    assert_eq!(world.version("/mods.example/grows/@latest").await, "v1.0.0");
    grows.file("a.go", "package a\n");
    grows.commit("two");
    grows.tag("v1.1.0").publish();
    assert_eq!(
        world.version("/mods.example/grows/@v/v1.1.0.info").await,
        "v1.1.0",
        "older branches and tags are no excuse"
    );
    assert_eq!(world.text("/mods.example/grows/@v/list").await.unwrap(), "v1.0.0\nv1.1.0\n");
    let copies =
        || std::fs::read_dir(world.place.path().join("work")).unwrap().flatten().map(|entry| entry.path());
    let copy = copies().find(|path| path.is_dir()).unwrap();
    std::fs::remove_dir_all(copy.join("refs")).unwrap();
    std::fs::write(copy.join("fairlead-unfinished"), "").unwrap();
    let again = text(&world.restarted(), "/mods.example/grows/@v/main.info").await.unwrap();
    assert!(again.contains("v1.1.0"), "{again}");
}
