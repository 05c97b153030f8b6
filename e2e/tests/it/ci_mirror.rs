//! What a job checks: a Go module mirror with one module, and in place of fairlead a program that only writes down how it was
//! called.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use fairlead_e2e::{Kind, binary};
use fairlead_testkit::goproxy::{Modules, Release, Upstream};
use fairlead_testkit::{Dir, free_port};

/// Our binary; `None` when another one is under test.
pub(crate) fn fairlead() -> Option<String> {
    let (kind, path) = binary().unwrap();
    (kind == Kind::Fairlead).then(|| path.display().to_string())
}

/// Releases of one module.
pub(crate) fn modules() -> Modules {
    let release = Release::new().file("m.go", "package m\n");
    Modules::new().add("good.example/m", "v1.0.0", &release).add("good.example/m", "v1.1.0", &release)
}

/// A mirror of them.
pub(crate) fn mirror() -> Upstream {
    Upstream::start(&modules())
}

/// A URL that nobody listens at.
pub(crate) fn nowhere() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

/// Options that make the module the one that is asked for; `pins` is a file with its hashes.
pub(crate) fn canary(pins: &str) -> [String; 4] {
    ["--canary=good.example/m@v1.0.0", "--canary=!good.example/m@v1.9.9", "--sumdb=off"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("--pins={pins}")])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

/// A program in place of fairlead: it writes its arguments down, says something and exits with a code.
pub(crate) struct Stand {
    dir: Dir,
    path: PathBuf,
}

impl Stand {
    pub(crate) fn new(says: &str, code: u8) -> Stand {
        let dir = Dir::new();
        dir.write("says", says);
        let folder = dir.path().display();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" >>'{folder}/calls'\ncat '{folder}/says'\nexit {code}\n"
        );
        let path = dir.write("fairlead", script);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Stand { dir, path }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Its arguments, in all calls: each call begins with their number.
    pub(crate) fn calls(&self) -> String {
        std::fs::read_to_string(self.dir.join("calls")).unwrap_or_default()
    }
}
