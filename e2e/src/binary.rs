//! Which binary is under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, bail};

/// What the binary is, which decides how it is started and which expectations hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours: `fairlead gateway --configFile=…`
    Fairlead,
    /// `traefik --configFile=…`
    Traefik,
}

impl Kind {
    /// The word in `FAIRLEAD_SUBJECT_KIND` and in `differs`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Fairlead => "fairlead",
            Kind::Traefik => "traefik",
        }
    }
}

/// The binary that `FAIRLEAD_SUBJECT` names, or ours of the build that this test belongs to, built when it is missing or older than its
/// sources.
///
/// # Errors
/// An unknown kind, or a build that fails.
pub fn binary() -> anyhow::Result<(Kind, PathBuf)> {
    let kind = match std::env::var("FAIRLEAD_SUBJECT_KIND").as_deref() {
        Err(_) | Ok("" | "fairlead") => Kind::Fairlead,
        Ok("traefik") => Kind::Traefik,
        Ok(other) => bail!("FAIRLEAD_SUBJECT_KIND is `{other}`, not fairlead or traefik"),
    };
    match std::env::var_os("FAIRLEAD_SUBJECT") {
        Some(path) if !path.is_empty() => Ok((kind, path.into())),
        _ if kind == Kind::Traefik => bail!("FAIRLEAD_SUBJECT must name the traefik binary"),
        _ => Ok((kind, ours()?)),
    }
}

fn ours() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("this test has no path")?;
    // TARGET/PROFILE/deps/THIS
    let profile = test.ancestors().nth(2).context("this test is not in a target folder")?;
    let path = profile.join("fairlead");
    if is_stale(&path) {
        build(profile)?;
    }
    Ok(path)
}

/// Whether the binary is missing or older than one of the sources that cargo lists beside it.
fn is_stale(binary: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    let Some(built) = changed(binary) else { return true };
    let Ok(listed) = std::fs::read_to_string(binary.with_extension("d")) else { return true };
    let sources = listed.split_once(": ").map_or("", |(_, sources)| sources);
    sources.split_whitespace().any(|source| changed(Path::new(source)).unwrap_or(SystemTime::now()) > built)
}

fn build(profile: &Path) -> anyhow::Result<()> {
    let target = profile.parent().context("no target folder")?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", "fairlead", "--target-dir"]).arg(target);
    if profile.file_name().is_some_and(|name| name == "release") {
        command.arg("--release");
    }
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().context("cannot run cargo")?;
    if status.success() { Ok(()) } else { bail!("`cargo build --package fairlead` failed") }
}
