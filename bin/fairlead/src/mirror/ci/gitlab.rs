//! The job `fairlead-mirror-env` of `ci/gitlab/fairlead-mirror.yml`: a tenant's variables as a dotenv report, with those of its
//! Go mirrors that are valid.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::super::{INTERNAL, WrongUsage};
use super::child::Fairlead;
use super::list::{Credentials, List};
use super::{own_folder, variables};

/// The report.
const REPORT: &str = "fairlead-mirror.env";

/// Runs the job that this process is.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let folder = own_folder(&std::env::temp_dir())?;
    let job = Job {
        variable: &variable,
        fairlead: Fairlead { program: std::env::current_exe()?, netrc: None },
        folder: &folder,
    };
    let done = job.run(Path::new(REPORT));
    // The verdict counts, not what is left over.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(ExitCode::from(done?))
}

struct Job<'a> {
    /// Variables of the job; an empty one is none.
    variable: &'a dyn Fn(&str) -> Option<String>,
    fairlead: Fairlead,
    folder: &'a Path,
}

impl Job<'_> {
    /// Writes the report and gives the exit code.
    fn run(&self, report: &Path) -> anyhow::Result<u8> {
        let (code, text) = self.fairlead(&self.tenant()?)?;
        if code != 0 {
            return Ok(code);
        }
        let mut all = variables(&text);
        if let Some((_, goproxy)) = all.iter_mut().find(|(name, _)| name == "GOPROXY") {
            let list = List::parse(goproxy).map_err(|Credentials(_)| {
                let what = "the tenant's GOPROXY has credentials in a URL: put them into a .netrc file";
                WrongUsage(what.to_owned())
            })?;
            if !list.urls.is_empty() {
                match self.choose(&list)? {
                    Ok(chosen) => *goproxy = format!("{chosen}{}", list.end),
                    Err(code) => return Ok(code),
                }
            }
        }
        let text: String = all.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        write(report, &text).with_context(|| format!("cannot write {}", report.display()))?;
        write!(anstream::stdout(), "{text}")?;
        Ok(0)
    }

    fn tenant(&self) -> Result<Vec<String>, WrongUsage> {
        let first = |names: &[&str]| names.iter().find_map(|name| (self.variable)(name));
        let missing = |what: &str| WrongUsage(format!("{what} is not set: this is a job of ci/gitlab"));
        let file = first(&["FAIRLEAD_TENANTS"]).ok_or_else(|| missing("FAIRLEAD_TENANTS"))?;
        let tenant = first(&["TENANT", "FAIRLEAD_TENANT", "CI_PROJECT_ROOT_NAMESPACE"]);
        let tenant = tenant.ok_or_else(|| missing("TENANT"))?;
        let environment = first(&["CI_ENVIRONMENT_NAME", "FAIRLEAD_ENVIRONMENT"]);
        let environment = environment.unwrap_or_else(|| "default".to_owned());
        let words = ["mirror", "env", "--format=gitlab-dotenv"].map(str::to_owned).into_iter();
        let named = [("tenant", tenant), ("env", environment), ("tenants", file)];
        Ok(words.chain(named.map(|(name, value)| format!("--{name}={value}"))).collect())
    }

    /// Mirrors that may be used, best first, or the exit code when there is none.
    fn choose(&self, list: &List) -> anyhow::Result<Result<String, u8>> {
        let table = self.folder.join("table");
        let mut words = vec!["mirror".to_owned(), "check".to_owned()];
        for (option, name) in
            [("timeout", "FAIRLEAD_TIMEOUT"), ("retries", "FAIRLEAD_RETRIES"), ("jobs", "FAIRLEAD_JOBS")]
        {
            words.extend((self.variable)(name).map(|value| format!("--{option}={value}")));
        }
        let options = (self.variable)("FAIRLEAD_CHECK_OPTIONS").unwrap_or_default();
        words.extend(options.split_whitespace().map(str::to_owned));
        words.extend(["--pick".to_owned(), format!("--output={}", table.display()), "--".to_owned()]);
        words.extend(list.urls.iter().cloned());
        let (code, chosen) = self.fairlead(&words)?;
        write!(anstream::stdout(), "{}", std::fs::read_to_string(table).unwrap_or_default())?;
        let chosen = chosen.trim();
        if chosen.is_empty() {
            anstream::eprintln!("no Go module mirror of the tenant is valid");
            return Ok(Err(if code == 0 { INTERNAL } else { code }));
        }
        if chosen.split('|').count() < list.urls.len() {
            anstream::eprintln!("some Go module mirrors of the tenant are not valid and left out");
        }
        Ok(Ok(chosen.to_owned()))
    }

    /// Runs fairlead and gives its exit code and its standard output; its errors are shown.
    fn fairlead(&self, words: &[String]) -> anyhow::Result<(u8, String)> {
        let out = self.folder.join("out");
        let code = self.fairlead.run(words, Some(&out), |piece| anstream::stderr().write_all(piece))?;
        Ok((code, std::fs::read_to_string(out)?))
    }
}

