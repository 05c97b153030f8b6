//! Arguments of `fairlead mirror check` and `verify` out of inputs.

use std::path::Path;

use super::super::WrongUsage;
use super::inputs::Inputs;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Checks mirrors: all must be valid.
    Check,
    /// Checks mirrors, and lets the steps that follow use the healthy ones.
    Setup,
    /// Proves files like go.sum.
    Verify,
}

impl Mode {
    /// # Errors
    /// It is none of the three.
    pub(super) fn read(inputs: &Inputs) -> Result<Self, WrongUsage> {
        match inputs.or("MODE", "check") {
            "check" => Ok(Mode::Check),
            "setup" => Ok(Mode::Setup),
            "verify" => Ok(Mode::Verify),
            other => Err(WrongUsage(format!("the input mode is `{other}`, not check, setup or verify"))),
        }
    }

    /// The input's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Mode::Check => "check",
            Mode::Setup => "setup",
            Mode::Verify => "verify",
        }
    }
}

/// Arguments of a check, before the output and the mirrors; `folder` is the step's own. Secrets are no arguments, which every
/// process of the machine may read.
///
/// # Errors
/// An input that makes no sense.
pub(super) fn check(inputs: &Inputs, mode: Mode, folder: &Path) -> Result<Vec<String>, WrongUsage> {
    let kind = inputs.or("KIND", "goproxy");
    if mode == Mode::Setup && kind != "goproxy" {
        let what = format!("setup chooses Go module mirrors, and the input kind is `{kind}`");
        return Err(WrongUsage(what));
    }
    let mut all = vec!["mirror".to_owned(), "check".to_owned(), format!("--kind={kind}")];
    for (option, input) in [("timeout", "TIMEOUT"), ("retries", "RETRIES"), ("jobs", "JOBS")] {
        add(&mut all, option, inputs.text(input));
    }
    match inputs.text("CACHE_TTL") {
        // `setup` asks twice, and the second answer must be the first.
        "off" if mode == Mode::Setup => all.push(format!("--cache={}", folder.join("probe").display())),
        "off" => all.push("--no-cache".to_owned()),
        time => add(&mut all, "cache-ttl", time),
    }
    for (option, input) in [("--strict", "STRICT"), ("--fold-exit-codes", "FOLD_EXIT_CODES")] {
        if inputs.switch(input)? {
            all.push(option.to_owned());
        }
    }
    if !inputs.text("TOKEN").is_empty() {
        all.push("--token-env=FAIRLEAD_INPUT_TOKEN".to_owned());
    }
    options(inputs, &mut all)?;
    Ok(all)
}

/// Arguments of a proof, before the output and the files.
///
/// # Errors
/// As [`check`].
pub(super) fn verify(inputs: &Inputs) -> Result<Vec<String>, WrongUsage> {
    let mut all = vec!["mirror".to_owned(), "verify".to_owned()];
    add(&mut all, "jobs", inputs.text("JOBS"));
    options(inputs, &mut all)?;
    Ok(all)
}

/// Files to prove.
///
/// # Errors
/// There is none.
pub(super) fn files(inputs: &Inputs) -> Result<Vec<String>, WrongUsage> {
    let files: Vec<String> = inputs.lines("GO_SUM", "go.sum").map(str::to_owned).collect();
    if files.is_empty() {
        return Err(WrongUsage("the input go-sum names no file".to_owned()));
    }
    Ok(files)
}

/// Arguments that write a tenant's variables; `None` without a tenant.
///
/// # Errors
/// There is no file of tenants.
pub(super) fn tenant(inputs: &Inputs) -> Result<Option<Vec<String>>, WrongUsage> {
    let (tenant, file) = (inputs.text("TENANT"), inputs.text("TENANTS"));
    if tenant.is_empty() {
        return Ok(None);
    }
    if file.is_empty() {
        return Err(WrongUsage("the input tenant needs the input tenants, a file".to_owned()));
    }
    let environment = inputs.or("ENV", "default");
    let words = ["mirror", "env", "--format=github"].map(str::to_owned).into_iter();
    let named = [("tenant", tenant), ("env", environment), ("tenants", file)];
    Ok(Some(words.chain(named.map(|(name, value)| format!("--{name}={value}"))).collect()))
}

