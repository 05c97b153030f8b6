//! Finding codes of the command line, and the catalogue of all codes.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use fairlead_diag::Code;

use crate::command::Explain;

fairlead_diag::codes! {
    /// Options were given in a place that does not count.
    IGNORED = "FLD-CLI-0001", Warning, "options are ignored",
        "The static configuration comes from one place: a file if there is one, else flags, else TRAEFIK_… variables. Whatever the other places say is ignored, \
         as Traefik ignores it (silently). Move the options to the place that wins.";
    /// A file is neither static nor dynamic configuration.
    NOT_CONFIGURATION = "FLD-CLI-0002", Error, "file is not a configuration",
        "The file has none of the top-level keys of a static configuration (entryPoints, providers, api …) or a dynamic one (http, tcp, udp, tls).";
}

/// Every code of every system, sorted.
pub(crate) fn catalogue() -> Vec<&'static Code> {
    let tables: [&[&'static Code]; 7] = [
        ALL,
        fairlead_conf::codes::ALL,
        fairlead_model::codes::ALL,
        fairlead_provider::codes::ALL,
        fairlead_middleware::codes::ALL,
        fairlead_gateway::codes::ALL,
        fairlead_mirror::codes::ALL,
    ];
    let mut all: Vec<&'static Code> = tables.concat();
    all.sort_by_key(|code| code.id);
    all
}

/// `fairlead explain [CODE]`
pub(crate) fn explain(options: &Explain) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    let all = catalogue();
    let Some(wanted) = &options.code else {
        for code in all {
            writeln!(out, "{}  {:7}  {}", code.id, code.severity.word(), code.title)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    match all.iter().find(|code| code.id.eq_ignore_ascii_case(wanted)) {
        Some(code) => write!(out, "{}", fairlead_diag::explain(code))?,
        None => {
            let near = fairlead_conf::nearest(&wanted.to_uppercase(), all.iter().map(|code| code.id));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            bail!("there is no code {wanted}{hint} (`fairlead explain` lists all)");
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_used_twice() {
        let all = catalogue();
        for pair in all.windows(2) {
            assert_ne!(pair[0].id, pair[1].id);
        }
    }
}
