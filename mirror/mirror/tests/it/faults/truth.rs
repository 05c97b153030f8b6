//! The modules that honest upstreams serve.

use std::sync::LazyLock;

use fairlead_testkit::goproxy::{Modules, Release};

static TRUTH: LazyLock<Modules> = LazyLock::new(modules);

/// A module with a capital letter and two releases, one that requires it, and a major version.
pub(crate) fn truth() -> &'static Modules {
    &TRUTH
}

fn modules() -> Modules {
    let first = Release::new().file("m.go", "package m\n").at("2024-01-02T03:04:05Z");
    let second = Release::new()
        .file("m.go", "package m\n\nconst Two = 2\n")
        .file("LICENSE", "free\n")
        .at("2024-02-03T04:05:06Z");
    let other = Release::new().requires("one.example/Mod", "v1.2.0").file("other.go", "package other\n");
    let major = Release::new().file("big.go", "package big\n".repeat(2000));
    Modules::new()
        .add("one.example/Mod", "v1.1.0", &first)
        .add("one.example/Mod", "v1.2.0", &second)
        .add("two.example/other", "v0.3.0", &other)
        .add("two.example/other/v2", "v2.0.0", &major)
}
