//! The include for GitLab: its jobs, run under `sh -eu`.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use fairlead_conf::Node;
use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::Fault;

use crate::ci_mirror::{Stand, canary, fairlead, mirror, modules, nowhere};
use crate::ci_runner::{items, pairs, root, text};

/// What `fairlead mirror ci gitlab` writes.
const ENV: &str = "fairlead-mirror.env";

/// A project whose pipeline includes the file.
struct Project {
    file: Node,
    dir: Dir,
    variables: BTreeMap<String, String>,
}

impl Project {
    fn new(variables: &[(&str, &str)]) -> Project {
        let path = root().join("ci/gitlab/fairlead-mirror.yml");
        let file = std::fs::read_to_string(path).unwrap();
        let file = fairlead_conf::yaml::parse(&file, "fairlead-mirror.yml").unwrap();
        let dir = Dir::new();
        // Variables of the including file win over those at the top of an included one.
        let mut all = pairs(file.at(&["variables"]).unwrap());
        all.insert("PATH".to_owned(), std::env::var("PATH").unwrap());
        all.insert("HOME".to_owned(), dir.path().display().to_string());
        all.insert("CI_PROJECT_ROOT_NAMESPACE".to_owned(), "acme".to_owned());
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Project { file, dir, variables: all }
    }

    fn job(&self, name: &str) -> &Node {
        &self.file.entry(name).unwrap().node
    }

    /// What a job has at a key, itself or by what it extends.
    fn inherited(&self, job: &str, key: &str) -> Option<&Node> {
        let own = self.job(job);
        own.at(&[key]).or_else(|| self.inherited(own.at(&["extends"])?.text()?, key))
    }

