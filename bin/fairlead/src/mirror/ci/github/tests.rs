//! The step with programs in place of fairlead: they write down how they were called, say something and end with a code.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use fairlead_testkit::Dir;

use super::*;

/// A job on a machine of its own.
struct Job {
    dir: Dir,
    goproxy: &'static str,
}

/// What a step has left.
struct Left {
    status: u8,
    log: String,
    output: String,
    env: String,
    summary: String,
    calls: Vec<String>,
}

impl Left {
    fn is(&self, status: u8, verdict: &str, code: u8) {
        let said = format!("{}\n{}", self.log, self.summary);
        assert_eq!(self.status, status, "{said}");
        assert!(self.output.contains(&format!("\n{verdict}\n")), "{}", self.output);
        assert!(self.output.contains(&format!("\n{code}\n")), "{}", self.output);
        assert!(self.summary.contains(&format!("| **{verdict}** | {code} |")), "{}", self.summary);
    }

    /// Lines of the log that are commands to the runner: those between a stop and its mark are not.
    fn commands(&self) -> Vec<&str> {
        let mut stopped = None;
        let mut commands = Vec::new();
        for line in self.log.lines().filter(|line| line.starts_with("::")) {
            match stopped {
                Some(mark) if line == format!("::{mark}::") => stopped = None,
                Some(_) => {}
                None => {
                    stopped = line.strip_prefix("::stop-commands::");
                    commands.extend(stopped.is_none().then_some(line));
                }
            }
        }
        assert_eq!(stopped, None, "commands are stopped at the end");
        commands
    }
}

impl Job {
    /// Fairlead says `says` and exits with `code`; with `--pick` it says `picks`, and with `env` it says `sets`.
    fn new(says: &str, code: u8, picks: &str, sets: &str) -> Job {
        let dir = Dir::new();
        for (name, text) in [("says", says), ("picks", picks), ("sets", sets)] {
            dir.write(name, text);
        }
        let here = dir.path().display();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{here}/calls'\ncat \"${{NETRC:-/dev/null}}\" >'{here}/netrc'\n\
             case \" $* \" in *' env '*) cat '{here}/sets'; exit ;; *' --pick '*) cat '{here}/picks' ;; *) cat '{here}/says' ;; esac\nexit {code}\n"
        );
        let path = dir.write("fairlead", script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Job { dir, goproxy: "" }
    }

    fn run(&self, inputs: &[(&str, &str)]) -> Left {
        let files = Files::read(|name| Some(self.dir.join(name))).unwrap();
        let fairlead = Fairlead { program: self.dir.join("fairlead"), netrc: None };
        let mut log = Vec::new();
        let runner = Runner::new(&mut log, files);
        let step = Step::new(Inputs::of(inputs), self.goproxy.to_owned(), fairlead, runner, self.dir.path());
        let status = step.unwrap().run().unwrap();
        let read = |name: &str| std::fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        Left {
            status,
            log: String::from_utf8(log).unwrap(),
            output: read("GITHUB_OUTPUT"),
            env: read("GITHUB_ENV"),
            summary: read("GITHUB_STEP_SUMMARY"),
            calls: read("calls").lines().map(str::to_owned).collect(),
        }
    }
}

const URL: (&str, &str) = ("URL", "https://m.example");

#[test]
fn exit_codes_have_words() {
    let words = [
        (0, "valid"),
        (1, "unreachable"),
        (2, "protocol"),
        (3, "integrity"),
        (4, "degraded"),
        (64, "usage"),
        (70, "internal"),
        (101, "internal"),
    ];
    for (code, word) in words {
        let left = Job::new("said\n", code, "", "").run(&[URL]);
        left.is(code, word, code);
        assert_eq!(left.commands().len(), usize::from(code != 0), "{}", left.log);
        assert!(left.summary.contains("\n    said\n"), "{}", left.summary);
    }
    Job::new("", 2, "", "").run(&[URL, ("FOLD_EXIT_CODES", "true")]).is(2, "invalid", 2);
}

#[test]
fn a_program_that_cannot_run_is_a_failure_that_is_told() {
    let job = Job::new("", 0, "", "");
    std::fs::remove_file(job.dir.join("fairlead")).unwrap();
    let left = job.run(&[URL]);
    left.is(70, "internal", 70);
    let [annotation] = left.commands()[..] else { panic!("{}", left.log) };
    assert!(
        annotation.starts_with("::error title=mirror check%3A internal::cannot start fairlead"),
        "{annotation}"
    );
}