/// Writes a file for nobody else: a tenant's variables may be secret.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use fairlead_testkit::Dir;

    use super::*;

    /// Runs the job with a program that says `sets` for `env`, and `picks` for the check, which ends with `code`.
    fn job(
        given: &[(&str, &str)],
        sets: &str,
        picks: &str,
        code: u8,
    ) -> (anyhow::Result<u8>, String, Vec<String>) {
        let dir = Dir::new();
        let here = dir.path().display();
        dir.write("sets", sets);
        dir.write("picks", picks);
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{here}/calls'\ncase $2 in env) cat '{here}/sets' ;; *) cat '{here}/picks'; exit {code} ;; esac\n"
        );
        let program = dir.write("fairlead", script);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let given = given.to_vec();
        let variable =
            |name: &str| given.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        let job =
            Job { variable: &variable, fairlead: Fairlead { program, netrc: None }, folder: dir.path() };
        let done = job.run(&dir.join("report"));
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        if let Ok(file) = dir.join("report").metadata() {
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
        (done, read("report"), read("calls").lines().map(str::to_owned).collect())
    }

    const FILE: (&str, &str) = ("FAIRLEAD_TENANTS", "t.yml");

    #[test]
    fn the_mirrors_that_may_be_used_stand_where_all_stood() {
        let sets = "REGISTRY_MIRROR=r.example\nGOPROXY=https://a.example,https://b.example|direct\nGOPRIVATE=*.c=d\n";
        let given = [
            FILE,
            ("CI_PROJECT_ROOT_NAMESPACE", "acme"),
            ("FAIRLEAD_RETRIES", "7"),
            ("FAIRLEAD_CHECK_OPTIONS", " --a=* \n--b "),
        ];
        let (done, report, calls) = job(&given, sets, "https://b.example/\n", 2);
        assert_eq!(done.unwrap(), 0);
        assert_eq!(report, "REGISTRY_MIRROR=r.example\nGOPROXY=https://b.example/|direct\nGOPRIVATE=*.c=d\n");
        assert_eq!(calls[0], "mirror env --format=gitlab-dotenv --tenant=acme --env=default --tenants=t.yml");
        assert!(calls[1].starts_with("mirror check --retries=7 --a=* --b --pick --output="), "{calls:?}");
        assert!(calls[1].ends_with("/table -- https://a.example https://b.example"), "{calls:?}");
    }

    #[test]
    fn without_a_valid_mirror_there_is_no_report() {
        for (code, status) in [(0, INTERNAL), (3, 3)] {
            let (done, report, _) =
                job(&[FILE, ("TENANT", "acme")], "GOPROXY=https://a.example,direct\n", "\n", code);
            assert_eq!((done.unwrap(), &*report), (status, ""));
        }
    }

    #[test]
    fn what_is_no_mirror_is_not_checked() {
        let given = [
            FILE,
            ("FAIRLEAD_TENANT", "a b"),
            ("TENANT", "first"),
            ("CI_ENVIRONMENT_NAME", "prod"),
            ("FAIRLEAD_ENVIRONMENT", "no"),
        ];
        for sets in ["GOPROXY=direct\n", "REGISTRY_MIRROR=r.example\n", ""] {
            let (done, report, calls) = job(&given, sets, "", 9);
            assert_eq!((done.unwrap(), &*report), (0, sets));
            assert_eq!(
                calls,
                ["mirror env --format=gitlab-dotenv --tenant=first --env=prod --tenants=t.yml"]
            );
        }
    }

    #[test]
    fn wrong_usage_is_told_without_secrets() {
        let usage = |given: &[(&str, &str)], sets: &str| {
            let (done, report, _) = job(given, sets, "", 0);
            let error = done.unwrap_err();
            assert!(error.is::<WrongUsage>() && report.is_empty(), "{error}");
            error.to_string()
        };
        assert!(usage(&[("TENANT", "acme")], "").contains("FAIRLEAD_TENANTS is not set"));
        assert!(usage(&[FILE], "").contains("TENANT is not set"));
        let told = usage(&[FILE, ("TENANT", "acme")], "GOPROXY=https://ci:s3cret@a.example\n");
        assert!(told.contains(".netrc") && !told.contains("s3cret"), "{told}");
    }
}
