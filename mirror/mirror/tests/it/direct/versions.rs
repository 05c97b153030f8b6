//! Versions of repositories, and the go command's own results for them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{World, repositories};

fn all(place: &Path) {
    repositories::many(place);
    repositories::old(place);
    repositories::untagged(place);
    repositories::retracted(place);
}

/// Module, what is asked for, and what the go command (1.26) makes of it: version, hash of the zip, hash of the go.mod.
const KNOWN: &[(&str, &str, &str, &str, &str)] = &[
    (
        "mods.example/m",
        "v1.0.0",
        "v1.0.0",
        "h1:Rat7iBobmizr3bvHJzRIS9nibSwT3QOobUHwTo/MzrM=",
        "h1:L5BAYpCd2eH9Iv3tu/X5o8xAfvBGGb78Zc61uRuFy6Q=",
    ),
    (
        "mods.example/m",
        "main",
        "v1.1.0-rc.1.0.20240101060000-99e339fa774e",
        "h1:k7S2Dx+KQrwru0dBFD1Qa4P7/iLkemYOps6EMQbk3ac=",
        "h1:L5BAYpCd2eH9Iv3tu/X5o8xAfvBGGb78Zc61uRuFy6Q=",
    ),
    (
        "mods.example/m",
        "v1.1.0-rc.1",
        "v1.1.0-rc.1",
        "h1:2348a7KicXmxNaAAcaXXtVYJlaNT8PZiI7UMTa60CQ4=",
        "h1:L5BAYpCd2eH9Iv3tu/X5o8xAfvBGGb78Zc61uRuFy6Q=",
    ),
    (
        "mods.example/m/sub",
        "v0.1.0",
        "v0.1.0",
        "h1:lE3eiqYRlQsuncOD5uvl587LD8ztEcMM/sY5Xf4kVis=",
        "h1:jSbL2QXsPmBg0qvj8CM5fVeTbzJSN7rjJ15gM349DQU=",
    ),
    (
        "mods.example/m/sub",
        "main",
        "v0.1.1-0.20240101060000-99e339fa774e",
        "h1:n9H4PeQfcLq6gtcE4aVGE5msoiIM2nkPH3Nt7r0vN60=",
        "h1:jSbL2QXsPmBg0qvj8CM5fVeTbzJSN7rjJ15gM349DQU=",
    ),
    (
        "mods.example/m/v2",
        "v2.0.0",
        "v2.0.0",
        "h1:CCc32nkiOtd5XPCoYwr29giUBPFvz03u85aB7j6Kjs4=",
        "h1:gjXCHcDnVhrzAg95Fip5Zk9bMiAg9tAYOw++4Rg39Sk=",
    ),
    (
        "mods.example/m/v2",
        "v2",
        "v2.0.0",
        "h1:CCc32nkiOtd5XPCoYwr29giUBPFvz03u85aB7j6Kjs4=",
        "h1:gjXCHcDnVhrzAg95Fip5Zk9bMiAg9tAYOw++4Rg39Sk=",
    ),
    (
        "mods.example/m/v3",
        "v3.0.0",
        "v3.0.0",
        "h1:G2QjRo/Ha0JdIYf2Yv1enlZ728vpbZNRfFspBU1DomE=",
        "h1:xA2KoTP8WkOQCi5Mi4fv9WRu55XI2XjG5PUN8ELJ4Xc=",
    ),
    (
        "mods.example/m/v3",
        "main",
        "v3.0.1-0.20240101060000-99e339fa774e",
        "h1:GLKtylHDSpg2/qcd0zwqHpIVHBCUwhUv1OnSrwJmfNM=",
        "h1:xA2KoTP8WkOQCi5Mi4fv9WRu55XI2XjG5PUN8ELJ4Xc=",
    ),
    (
        "mods.example/m/nested",
        "main",
        "v0.0.0-20240101060000-99e339fa774e",
        "h1:bjuGwxzSL+PzY92hOmslEQr2pCqd+R235sAjxP8Ro8s=",
        "h1:ew5q9MmxENAOmqzPhn5pp6JtqaLcEUHAI8lf4t3FZPU=",
    ),
    (
        "mods.example/old",
        "v1.0.0",
        "v1.0.0",
        "h1:3v+AdHH1iru/ooZ329QBKrDK9KJvdB3QG+9JV+GTuoo=",
        "h1:Ldm2xuwZGIAJKcu1n+MYU2qsOyI2GW97Tz53X2VCSBU=",
    ),
    (
        "mods.example/old",
        "v2.0.0",
        "v2.0.0+incompatible",
        "h1:wSBSYw+XKK6s2koc98jucb6WuiItZ+BMNtsXuViGUHQ=",
        "h1:Ldm2xuwZGIAJKcu1n+MYU2qsOyI2GW97Tz53X2VCSBU=",
    ),
    (
        "mods.example/old",
        "v2.1.0+incompatible",
        "v2.1.0+incompatible",
        "h1:cRvDElk2qHJkrlkbtN7ozWxe0IlpHoudUi3XG7enwV4=",
        "h1:Ldm2xuwZGIAJKcu1n+MYU2qsOyI2GW97Tz53X2VCSBU=",
    ),
    (
        "mods.example/old",
        "main",
        "v2.1.1-0.20240101040000-62bd31269b97+incompatible",
        "h1:ff+/XE9cqLebhTG1/QSuboaEhYgwtjdYyo2Sc6SUh5c=",
        "h1:Ldm2xuwZGIAJKcu1n+MYU2qsOyI2GW97Tz53X2VCSBU=",
    ),
    (
        "mods.example/untagged",
        "main",
        "v0.0.0-20240101010000-5b538aef66c0",
        "h1:yLRG9PmG+m467KhN2vJdGhMY4Urwq4Nt7+JOzsn06ts=",
        "h1:NlAYZW9d4rjBaewgqVQncrhG4osve/9bKIUegm/GWEE=",
    ),
    (
        "mods.example/retracted",
        "main",
        "v1.0.1-0.20240101030000-93b472166f25",
        "h1:X8y7Z0sf2H9+MCoXhN2QRO9+MifqYUIscuQN06l4WC8=",
        "h1:DjPY4ir1sKTWYUCFOvCdeTvx4aewNQCR1kfVAVqOcXg=",
    ),
    (
        "mods.example/retracted",
        "v1.1.0",
        "v1.1.0",
        "h1:0TQgKHKKRDgVKdbUo8ZJ7FCt6w0gBK8qUmzJN+9Sp6E=",
        "h1:DjPY4ir1sKTWYUCFOvCdeTvx4aewNQCR1kfVAVqOcXg=",
    ),
];