#[test]
fn what_fairlead_says_is_no_workflow_command() {
    let says = "::error::owned\n::add-mask::e\n ::stop-commands::x\n```\n# heading\r\n::end";
    let left = Job::new(says, 2, "", "").run(&[URL]);
    left.is(2, "protocol", 2);
    let [annotation] = left.commands()[..] else { panic!("{}", left.log) };
    assert!(
        annotation.starts_with("::error title=mirror check%3A protocol::%3A%3Aerror")
            || annotation.contains("::error::owned%0A::add-mask::e%0A"),
        "{annotation}"
    );
    assert!(left.summary.ends_with("\n    ```\n    # heading\n    ::end\n\n"), "{}", left.summary);
}

#[test]
fn a_long_log_is_shown_whole_and_told_in_short() {
    let says = "é\n".repeat(200_000);
    let left = Job::new(&says, 1, "", "").run(&[URL]);
    assert!(left.log.contains(&says));
    assert!(left.summary.len() < 400_000, "{}", left.summary.len());
    assert_eq!(left.commands()[0].matches("é").count(), ANNOTATED.0);
    let wide = "é".repeat(10_000);
    let left = Job::new(&format!("a{wide}"), 1, "", "").run(&[URL]);
    assert!(left.commands()[0].len() < ANNOTATED.1 + 100);
}

#[test]
fn a_warning_is_annotated() {
    let left = Job::new("warning[FLD-MIR-0022]: mind the comma\n", 0, "", "").run(&[URL]);
    left.is(0, "valid", 0);
    let [annotation] = left.commands()[..] else { panic!("{}", left.log) };
    assert!(
        annotation.starts_with("::warning title=mirror check%3A valid%2C with warnings::warning[FLD"),
        "{annotation}"
    );
}

