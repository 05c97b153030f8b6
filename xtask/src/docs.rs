//! Reference pages that must follow the code: `docs/reference/findings.md` and `docs/reference/middlewares.md`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use fairlead_diag::Code;

/// Writes the pages, or with `check` fails when one is not as it would be written.
///
/// # Errors
/// When a page cannot be written, or differs.
pub(crate) fn generate(check: bool) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, text) in
        [("docs/reference/findings.md", findings()), ("docs/reference/middlewares.md", middlewares())]
    {
        let path = root().join(path);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        if check {
            stale.push(path.display().to_string());
        } else {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("these pages do not follow the code, run `cargo run -p xtask -- docs`: {}", stale.join(", "))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

fn findings() -> String {
    let tables: [(&str, &[&'static Code]); 6] = [
        ("Configuration files, flags and environment", fairlead_conf::codes::ALL),
        ("Options of the gateway", fairlead_model::codes::ALL),
        ("Providers", fairlead_provider::codes::ALL),
        ("Middlewares", fairlead_middleware::codes::ALL),
        ("The running gateway", fairlead_gateway::codes::ALL),
        ("The module mirror", fairlead_mirror::codes::ALL),
    ];
    let mut page = String::from(
        "# Finding codes\n\nEvery finding has a stable code. `fairlead explain CODE` prints what is written here.\n\
         This page is made from the code by `cargo run -p xtask -- docs`.\n",
    );
    for (title, codes) in tables {
        let _ = writeln!(page, "\n## {title}\n");
        for code in codes {
            let _ = writeln!(
                page,
                "### {} {}\n\n*{}*. {}\n",
                code.id,
                code.title,
                code.severity.word(),
                code.explain
            );
        }
    }
    page.trim_end().to_owned() + "\n"
}

fn middlewares() -> String {
    let mut page = String::from(
        "# Middlewares\n\nEvery middleware that a configuration may name. This page is made from the code by `cargo run -p xtask -- docs`.\n\
         A middleware that this version cannot run yet is decoded and reported, and routers that use it are left out.\n\n\
         | middleware | what it does |\n|---|---|\n",
    );
    for kind in fairlead_middleware::ALL {
        let _ = writeln!(page, "| `{}` | {} |", kind.name, kind.summary);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_follow_the_code() {
        generate(true).unwrap();
    }
}