    fn script(&self, job: &str) -> String {
        let parts = ["before_script", "script"].iter().filter_map(|key| self.inherited(job, key));
        let lines = parts.flat_map(items).map(|line| line.text().unwrap().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Whether its rules put the job into the pipeline.
    fn has(&self, job: &str) -> bool {
        self.inherited(job, "rules").map(items).unwrap_or_default().iter().any(|rule| {
            let condition = text(rule, &["if"]);
            let is_set = condition.strip_prefix('$').is_some_and(|name| !self.variables[name].is_empty());
            let exists = rule.at(&["exists"]).map(items).unwrap_or_default();
            is_set || exists.iter().any(|file| self.dir.join(file.text().unwrap()).exists())
        })
    }

    fn run(&self, job: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-eu", "-c"]).arg(self.script(job)).current_dir(self.dir.path());
        command.env_clear().envs(&self.variables).output().unwrap()
    }

    /// What a job leaves in a file.
    fn left(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A project with our binary and the hashes of the tests' modules.
fn project(variables: &[(&str, &str)]) -> Option<Project> {
    let binary = fairlead()?;
    let options = canary("pins").join(" ");
    let mut all = vec![("FAIRLEAD_BINARY", &*binary), ("FAIRLEAD_CHECK_OPTIONS", &options)];
    all.extend_from_slice(variables);
    let project = Project::new(&all);
    project.dir.write("pins", modules().sums());
    Some(project)
}

#[test]
fn jobs_run_where_there_is_something_for_them() {
    let jobs = ["fairlead-mirror-check", "fairlead-mirror-verify", "fairlead-mirror-env"];
    let nothing = Project::new(&[]);
    assert!(jobs.iter().all(|job| !nothing.has(job)));
    let all = Project::new(&[("FAIRLEAD_MIRRORS", "https://m.example"), ("FAIRLEAD_TENANTS", "tenants.yml")]);
    all.dir.write("go.sum", "");
    assert!(jobs.iter().all(|job| all.has(job)));
    // Everything else at the top is hidden: it must not become a job of a pipeline.
    for entry in all.file.entries() {
        let name: &str = &entry.key;
        assert!(name.starts_with('.') || name == "variables" || jobs.contains(&name), "{name}");
    }
}

#[test]
fn artifacts_are_what_the_scripts_write() {
    let project = Project::new(&[]);
    for (job, report) in [
        ("fairlead-mirror-check", Some("junit")),
        ("fairlead-mirror-verify", None),
        ("fairlead-mirror-env", Some("dotenv")),
    ] {
        let artifacts = project.job(job).at(&["artifacts"]).unwrap();
        let mut files: Vec<String> = artifacts
            .at(&["paths"])
            .map(items)
            .unwrap_or_default()
            .iter()
            .map(|file| text(file, &[]))
            .collect();
        files.extend(report.map(|report| text(artifacts, &["reports", report])));
        assert!(!files.is_empty());
        for file in files {
            // The tenant's job leaves what is written to the program.
            let known = project.script(job).contains(&file) || (job, &*file) == ("fairlead-mirror-env", ENV);
            assert!(!file.is_empty() && known, "{job} does not write {file}");
        }
    }
}

#[test]
fn a_missing_program_is_explained() {
    let project =
        Project::new(&[("FAIRLEAD_BINARY", "/nowhere/fairlead"), ("FAIRLEAD_MIRRORS", "https://m.example")]);
    for job in ["fairlead-mirror-check", "fairlead-mirror-verify", "fairlead-mirror-env"] {
        let output = project.run(job);
        assert_eq!(output.status.code(), Some(64));
        assert!(said(&output).contains("use an image that has fairlead"), "{}", said(&output));
    }
}

#[test]
fn check_leaves_a_junit_report_and_the_exit_code() {
    let (good, portal) = (mirror(), mirror());
    portal.fault("*", Fault::Portal);
    let nowhere = nowhere();
    let both = format!("{} {}", good.url(), portal.url());
    for (mirrors, code) in [(good.url(), 0), (both, 2), (nowhere, 1)] {
        let Some(project) = project(&[("FAIRLEAD_MIRRORS", &mirrors), ("FAIRLEAD_RETRIES", "1")]) else {
            return;
        };
        let output = project.run("fairlead-mirror-check");
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let report = project.left("fairlead-mirror.junit.xml");
        assert_eq!(report.contains("<failure"), code != 0, "{report}");
        assert!(report.contains("<testcase") && said(&output).contains("http://127.0.0.1"), "{report}");
    }
}

#[test]
fn variables_are_words_and_nothing_else() {
    let stand = Stand::new("", 0);
    let project = Project::new(&[
        ("FAIRLEAD_BINARY", stand.path()),
        ("FAIRLEAD_MIRRORS", "https://m.example/* $(touch${IFS}x) ;touch${IFS}x"),
        ("FAIRLEAD_TIMEOUT", "3s; touch x"),
    ]);
    assert!(project.run("fairlead-mirror-check").status.success());
    let calls = stand.calls();
    let expected = ["--timeout=3s; touch x", "--", "https://m.example/*", "$(touch${IFS}x)", ";touch${IFS}x"];
    for word in expected {
        assert!(calls.lines().any(|line| line == word), "{word} is not in\n{calls}");
    }
    assert!(!project.dir.join("x").exists());
}

#[test]
fn verify_leaves_lines_of_json_and_the_exit_code() {
    let upstream = mirror();
    let sums = modules().sums();
    let options = format!("--upstreams=off --memory=memory {}", "--private=none.example");
    let sumdb = upstream.sumdb();
    let variables = [("FAIRLEAD_VERIFY_OPTIONS", &*options), ("GOSUMDB", &sumdb)];
    let Some(project) = project(&variables) else { return };
    project.dir.write("go.sum", &sums);
    let output = project.run("fairlead-mirror-verify");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(project.left("fairlead-verify.jsonl").lines().count(), sums.lines().count());
    // The hash of the go.mod in place of that of the zip.
    let line = sums.lines().next().unwrap();
    let hashes: Vec<&str> = sums.lines().take(2).map(|line| line.rsplit_once(' ').unwrap().1).collect();
    project.dir.write("go.sum", sums.replacen(line, &line.replace(hashes[0], hashes[1]), 1));
    let output = project.run("fairlead-mirror-verify");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("go.sum:1"), "{}", said(&output));
}

#[test]
fn a_tenant_gets_variables_with_the_mirrors_that_are_valid() {
    let (good, portal) = (mirror(), mirror());
    portal.fault("*", Fault::Portal);
    let tenants = format!(
        "default: {{goproxy: 'direct'}}\n\
         tenants:\n  acme:\n    prod: {{goproxy: '{},{}|direct', registry: r.example}}\n  other:\n    default: {{goproxy: '{}'}}\n",
        portal.url(),
        good.url(),
        portal.url()
    );
    let run = |variables: &[(&str, &str)]| {
        let mut all = vec![("FAIRLEAD_TENANTS", "tenants.yml"), ("FAIRLEAD_RETRIES", "1")];
        all.extend_from_slice(variables);
        let project = project(&all)?;
        project.dir.write("tenants.yml", &tenants);
        let output = project.run("fairlead-mirror-env");
        Some((output.status.code(), project.left(ENV), said(&output)))
    };
    let Some((code, env, said)) = run(&[("CI_ENVIRONMENT_NAME", "prod")]) else { return };
    assert_eq!(
        (code, &*env),
        (Some(0), &*format!("REGISTRY_MIRROR=r.example\nGOPROXY={}/|direct\n", good.url())),
        "{said}"
    );
    assert!(said.contains("left out") && said.contains("portal"), "{said}");
    let (code, env, said) = run(&[("TENANT", "nobody"), ("FAIRLEAD_ENVIRONMENT", "prod")]).unwrap();
    assert_eq!((code, &*env), (Some(0), "GOPROXY=direct\n"), "{said}");
    assert!(said.contains("nobody"), "{said}");
    let (code, env, said) = run(&[("FAIRLEAD_TENANT", "other")]).unwrap();
    assert_eq!(code, Some(2), "{said}");
    assert!(!env.contains("GOPROXY"), "{env}");
}