#[test]
fn secrets_are_masked_first_and_in_no_argument() {
    let netrc = "machine m.example\n  login ci\n  password pa%ss\nmachine n.example login ci password f*";
    let job = Job::new("", 2, "", "");
    let left = job.run(&[URL, ("TOKEN", "t0ken"), ("NETRC", netrc)]);
    assert!(
        left.log.starts_with("::add-mask::t0ken\n::add-mask::pa%25ss\n::add-mask::f*\n::stop"),
        "{}",
        left.log
    );
    assert_eq!(std::fs::read_to_string(job.dir.join("netrc")).unwrap(), format!("{netrc}\n"));
    assert!(left.calls[0].contains("--token-env=FAIRLEAD_INPUT_TOKEN"), "{:?}", left.calls);
    for secret in ["t0ken", "pa%ss", "f*"] {
        assert!(!left.calls[0].contains(secret), "{:?}", left.calls);
    }
    let folder = std::fs::read_dir(job.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let folder = folder.into_iter().find(|path| path.is_dir()).unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let left = Job::new("", 0, "", "").run(&[("URLS", "https://a.example https://ci:s3cret@m.example/go")]);
    left.is(64, "usage", 64);
    let commands = left.commands();
    assert_eq!(commands[..2], ["::add-mask::ci:s3cret", "::add-mask::s3cret"]);
    assert!(commands[2].contains("the input netrc") && left.calls.is_empty(), "{commands:?}");
}

/// Texts that a workflow command or a file of the runner's would take for more than text.
const HOSTILE: [&str; 6] = [
    "a\n::error::owned\nGOPROXY=https://evil.example",
    "a\r\n::set-env name=GOPROXY::owned\r\nGOPROXY<<E\nowned\nE",
    "%0A::error::owned",
    "'; touch x; \"$(touch x)`touch x`",
    "  \u{2028}::error::owned\u{85}::error::owned",
    "--\n-h\n--help",
];

#[test]
fn no_input_is_taken_for_a_command() {
    let names = [
        "MODE",
        "URL",
        "URLS",
        "KIND",
        "TIMEOUT",
        "RETRIES",
        "JOBS",
        "CACHE_TTL",
        "STRICT",
        "FOLD_EXIT_CODES",
        "OPTIONS",
        "GO_SUM",
        "TENANT",
        "ENV",
        "TENANTS",
        "TOKEN",
        "NETRC",
    ];
    for name in names {
        for (text, mode) in HOSTILE.iter().zip(["check", "setup", "verify"].iter().cycle()) {
            let job = Job::new("", 0, "https://m.example", "GOPROXY=https://m.example\n");
            let mut inputs = vec![("MODE", *mode), URL, ("TENANTS", "t.yml")];
            inputs.retain(|(other, _)| *other != name);
            inputs.push((name, text));
            let left = job.run(&inputs);
            let own = |line: &&str| {
                ["::add-mask::", "::error title=mirror ", "::warning title=mirror "]
                    .iter()
                    .any(|own| line.starts_with(own))
            };
            assert!(left.commands().iter().all(own), "{inputs:?}: {}", left.log);
            assert!(!left.env.contains("evil") && !left.env.contains("owned"), "{inputs:?}: {}", left.env);
            assert_eq!(left.output.matches("<<").count(), 4, "{inputs:?}: {}", left.output);
        }
    }
}

#[test]
fn setup_keeps_the_end_of_the_list_and_the_separator_before_it() {
    let job = Job::new("", 2, "https://a.example/|https://b.example/\n", "");
    let urls = ("URLS", "https://a.example https://b.example,https://c.example|direct,https://never.example");
    let left = job.run(&[("MODE", "setup"), urls]);
    left.is(0, "protocol", 2);
    assert!(
        left.env.starts_with("GOPROXY<<")
            && left.env.contains("\nhttps://a.example/|https://b.example/|direct\n"),
        "{}",
        left.env
    );
    assert!(
        left.calls
            .iter()
            .all(|call| call.ends_with("-- https://a.example https://b.example https://c.example")),
        "{:?}",
        left.calls
    );
    assert!(
        left.commands()[0].starts_with("::warning title=mirror setup%3A protocol; mirrors were left out::"),
        "{}",
        left.log
    );
    let strict =
        Job::new("", 2, "https://a.example/\n", "").run(&[("MODE", "setup"), urls, ("STRICT", "true")]);
    strict.is(2, "protocol", 2);
    assert_eq!(strict.env, "");
}

#[test]
fn setup_without_a_choice_fails_whatever_the_code() {
    for (code, status) in [(0, 70), (1, 1), (3, 3), (64, 64), (70, 70)] {
        let left = Job::new("", code, "\n", "").run(&[("MODE", "setup"), URL]);
        assert_eq!((left.status, &*left.env), (status, ""), "{code}: {}", left.log);
        assert_eq!(left.calls.len(), if code < USAGE { 2 } else { 1 }, "{:?}", left.calls);
    }
}

#[test]
fn a_tenant_brings_mirrors_and_variables() {
    let sets = "REGISTRY_MIRROR=r.example\nGOPROXY=https://t.example,direct\nGOPRIVATE=*.acme.example=1\n";
    let tenant =
        [("TENANT", "acme"), ("TENANTS", "t.yml"), ("NETRC", "machine t.example login ci password p")];
    let left =
        Job::new("", 0, "https://t.example/\n", sets).run(&[&tenant[..], &[("MODE", "setup")]].concat());
    left.is(0, "valid", 0);
    let values: Vec<&str> =
        left.env.lines().filter(|line| line.contains('.') && !line.contains("<<")).collect();
    assert_eq!(values[..3], ["r.example", "*.acme.example=1", "https://t.example/,direct"]);
    assert!(left.env.contains("NETRC<<") && left.env.contains("/netrc\n"), "{}", left.env);
    let left = Job::new("", 0, "", sets).run(&[&tenant[..], &[("KIND", "oci")]].concat());
    assert!(left.calls[1].ends_with("-- r.example"), "{:?}", left.calls);
    // A tenant has no mirrors of other kinds.
    Job::new("", 0, "", sets).run(&[&tenant[..], &[("KIND", "debian")]].concat()).is(64, "usage", 64);
}

#[test]
fn without_mirrors_in_the_inputs_those_of_the_job_are_meant() {
    let mut job = Job::new("", 0, "", "");
    job.goproxy = "https://job.example|direct";
    assert!(job.run(&[]).calls[0].ends_with("-- https://job.example"));
    job.run(&[("KIND", "oci")]).is(64, "usage", 64);
}

#[test]
fn verify_says_what_is_wrong_to_people_too() {
    let job = Job::new("{}\n", 3, "", "");
    let left = job.run(&[("MODE", "verify"), ("GO_SUM", "a b/go.sum\r\n-x")]);
    left.is(3, "integrity", 3);
    assert_eq!(
        left.calls,
        ["mirror verify --format=jsonl -- a b/go.sum -x", "mirror verify -- a b/go.sum -x"]
    );
    assert!(left.output.contains("/report.jsonl\n"), "{}", left.output);
    let sarif = job.dir.join("-out.sarif").display().to_string();
    let left = Job::new("{}\n", 0, "", "").run(&[("MODE", "verify"), ("SARIF", &sarif)]);
    assert_eq!(left.calls, ["mirror verify --format=sarif -- go.sum"]);
    assert!(left.output.contains(&format!("\n{sarif}\n")) && job.dir.join("-out.sarif").exists());
}
