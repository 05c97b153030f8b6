//! The GitHub Action: its steps, run for real. On a machine without PowerShell the Windows step is compared with its twin.

use std::collections::BTreeSet;

use fairlead_testkit::goproxy::{Fault, Upstream};
use regex::Regex;
use serde_json::Value;

use crate::ci_mirror::{Stand, canary, fairlead, mirror, modules, nowhere};
use crate::ci_runner::{Action, Job, Outcome, root};

/// The systems whose shell is here.
fn systems() -> Vec<&'static str> {
    let has = |shell: &str| std::process::Command::new(shell).arg("--version").output().is_ok();
    let mut systems = vec!["Linux", "macOS"];
    if has("pwsh") {
        systems.push("Windows");
    }
    systems
}

fn script(name: &str) -> String {
    std::fs::read_to_string(root().join("ci/github").join(name)).unwrap()
}

fn found(pattern: &str, text: &str) -> BTreeSet<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// A job with our binary, and options that suit the mirror of the tests.
fn job(system: &'static str) -> Option<(Job, String, String)> {
    let binary = fairlead()?;
    let job = Job::new(system);
    job.write("pins", &modules().sums());
    let options = canary("pins").join("\n");
    Some((job, binary, options))
}

fn output<'a>(outcome: &'a Outcome, name: &str) -> &'a str {
    outcome.outputs.get(name).map_or("", String::as_str)
}

fn is(outcome: &Outcome, status: i32, verdict: &str) {
    assert_eq!((outcome.status, output(outcome, "verdict")), (status, verdict), "{outcome:#?}");
}

#[test]
fn every_system_runs_one_step_in_a_shell_that_it_has() {
    let action = Action::read();
    // What is there without anything being installed; Windows has a bash, too, but self-hosted Windows may have none.
    let shells = [("Linux", &["bash", "pwsh"][..]), ("macOS", &["bash"]), ("Windows", &["pwsh"])];
    for (system, available) in shells {
        // The version of Go is none of the action's business: both halves of a matrix run the same.
        for go in ["1.25", "1.26"] {
            let steps = action.steps_on(system);
            let [step] = steps[..] else { panic!("{system} with Go {go} runs {} steps", steps.len()) };
            assert!(available.contains(&step.shell.as_str()), "{system} has no {}", step.shell);
        }
    }
}