#[tokio::test]
async fn files_have_the_hashes_that_the_go_command_has_for_them() {
    let world = World::new(all);
    for (module, asked, version, h1, go_mod) in KNOWN {
        assert_eq!(world.version(&format!("/{module}/@v/{asked}.info")).await, *version, "{module}@{asked}");
        let sums = world.sums(module, version).await;
        assert_eq!((&*sums.0, &*sums.1), (*h1, *go_mod), "{module}@{version}");
    }
}

#[tokio::test]
#[ignore = "compares with the go command that FAIRLEAD_GO names"]
async fn the_go_command_agrees() {
    let go = std::env::var("FAIRLEAD_GO").unwrap();
    let world = World::new(all);
    for (module, asked) in [
        ("m", "v1.0.0"),
        ("m", "main"),
        ("m", "v1.1.0-rc.1"),
        ("m", "v1.1.0-rc.1~"),
        ("m/sub", "v0.1.0"),
        ("m/sub", "main"),
        ("m/v2", "v2.0.0"),
        ("m/v2", "v2"),
        ("m/v3", "v3.0.0"),
        ("m/v3", "main"),
        ("m/nested", "main"),
        ("old", "v1.0.0"),
        ("old", "v2.0.0"),
        ("old", "v2.1.0+incompatible"),
        ("old", "main"),
        ("untagged", "main"),
        ("retracted", "main"),
        ("retracted", "v1.1.0"),
        ("m", "v2.0.0"),
        ("m", "v9.9.9"),
        ("m", "nope"),
    ] {
        let module = format!("mods.example/{module}");
        let output = Command::new(&go)
            .args(["mod", "download", "-json", &format!("{module}@{asked}")])
            .current_dir(world.place.path())
            .env("HOME", world.place.path())
            .env("GOMODCACHE", world.place.path().join("gomodcache"))
            .env("GOFLAGS", "-modcacherw")
            .envs([
                ("GOPROXY", "direct"),
                ("GONOSUMDB", "*"),
                ("GONOSUMCHECK", "1"),
                ("GOSUMDB", "off"),
                ("GOTOOLCHAIN", "local"),
            ])
            .envs([("GOINSECURE", "mods.example"), ("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")])
            .env("HTTP_PROXY", format!("http://{}", world.server.address))
            .env("HTTPS_PROXY", format!("http://{}", world.server.address))
            .output()
            .unwrap();
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let Some(info) = theirs["Info"].as_str() else {
            let ours = world.text(&format!("/{module}/@v/{asked}.info")).await.unwrap_err().text;
            assert_eq!(theirs["Error"].as_str(), Some(&*ours));
            continue;
        };
        let version = theirs["Version"].as_str().unwrap();
        assert_eq!(world.version(&format!("/{module}/@v/{asked}.info")).await, version, "{module}@{asked}");
        let ours = world.text(&format!("/{module}/@v/{version}.info")).await.unwrap();
        assert_eq!(ours, std::fs::read_to_string(info).unwrap(), "{module}@{asked}");
        let (h1, go_mod) = world.sums(&module, version).await;
        assert_eq!(
            (Some(&*h1), Some(&*go_mod)),
            (theirs["Sum"].as_str(), theirs["GoModSum"].as_str()),
            "{module}@{asked}"
        );
    }
}