/// An option without a value keeps its default.
fn add(all: &mut Vec<String>, option: &str, value: &str) {
    if !value.is_empty() {
        all.push(format!("--{option}={value}"));
    }
}

fn options(inputs: &Inputs, all: &mut Vec<String>) -> Result<(), WrongUsage> {
    for line in inputs.lines("OPTIONS", "") {
        if !line.starts_with('-') {
            let why = "does not begin with a hyphen: write an option and its value as --name=value";
            return Err(WrongUsage(format!("a line of the input options {why}")));
        }
        all.push(line.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_of(mode: Mode, given: &[(&str, &str)]) -> Result<String, String> {
        let all = check(&Inputs::of(given), mode, Path::new("/temp/a b"));
        all.map(|all| all.join("\n")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_input_becomes_its_option() {
        let given = [
            ("KIND", "goproxy"),
            ("TIMEOUT", "3s"),
            ("RETRIES", "7"),
            ("JOBS", "2"),
            ("CACHE_TTL", "1m"),
            ("STRICT", "true"),
            ("FOLD_EXIT_CODES", "true"),
            ("TOKEN", "t0ken"),
            ("OPTIONS", "--reference=https://r.example\r\n\n--private=p.example/with space\n-j=$(touch x)"),
        ];
        let expected = "mirror\ncheck\n--kind=goproxy\n--timeout=3s\n--retries=7\n--jobs=2\n--cache-ttl=1m\n--strict\n--fold-exit-codes\n\
                        --token-env=FAIRLEAD_INPUT_TOKEN\n--reference=https://r.example\n--private=p.example/with space\n-j=$(touch x)";
        assert_eq!(check_of(Mode::Check, &given).unwrap(), expected);
        let proof = verify(&Inputs::of(&given)).unwrap().join("\n");
        let rest = expected.split_once("UT_TOKEN\n").unwrap().1;
        assert_eq!(proof, format!("mirror\nverify\n--jobs=2\n{rest}"));
    }

    #[test]
    fn what_is_not_given_keeps_its_default() {
        assert_eq!(check_of(Mode::Check, &[]).unwrap(), "mirror\ncheck\n--kind=goproxy");
        assert_eq!(
            check_of(Mode::Setup, &[("STRICT", "false"), ("TIMEOUT", "")]).unwrap(),
            "mirror\ncheck\n--kind=goproxy"
        );
        assert_eq!(verify(&Inputs::default()).unwrap(), ["mirror", "verify"]);
        assert_eq!(files(&Inputs::default()).unwrap(), ["go.sum"]);
    }

    #[test]
    fn without_a_cache_setup_remembers_within_its_step() {
        let off = [("CACHE_TTL", "off")];
        assert!(check_of(Mode::Check, &off).unwrap().ends_with("\n--no-cache"));
        assert!(check_of(Mode::Setup, &off).unwrap().ends_with("\n--cache=/temp/a b/probe"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |mode, name, value| check_of(mode, &[(name, value)]).unwrap_err();
        assert!(refused(Mode::Setup, "KIND", "oci").contains("the input kind is `oci`"));
        assert!(refused(Mode::Check, "STRICT", "yes").contains("not true or false"));
        assert!(
            refused(Mode::Check, "OPTIONS", "--a\nhttps://other.example").contains("begin with a hyphen")
        );
        assert!(files(&Inputs::of(&[("GO_SUM", "\r\n\n")])).is_err());
        assert!(Mode::read(&Inputs::of(&[("MODE", "Check")])).is_err());
    }

    #[test]
    fn a_tenant_needs_its_file() {
        assert_eq!(tenant(&Inputs::of(&[("TENANTS", "t.yml")])).unwrap(), None);
        assert!(tenant(&Inputs::of(&[("TENANT", "acme")])).is_err());
        let given = [("TENANT", "--acme"), ("ENV", ""), ("TENANTS", "a b.yml")];
        let expected =
            ["mirror", "env", "--format=github", "--tenant=--acme", "--env=default", "--tenants=a b.yml"];
        assert_eq!(tenant(&Inputs::of(&given)).unwrap().unwrap(), expected);
    }
}
