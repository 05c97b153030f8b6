//! The GitHub Action: its steps, run for real. On a machine without PowerShell the script of the Windows step is read with
//! PowerShell's grammar.

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

/// A script's commands, each as its words, as PowerShell's grammar sees them; `None` when it is not PowerShell.
fn commands(text: &str) -> Option<Vec<String>> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(text, None).unwrap();
    let mut commands = Vec::new();
    let mut nodes = vec![tree.root_node()];
    while let Some(node) = nodes.pop() {
        if matches!(node.kind(), "command" | "flow_control_statement") {
            commands.push((node.start_byte(), text[node.byte_range()].to_owned()));
        }
        nodes.extend(node.children(&mut node.walk()));
    }
    commands.sort();
    let commands = commands.into_iter().map(|(_, command)| command).collect();
    (!tree.root_node().has_error()).then_some(commands)
}

#[test]
fn both_scripts_run_one_command_and_end_as_it_does() {
    let (sh, ps1) = (script("mirror.sh"), script("mirror.ps1"));
    let found = commands(&ps1).expect("mirror.ps1 is PowerShell");
    assert!(ps1.is_ascii(), "PowerShell 5.1 reads it in the code page of the system");
    let names: Vec<&str> = found.iter().map(|command| command.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["&", "Write-Host", "Add-Content", "exit"], "{found:?}");
    assert_eq!(found[0], "& $binary mirror ci github");
    assert_eq!(found[3], "exit $LASTEXITCODE");
    assert_eq!(sh.lines().last(), Some("exec -- \"$binary\" mirror ci github"));
    // What they say when there is no program is the same, too.
    let said = |text: &str| Regex::new("'(::error[^']*)'").unwrap().captures(text).unwrap()[1].to_owned();
    assert_eq!(said(&sh), said(&ps1));
    let input = "FAIRLEAD_INPUT_BINARY";
    assert!(sh.contains(input) && ps1.contains(input) && Action::read().inputs.contains_key("binary"));
}

#[test]
fn every_input_is_read() {
    let folder = root().join("bin/fairlead/src/mirror/ci");
    let sources =
        ["arguments.rs", "github.rs"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap());
    for name in Action::read().inputs.keys().filter(|name| *name != "binary") {
        let name = format!("\"{}\"", name.to_uppercase().replace('-', "_"));
        assert!(sources.iter().any(|source| source.contains(&name)), "nothing reads {name}");
    }
}

#[test]
fn what_is_not_powershell_is_noticed() {
    let ps1 = script("mirror.ps1");
    for (part, other) in [
        ("} catch {", "} catch"),
        ("if (-not $binary) {", "if -not $binary {"),
        ("'fairlead' }", "'fairlead }"),
    ] {
        assert!(ps1.contains(part));
        assert_eq!(commands(&ps1.replacen(part, other, 1)), None, "{other}");
    }
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
fn the_script_hands_on_whatever_the_exit_code_is() {
    for code in [0, 1, 2, 64, 70, 101] {
        let stand = Stand::new("said\n", code);
        for system in systems() {
            let outcome = Job::new(system).uses(&Action::read(), &[("binary", stand.path())]);
            assert_eq!(outcome.status, i32::from(code), "{outcome:#?}");
            assert!(outcome.log.contains("said\n"), "{}", outcome.log);
        }
        assert!(stand.calls().starts_with("3\nmirror\nci\ngithub\n"), "{}", stand.calls());
    }
}

#[test]
fn the_program_is_found_by_its_name_or_its_path() {
    let stand = Stand::new("found\n", 0);
    let path = std::path::Path::new(stand.path());
    for system in systems() {
        let mut job = Job::new(system);
        job.write("a b's/fairlead", &std::fs::read_to_string(path).unwrap());
        let copy = job.workspace("a b's/fairlead");
        std::fs::set_permissions(&copy, path.metadata().unwrap().permissions()).unwrap();
        for binary in ["./a b's/fairlead", copy.to_str().unwrap()] {
            let outcome = job.uses(&Action::read(), &[("binary", binary)]);
            assert!(outcome.status == 0 && outcome.log.contains("found\n"), "{binary}: {outcome:#?}");
        }
        let folders = [path.parent().unwrap().to_str().unwrap(), &std::env::var("PATH").unwrap()].join(":");
        job.set("PATH", folders);
        for with in [&[][..], &[("binary", "fairlead")]] {
            let outcome = job.uses(&Action::read(), with);
            assert!(outcome.status == 0 && outcome.log.contains("found\n"), "{with:?}: {outcome:#?}");
        }
    }
}

#[test]
fn wrong_usage_says_what_to_do() {
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
        (&[url, ("timeout", "soon")], "--timeout"),
        (&[url, ("kind", "maven")], "maven"),
        (&[url, ("retries", "-1")], "--retries"),
        (&[url, ("options", "--no-such-option")], "--no-such-option"),
    ];
    for system in systems() {
        for (with, expected) in cases {
            let Some((job, binary, _)) = job(system) else { return };
            let mut all = vec![("binary", &*binary)];
            all.extend_from_slice(with);
            let outcome = job.uses(&Action::read(), &all);
            is(&outcome, 64, "usage");
            assert_eq!(output(&outcome, "exit-code"), "64");
            let [(level, _, text)] = &outcome.annotations[..] else { panic!("{outcome:#?}") };
            assert!(level == "error" && text.contains(expected), "{with:?}: {text}");
        }
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
    let all = HOSTILE.join("\n");
    let nowhere = nowhere();
    let action = Action::read();
    for system in systems() {
        for name in action.inputs.keys() {
            for mode in ["check", "setup", "verify"] {
                let Some((job, binary, _)) = job(system) else { return };
                job.write("tenants.yml", "unknown: error\n");
                let mut with = vec![
                    ("binary", &*binary),
                    ("mode", mode),
                    ("url", &nowhere),
                    ("tenants", "tenants.yml"),
                    ("retries", "1"),
                    ("timeout", "5s"),
                ];
                with.retain(|(other, _)| *other != name);
                with.push((name, &all));
                assert_ne!(does_no_harm(&job, &with).status, 0, "{with:?}");
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
fn secrets_are_masked() {
    let nowhere = nowhere();
    let netrc = "machine m.example\n  login ci\n  password pa%ss\nmachine n.example password f*\n";
    for system in systems() {
        let Some((job, binary, options)) = job(system) else { return };
        job.write("file", "");
        // The mirror's name has the token in it, so that fairlead says it.
        let url = format!("{nowhere}/t0ken");
        let with = [
            ("binary", &*binary),
            ("options", &options),
            ("url", &url),
            ("token", "t0ken"),
            ("netrc", netrc),
            ("retries", "1"),
        ];
        let outcome = job.uses(&Action::read(), &with);
        assert_ne!(outcome.status, 0);
        assert_eq!(outcome.masks, ["t0ken", "pa%ss", "f*"], "a password is no pattern of file names");
        assert!(outcome.log.contains("/***") && !outcome.log.contains("t0ken"), "{}", outcome.log);
        let outcome =
            job.uses(&Action::read(), &[("binary", &*binary), ("url", "https://ci:s3cret@m.example/go")]);
        is(&outcome, 64, "usage");
        assert_eq!(outcome.masks, ["ci:s3cret", "s3cret"]);
        assert!(outcome.annotations[0].2.contains("the input netrc"), "{outcome:#?}");
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
