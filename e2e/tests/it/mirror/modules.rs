//! What is served: every form that a module's name and version can take.

use fairlead_testkit::goproxy::{Modules, Release};

/// A version of a commit.
pub(crate) const PSEUDO: &str = "v0.0.0-20240405060708-0123456789ab";

/// The public modules.
pub(crate) fn public() -> Modules {
    let package = |name: &str| {
        Release::new().file(&format!("{name}.go"), format!("package {name}\n\nconst Name = \"{name}\"\n"))
    };
    let lib = package("lib")
        .requires("one.example/Mod", "v1.1.0")
        .file("more.go", "package lib\n\nimport mod \"one.example/Mod\"\n\nconst More = mod.Name\n");
    let retracts = package("withdrawn").retracts("v1.0.0").at("2024-03-01T00:00:00Z");
    Modules::new()
        .add("one.example/Mod", "v1.0.0", &package("mod"))
        .add("one.example/Mod", "v1.1.0", &package("mod").at("2024-02-01T00:00:00Z"))
        .add("one.example/Mod", "v1.2.0-rc.1", &package("mod").at("2024-02-02T00:00:00Z"))
        .add("two.example/lib", "v0.3.0", &lib)
        .add("two.example/lib/v2", "v2.0.0", &package("lib"))
        .add("old.example/compat", "v3.1.0+incompatible", &package("compat").without_go_mod())
        .add("three.example/pseudo", PSEUDO, &package("pseudo").at("2024-04-05T06:07:08Z"))
        .query("three.example/pseudo", "main", PSEUDO)
        .add("four.example/withdrawn", "v1.0.0", &package("withdrawn"))
        .add("four.example/withdrawn", "v1.1.0", &retracts)
}

/// A module that nobody else may hear of.
pub(crate) fn private() -> Modules {
    let secret = Release::new().file("secret.go", "package secret\n\nconst Name = \"secret\"\n").private();
    Modules::new().add("corp.example/secret", "v1.0.0", &secret)
}

/// A project that needs these packages; `as` names them apart.
pub(crate) fn project(packages: &[&str]) -> String {
    let lines = packages.iter().enumerate().map(|(at, package)| format!("import p{at} \"{package}\"\n"));
    let uses = (0..packages.len()).map(|at| format!("const C{at} = p{at}.Name\n"));
    format!("package app\n\n{}\n{}", lines.collect::<String>(), uses.collect::<String>())
}

/// Everything but what is private.
pub(crate) const PACKAGES: [&str; 6] = [
    "one.example/Mod",
    "two.example/lib",
    "two.example/lib/v2",
    "old.example/compat",
    "three.example/pseudo",
    "four.example/withdrawn",
];