#[test]
fn inputs_reach_scripts_as_variables_alone() {
    let action = Action::read();
    assert_eq!(action.steps.len(), 2);
    for step in &action.steps {
        assert!(!step.shell.is_empty(), "{} has no shell", step.id);
        assert!(!step.run.contains("${{"), "{} is text of an expression", step.id);
        assert_eq!(step.env, action.steps[0].env);
        for name in action.inputs.keys() {
            let variable = format!("FAIRLEAD_INPUT_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(step.env.get(&variable), Some(&format!("${{{{ inputs.{name} }}}}")));
        }
        assert_eq!(step.env.len(), action.inputs.len());
    }
}

#[test]
fn the_script_for_windows_does_what_its_twin_does() {
    let (sh, ps1) = (script("mirror.sh"), script("mirror.ps1"));
    let inputs = found(r"\bFAIRLEAD_INPUT_([A-Z_]+)", &sh);
    assert_eq!(inputs, found(r"Read-Input ([A-Z_]+)", &ps1));
    let all: BTreeSet<String> =
        Action::read().inputs.keys().map(|name| name.to_uppercase().replace('-', "_")).collect();
    assert_eq!(inputs, all, "every input has an effect");
    let flags = r"(--[a-z]+(?:-[a-z]+)*)\b";
    let ours = |text: &str| {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        found(flags, &code.join("\n"))
    };
    assert_eq!(ours(&sh), ours(&ps1), "options of fairlead");
    let words = r"(?:echo|\{) '?(valid|unreachable|invalid|protocol|integrity|degraded|usage|internal)\b";
    assert_eq!(found(words, &sh), found(words, &ps1));
    assert_eq!(found(words, &sh).len(), 8);
    assert_eq!(
        found(r#"put "\$GITHUB_OUTPUT" ([a-z-]+)"#, &sh),
        found(r"Set-Value \$env:GITHUB_OUTPUT ([a-z-]+)", &ps1)
    );
    let texts = r"(?:refuse|Deny) '([^'$`]{20,})'";
    assert_eq!(found(texts, &sh), found(texts, &ps1));
    assert!(found(texts, &sh).len() >= 5);
    for commands in ["::stop-commands::", "::add-mask::"] {
        assert!(sh.contains(commands) && ps1.contains(commands));
    }
}

/// macOS has bash 3.2, which knows none of these.
#[test]
fn the_script_needs_no_new_bash() {
    let sh = script("mirror.sh");
    let new =
        Regex::new(r"mapfile|readarray|declare -A|local -n|\$\{\w+(,,|\^\^|@)|&>>|\|&|\bcoproc\b|EPOCH")
            .unwrap();
    let code = sh.lines().filter(|line| !line.starts_with('#'));
    let found: Vec<&str> = code.filter(|line| new.is_match(line)).collect();
    assert!(found.is_empty(), "{found:?}");
    // An empty array is an unset variable there.
    let bare = Regex::new(r#"(^|[^+])"\$\{arguments\[@\]\}""#).unwrap();
    let (before, verify) = sh.split_once("\nverify() {").unwrap();
    assert!(bare.is_match(before), "`check` has arguments always");
    assert!(!bare.is_match(verify), "`verify` may have none");
}

#[test]
fn a_valid_mirror_passes() {
    let upstream = mirror();
    for system in systems() {
        let Some((job, binary, options)) = job(system) else { return };
        let with = [("binary", &*binary), ("options", &options), ("url", &upstream.url())];
        let outcome = job.uses(&Action::read(), &with);
        is(&outcome, 0, "valid");
        assert_eq!(output(&outcome, "exit-code"), "0");
        let report = std::fs::read_to_string(output(&outcome, "report")).unwrap();
        assert!(report.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{report}");
        assert!(report.contains(&upstream.url()) && !report.is_empty(), "{report}");
        assert!(outcome.log.contains(&upstream.url()), "{}", outcome.log);
        assert!(outcome.summary.contains("| check | **valid** | 0 | 1 |"), "{}", outcome.summary);
        assert!(outcome.annotations.is_empty() && outcome.env.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn an_unreachable_mirror_fails_with_an_annotation() {
    for system in systems() {
        let Some((mut job, binary, options)) = job(system) else { return };
        let url = nowhere();
        // Without a mirror in the inputs that of the job's GOPROXY is meant.
        job.set("GOPROXY", format!("{url},direct"));
        let with = [("binary", &*binary), ("options", &options), ("retries", "1"), ("timeout", "5s")];
        let outcome = job.uses(&Action::read(), &with);
        is(&outcome, 1, "unreachable");
        let [(level, title, text)] = &outcome.annotations[..] else { panic!("{outcome:#?}") };
        assert_eq!((&**level, &**title), ("error", "title=mirror check: unreachable"));
        assert!(text.contains(&url), "{text}");
        assert!(outcome.summary.contains("**unreachable** | 1"), "{}", outcome.summary);
    }
}

#[test]
fn portals_and_other_bytes_have_codes_of_their_own() {
    let (portal, tampered) = (mirror(), mirror());
    portal.fault("*", Fault::Portal);
    tampered.fault("*.zip", Fault::Tampered);
    let Some((job, binary, options)) = job("Linux") else { return };
    let uses = |upstream: &Upstream, fold: &str| {
        let with = [
            ("binary", &*binary),
            ("options", &*options),
            ("urls", &upstream.url()),
            ("fold-exit-codes", fold),
            ("cache-ttl", "off"),
            ("retries", "1"),
        ];
        job.uses(&Action::read(), &with)
    };
    is(&uses(&portal, "false"), 2, "protocol");
    is(&uses(&tampered, "false"), 3, "integrity");
    is(&uses(&tampered, "true"), 2, "invalid");
}

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
        let stand = Stand::new("said\n", code);
        let outcome = Job::new("Linux")
            .uses(&Action::read(), &[("binary", stand.path()), ("url", "https://m.example")]);
        is(&outcome, code.into(), word);
        assert_eq!(outcome.annotations.is_empty(), code == 0, "{outcome:#?}");
        assert!(outcome.summary.contains("\n    said\n"), "{}", outcome.summary);
    }
}

#[test]
fn every_input_becomes_its_option() {
    let stand = Stand::new("", 0);
    let with = [
        ("binary", stand.path()),
        ("url", "https://a.example"),
        ("urls", "https://b.example\n  https://c.example|https://d.example,direct"),
        ("kind", "goproxy"),
        ("timeout", "3s"),
        ("retries", "7"),
        ("jobs", "2"),
        ("cache-ttl", "1m"),
        ("strict", "true"),
        ("fold-exit-codes", "true"),
        ("options", "--reference=https://r.example\r\n\n--private=p.example/with space"),
        ("sarif", "-out.sarif"),
        ("token", "t0ken"),
    ];
    for system in systems() {
        let outcome = Job::new(system).uses(&Action::read(), &with);
        is(&outcome, 0, "valid");
    }
    let first: Vec<String> = stand.calls().lines().take(20).map(str::to_owned).collect();
    let expected = [
        "19",
        "mirror",
        "check",
        "--kind=goproxy",
        "--timeout=3s",
        "--retries=7",
        "--jobs=2",
        "--cache-ttl=1m",
        "--strict",
        "--fold-exit-codes",
        "--token-env=FAIRLEAD_INPUT_TOKEN",
        "--reference=https://r.example",
        "--private=p.example/with space",
        "--format=sarif",
        "--output=-out.sarif",
        "--",
        "https://a.example",
        "https://b.example",
        "https://c.example",
        "https://d.example",
    ];
    assert_eq!(first, expected);
    for call in stand.calls().lines().collect::<Vec<_>>().chunks(20) {
        assert_eq!(call, expected);
    }
}

#[test]
fn wrong_usage_says_what_to_do() {
    let stand = Stand::new("", 0);
    let url = ("url", "https://m.example");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[url, ("binary", "/nowhere/fairlead")], "downloads nothing"),
        (&[url, ("mode", "chek")], "not check, setup or verify"),
        (&[url, ("strict", "yes")], "not true or false"),
        (&[url, ("options", "https://other.example")], "begin with a hyphen"),
        (&[], "there is no mirror to check"),
        (&[("urls", "direct")], "there is no mirror to check"),
        (&[("tenant", "acme")], "the input tenants"),
        (&[url, ("mode", "setup"), ("kind", "oci")], "setup chooses Go module mirrors"),
        (&[("mode", "verify"), ("go-sum", "\n")], "names no file"),
    ];
    for system in systems() {
        for (with, expected) in cases {
            let mut all = vec![("binary", stand.path())];
            all.extend_from_slice(with);
            let outcome = Job::new(system).uses(&Action::read(), &all);
            is(&outcome, 64, "usage");
            let [(level, _, text)] = &outcome.annotations[..] else { panic!("{outcome:#?}") };
            assert!(level == "error" && text.contains(expected), "{with:?}: {text}");
        }
    }
    assert_eq!(stand.calls(), "", "fairlead was not needed to see that");
    let Some((job, binary, _)) = job("Linux") else { return };
    for with in [("timeout", "soon"), ("kind", "maven"), ("retries", "-1"), ("options", "--no-such-option")] {
        is(&job.uses(&Action::read(), &[("binary", &binary), url, with]), 64, "usage");
    }
}

/// Texts that a shell, a workflow command or a file of the runner's would take for more than text.
const HOSTILE: [&str; 8] = [
    "$(touch x)",
    "`touch x`",
    "';touch x;'",
    "\";touch x;\"",
    "; touch x",
    "* | touch x && touch x",
    "a\n::error::owned\nGOPROXY=https://evil.example",
    "%0A::error::owned",
];

/// Uses the action and looks for anything that a hostile text has done.
fn does_no_harm(job: &Job, with: &[(&str, &str)]) -> Outcome {
    let outcome = job.uses(&Action::read(), with);
    assert!(!job.files().iter().any(|file| file == "x"), "{with:?}");
    assert!(outcome.others.is_empty(), "{with:?}: {outcome:#?}");
    assert!(!outcome.annotations.iter().any(|(_, _, said)| said == "owned"), "{with:?}: {outcome:#?}");
    assert!(!outcome.env.contains_key("GOPROXY"), "{with:?}: {outcome:#?}");
    outcome
}

#[test]
fn no_input_is_taken_for_a_command() {
    let stand = Stand::new("", 0);
    let all = HOSTILE.join("\n");
    let action = Action::read();
    for system in systems() {
        for name in action.inputs.keys() {
            for mode in ["check", "setup", "verify"] {
                let mut with = vec![("binary", stand.path()), ("mode", mode), ("url", "https://m.example")];
                with.retain(|(other, _)| other != name);
                with.push((name, &all));
                does_no_harm(&Job::new(system), &with);
            }
        }
    }
}

#[test]
fn hostile_texts_reach_fairlead_as_they_are() {
    let nowhere = nowhere();
    for system in systems() {
        let Some((job, binary, options)) = job(system) else { return };
        for text in HOSTILE {
            // Spaces and bars separate mirrors; for a shell this would be a command as well.
            let url = format!("{nowhere}/{}", text.replace([' ', '\n'], "${IFS}").replace('|', "&"));
            let with = [("binary", &*binary), ("options", &options), ("url", &url), ("retries", "1")];
            is(&does_no_harm(&job, &with), 1, "unreachable");
            // A program, too, is a name and nothing else.
            does_no_harm(&job, &[("binary", text), ("url", "https://m.example")]);
        }
        let with = [("binary", &*binary), ("url", "http://[$(touch${IFS}x)]/")];
        is(&job.uses(&Action::read(), &with), 64, "usage");
    }
}

#[test]
fn what_fairlead_says_is_no_workflow_command() {
    let says = "::error::owned\n::add-mask::e\n::set-env name=PATH::/evil\n##[error]owned\n::stop-commands::x\n```\n# heading\n";
    let stand = Stand::new(says, 2);
    for system in systems() {
        let outcome =
            Job::new(system).uses(&Action::read(), &[("binary", stand.path()), ("url", "https://m.example")]);
        is(&outcome, 2, "protocol");
        assert!(outcome.masks.is_empty() && outcome.others.is_empty(), "{outcome:#?}");
        let [(_, title, text)] = &outcome.annotations[..] else { panic!("{outcome:#?}") };
        assert_eq!(title, "title=mirror check: protocol");
        assert!(text.contains("::error::owned\n::add-mask"), "{text}");
        assert!(outcome.summary.contains("\n    ```\n    # heading\n"), "{}", outcome.summary);
    }
}

#[test]
fn secrets_are_masked_and_in_no_argument() {
    let stand = Stand::new("the mirror echoes t0ken and pa%ss\n", 2);
    let netrc = "machine m.example\n  login ci\n  password pa%ss\n";
    for system in systems() {
        let with =
            [("binary", stand.path()), ("url", "https://m.example"), ("token", "t0ken"), ("netrc", netrc)];
        let outcome = Job::new(system).uses(&Action::read(), &with);
        is(&outcome, 2, "protocol");
        assert_eq!(outcome.masks, ["t0ken", "pa%ss"]);
        assert!(outcome.log.contains("echoes *** and ***"), "{}", outcome.log);
        assert!(outcome.annotations[0].2.contains("echoes *** and ***"), "{outcome:#?}");
        assert!(stand.netrc().starts_with(netrc), "{}", stand.netrc());
        let outcome = Job::new(system)
            .uses(&Action::read(), &[("binary", stand.path()), ("url", "https://ci:s3cret@m.example/go")]);
        is(&outcome, 64, "usage");
        assert_eq!(outcome.masks, ["ci:s3cret", "s3cret"]);
        assert!(outcome.annotations[0].2.contains("the input netrc"), "{outcome:#?}");
    }
    let job = Job::new("Linux");
    job.write("file", "");
    let with = [("binary", stand.path()), ("url", "https://m.example"), ("netrc", "machine m password f*")];
    assert_eq!(job.uses(&Action::read(), &with).masks, ["f*"], "a password is no pattern of file names");
    for secret in ["t0ken", "pa%ss", "s3cret"] {
        assert!(!stand.calls().contains(secret), "{}", stand.calls());
    }
}

#[test]
fn setup_exports_the_mirrors_that_may_be_used() {
    let (first, second, portal) = (mirror(), mirror(), mirror());
    portal.fault("*", Fault::Portal);
    for system in systems() {
        let Some((job, binary, options)) = job(system) else { return };
        let uses = |urls: &str, strict: &str| {
            let with = [
                ("mode", "setup"),
                ("binary", &*binary),
                ("options", &*options),
                ("urls", urls),
                ("strict", strict),
                ("cache-ttl", "off"),
                ("retries", "1"),
            ];
            job.uses(&Action::read(), &with)
        };
        let urls = format!("{}\n{}\n{}|direct", portal.url(), first.url(), second.url());
        let outcome = uses(&urls, "false");
        is(&outcome, 0, "protocol");
        let expected = format!("{}/|{}/|direct", first.url(), second.url());
        assert_eq!(output(&outcome, "goproxy"), expected);
        assert_eq!(outcome.env.get("GOPROXY"), Some(&expected));
        assert_eq!(outcome.annotations[0].0, "warning");
        let before = portal.requests("*");

        let outcome = uses(&urls, "true");
        is(&outcome, 2, "protocol");
        assert!(outcome.env.is_empty() && output(&outcome, "goproxy").is_empty(), "{outcome:#?}");
        assert!(portal.requests("*") > before, "`off` asks every time");

        let outcome = uses(&portal.url(), "false");
        is(&outcome, 2, "protocol");
        assert!(outcome.env.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn a_tenant_brings_mirrors_and_variables() {
    let upstream = mirror();
    for system in systems() {
        let Some((job, binary, options)) = job(system) else { return };
        job.write(
            "tenants.yml",
            &format!(
                "tenants:\n  acme:\n    prod: {{goproxy: '{},direct', goprivate: '*.acme.example'}}\nunknown: error\n",
                upstream.url()
            ),
        );
        let uses = |tenant: &str| {
            let with = [
                ("mode", "setup"),
                ("binary", &*binary),
                ("options", &*options),
                ("tenant", tenant),
                ("env", "prod"),
                ("tenants", "tenants.yml"),
            ];
            job.uses(&Action::read(), &with)
        };
        let outcome = uses("acme");
        is(&outcome, 0, "valid");
        assert_eq!(outcome.env["GOPROXY"], format!("{}/,direct", upstream.url()));
        assert_eq!(outcome.env["GOPRIVATE"], "*.acme.example");
        let outcome = uses("other");
        assert_ne!(outcome.status, 0);
        assert!(outcome.env.is_empty() && outcome.annotations[0].2.contains("other"), "{outcome:#?}");
    }
}

#[test]
fn verify_proves_go_sum() {
    let upstream = mirror();
    let sums = modules().sums();
    for system in systems() {
        let Some((job, binary, _)) = job(system) else { return };
        let options = format!("--sumdb={}\n--upstreams=off\n--memory=memory", upstream.sumdb());
        let uses = |files: &str, sarif: &str| {
            let with = [
                ("mode", "verify"),
                ("binary", &*binary),
                ("options", &*options),
                ("go-sum", files),
                ("sarif", sarif),
            ];
            job.uses(&Action::read(), &with)
        };
        job.write("go.sum", &sums);
        job.write("a b/go.sum", &sums);
        let outcome = uses("go.sum\na b/go.sum", "");
        is(&outcome, 0, "valid");
        let report = std::fs::read_to_string(output(&outcome, "report")).unwrap();
        assert_eq!(report.lines().count(), 2 * sums.lines().count(), "{report}");

        let line = sums.lines().next().unwrap();
        let (name, hash) = line.rsplit_once("h1:").unwrap();
        let other = format!("{name}h1:{}{}", if hash.starts_with('A') { 'B' } else { 'A' }, &hash[1..]);
        job.write("go.sum", &sums.replacen(line, &other, 1));
        let outcome = uses("go.sum", "verify.sarif");
        is(&outcome, 3, "integrity");
        assert!(outcome.annotations[0].2.contains("good.example/m"), "{outcome:#?}");
        let sarif = std::fs::read_to_string(job.workspace(output(&outcome, "report"))).unwrap();
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        assert!(!sarif["runs"][0]["results"].as_array().unwrap().is_empty());
    }
}