#[tokio::test]
async fn lists_and_the_newest() {
    let world = World::new(all);
    for (module, list, latest) in [
        ("m", "v1.0.0\nv1.1.0-rc.1\n", "v1.0.0"),
        ("m/sub", "v0.1.0\n", "v0.1.0"),
        ("m/v2", "v2.0.0\n", "v2.0.0"),
        ("m/v3", "v3.0.0\n", "v3.0.0"),
        ("m/nested", "", "v0.0.0-20240101060000-99e339fa774e"),
        ("old", "v1.0.0\nv2.0.0+incompatible\nv2.1.0+incompatible\n", "v2.1.0+incompatible"),
        ("untagged", "", "v0.0.0-20240101010000-5b538aef66c0"),
        ("retracted", "v1.0.0\nv1.1.0\n", "v1.1.0"),
    ] {
        assert_eq!(world.text(&format!("/mods.example/{module}/@v/list")).await.unwrap(), list, "{module}");
        assert_eq!(world.version(&format!("/mods.example/{module}/@latest")).await, latest, "{module}");
    }
}

#[tokio::test]
async fn a_page_may_name_a_proxy() {
    let world = World::new(repositories::old);
    world.server.page("mods.example/proxied", "mods.example/proxied mod HOST/proxy");
    assert_eq!(world.text("/mods.example/proxied/@v/list").await.unwrap(), "v1.2.3\n");
}

#[tokio::test]
async fn an_info_tells_where_it_comes_from() {
    let world = World::new(all);
    let of = async |path: &str| -> Value { serde_json::from_str(&world.text(path).await.unwrap()).unwrap() };
    let tagged = of("/mods.example/m/sub/@v/v0.1.0.info").await;
    assert_eq!(tagged["Time"], "2024-01-01T01:00:00Z");
    let origin = &tagged["Origin"];
    assert_eq!(
        (&origin["VCS"], &origin["Subdir"], &origin["Ref"]),
        (&"git".into(), &"sub".into(), &"refs/tags/sub/v0.1.0".into())
    );
    assert_eq!(origin["URL"], format!("http://{}/git/m.git", world.server.address));
    assert_eq!(origin["Hash"].as_str().map(str::len), Some(40));
    let branch = of("/mods.example/m/v3/@v/main.info").await;
    assert_eq!(branch["Origin"]["Ref"], "refs/heads/main");
    assert_eq!(branch["Origin"]["TagSum"], "t1:U42lD1bbM9hirNauA27x7RRGplrXr02H/5dJFkJ2XP8=");
    let pinned = of(&format!("/mods.example/m/v3/@v/{}.info", branch["Version"].as_str().unwrap())).await;
    assert_eq!((&pinned["Origin"]["Ref"], &pinned["Origin"]["TagSum"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn commits_are_found_by_their_first_digits() {
    let world = World::new(all);
    for asked in ["99e339f", "99e339fa774ebcd58d4b217bfebe25d65aa89b08"] {
        let version = world.version(&format!("/mods.example/m/@v/{asked}.info")).await;
        assert_eq!(version, "v1.1.0-rc.1.0.20240101060000-99e339fa774e", "{asked}");
    }
    // Behind no branch's and no tag's tip: the history has to come.
    let second = "v1.0.1-0.20240101020000-";
    let info = world.text("/mods.example/m/@v/main.info").await.unwrap();
    assert!(info.contains("99e339fa774e"));
    let hash = std::process::Command::new("git")
        .args(["rev-parse", "v1.1.0-rc.1~"])
        .current_dir(world.place.path().join("trees/m"))
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let version = world.version(&format!("/mods.example/m/@v/{}.info", &hash[..10])).await;
    assert_eq!(version, format!("{second}{}", &hash[..12]));
    assert!(world.text("/mods.example/m/@v/99e339.info").await.is_err(), "six digits are too few");
}

#[tokio::test]
async fn a_tag_comes_without_its_history() {
    let world = World::new(all);
    world.sums("mods.example/m", "v1.0.0").await;
    let mut copies =
        std::fs::read_dir(world.place.path().join("work")).unwrap().flatten().map(|entry| entry.path());
    let copy = copies.find(|path| path.is_dir()).unwrap();
    assert!(copy.join("shallow").exists());
    world.version("/mods.example/m/@v/main.info").await;
    assert!(!copy.join("shallow").exists(), "a pseudo-version needs to know the tags before it");
}
