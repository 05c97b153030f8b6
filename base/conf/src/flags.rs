//! Traefik-style flags: the name is the path of the option.
//!
//! `--entryPoints.web.address=:80`, `--api.insecure` (alone: true), `--ping=false`, `--a.b value`, one dash or two.

use fairlead_diag::{Finding, Findings, Origin};

use crate::paths::PathTree;
use crate::{Node, codes};

/// Reads arguments, without the name of the program, into a tree. Names keep the case they were typed in.
///
/// # Errors
/// Every argument that is no flag, and every name that is no path.
pub fn parse(args: &[String]) -> Result<Node, Findings> {
    let mut tree = PathTree::default();
    let mut findings = Findings::new();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let Some(flag) =
            arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            findings.push(not_a_flag(arg));
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            None => (flag, args.next_if(|next| !next.starts_with('-')).map_or("true", String::as_str)),
        };
        let dashes = &arg[..arg.len() - flag.len()];
        let origin = Origin::Flag(format!("{dashes}{name}").into());
        if let Err(error) = tree.set(name, value, &origin) {
            findings.push(
                Finding::new(&codes::BAD_FLAG, format!("flag `{dashes}{name}`: {error}"))
                    .at(&origin)
                    .help("name the option by its path, such as --entryPoints.web.address=:80"),
            );
        }
    }
    if findings.is_empty() { Ok(tree.into_node()) } else { Err(findings) }
}

fn not_a_flag(arg: &str) -> Finding {
    let shown: String = arg.chars().take(40).collect();
    Finding::new(&codes::BAD_FLAG, format!("`{shown}` is not a flag"))
        .at(&Origin::Flag(shown.into()))
        .help("flags begin with --; a value follows its flag after = or as the next argument")
}
