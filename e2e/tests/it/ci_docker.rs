//! The pre-flight of image builds in front of a real docker engine, whose base images come from a real registry.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fairlead_e2e::{Subject, eventually};
use fairlead_testkit::goproxy::{Fault, Upstream};
use fairlead_testkit::{Dir, DockerEngine};

use crate::ci_mirror::{canary, fairlead, mirror, modules};
use crate::ci_runner::root;
use crate::peers::{tool, word_after};

/// The base image of `ci/buildkit/Dockerfile.preflight`.
const BASE: &str = "library/golang:1.26-alpine";
/// In place of the go command: it tells what it was asked for.
const GO: &str = "#!/bin/sh\necho \"go $1 from $GOPROXY\"\n[ \"$1\" != build ] || echo built >/app\n";
/// A Dockerfile as many are.
const PLAIN: &str = "FROM golang:1.26-alpine\nARG GOPROXY\nARG AGAIN\nRUN go mod download\n";

/// A registry in the place of docker.io's mirror, and its log.
struct Registry {
    url: String,
    log: PathBuf,
    #[expect(dead_code, reason = "held so that it lives, and dropped to stop it")]
    server: Subject,
}

impl Registry {
    async fn start(dir: &Dir) -> Registry {
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            dir.join("images").display()
        );
        let mut command = tool("docker-registry", "docker-registry");
        command.arg("serve").arg(dir.write("registry.yml", text));
        let log = dir.join("registry.log");
        let server = Subject::spawn(command, &log).unwrap();
        let addr = eventually(async || word_after(&server, "listening on ")).await.unwrap();
        Registry { url: format!("http://{addr}"), log, server }
    }

    /// How often anything of the base image was asked for since `mark`, in bytes of the log; and the next mark.
    fn asked(&self, mark: u64) -> (usize, u64) {
        let mut log = std::fs::File::open(&self.log).unwrap();
        log.seek(SeekFrom::Start(mark)).unwrap();
        let mut text = Vec::new();
        log.read_to_end(&mut text).unwrap();
        let next = mark + text.len() as u64;
        let text = String::from_utf8_lossy(&text);
        (
            text.lines()
                .filter(|line| {
                    line.contains("\"GET /v2/library/golang/") || line.contains("\"HEAD /v2/library/golang/")
                })
                .count(),
            next,
        )
    }
}

/// What a build needs: a registry, an engine that has it for a mirror, and folders to build in.
struct Builder {
    registry: Registry,
    engine: DockerEngine,
    binary: String,
    dir: Dir,
    mark: u64,
}

impl Builder {
    /// `None` when another binary is under test, or where no engine can run, which is said aloud.
    async fn start() -> Option<Builder> {
        let (dir, binary) = (Dir::new(), fairlead()?);
        let registry = Registry::start(&dir).await;
        let mut builder = {
            // What the script writes for dockerd is what dockerd is started with.
            let script = preflight(&dir, &binary, &["--registry", &registry.url], &[]);
            let said = said(&{ script }.output().unwrap());
            let file = dir.join(".fairlead-preflight/daemon.json");
            assert!(file.exists(), "{said}");
            match DockerEngine::start(&file) {
                Ok(engine) => Builder { registry, engine, binary, dir, mark: 0 },
                Err(why) => {
                    // Straight to the terminal: the test harness keeps what a test prints while it passes.
                    let told = format!("\nNOT TESTED: image builds with a real docker engine: {why}\n\n");
                    std::io::stderr().write_all(told.as_bytes()).unwrap();
                    return None;
                }
            }
        };
        let mirrors = builder.docker(&["info", "--format", "{{json .RegistryConfig.Mirrors}}"]);
        assert!(mirrors.contains(&builder.registry.url), "{mirrors}");
        builder.push_base();
        builder.mark = builder.registry.asked(0).1;
        Some(builder)
    }

    /// Runs a `docker` that must succeed.
    fn docker(&self, arguments: &[&str]) -> String {
        let output = self.engine.docker().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}\n{}", said(&output), self.engine.log());
        said(&output)
    }

    /// Puts the base image into the registry, and nowhere else.
    fn push_base(&self) {
        let image = self.dir.join("image");
        with_libraries(Path::new("/bin/sh"), &image, "bin/sh");
        let go = self.dir.write("image/usr/bin/go", GO);
        std::fs::set_permissions(go, std::fs::Permissions::from_mode(0o755)).unwrap();
        let name = format!("{}/{BASE}", self.registry.url.trim_start_matches("http://"));
        let mut tar = Command::new("tar")
            .arg("-C")
            .arg(&image)
            .args(["-c", "."])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut import = self.engine.docker();
        import.args(["import", "-", &name]).stdin(tar.stdout.take().unwrap());
        let output = import.output().unwrap();
        assert!(output.status.success() && tar.wait().unwrap().success(), "{}", said(&output));
        self.docker(&["push", "--quiet", &name]);
        self.docker(&["rmi", &name]);
    }

    /// Makes the folder `preflight` of a build context with the commands of the documentation.
    fn fill_context(&self) {
        let page = std::fs::read_to_string(root().join("docs/how-to/mirror-in-ci.md")).unwrap();
        let (_, section) = page.split_once("### On the machine that builds").unwrap();
        let commands = section.lines().filter_map(|line| line.strip_prefix("$ "));
        let commands: Vec<&str> = commands.take_while(|line| !line.starts_with("docker ")).collect();
        assert_eq!(commands.len(), 4, "{commands:?}");
        let context = self.dir.join("stage");
        std::fs::create_dir_all(&context).unwrap();
        let path = std::env::var("PATH").unwrap();
        let folder = Path::new(&self.binary).parent().unwrap().display();
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", &commands.join("\n")]).current_dir(&context);
        let output = command.env("PATH", format!("{folder}:{path}")).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        // What debuggers want makes a test build twice as large, and is sent to the engine with it.
        let _ = Command::new("strip").arg(context.join("preflight/fairlead")).output();
    }

    /// Whether the registry was asked for the base image since the last call.
    fn pulled(&mut self) -> bool {
        let (asked, mark) = self.registry.asked(self.mark);
        self.mark = mark;
        asked > 0
    }

    /// Builds the image behind the script; steps have the network of the machine.
    fn build_behind_script(&self, options: &[&str]) -> Output {
        let build = ["docker", "build", "--progress=plain", "--network=host", "--build-arg=GOPROXY", "."];
        let mut command = preflight(&self.dir, &self.binary, options, &build);
        command.envs(self.engine.variables()).current_dir(self.dir.join("plain")).output().unwrap()
    }

    /// Builds with `ci/buildkit/Dockerfile.preflight`, up to a stage if one is named.
    fn build_with_stage(&self, dockerfile: &str, target: Option<&str>, again: usize) -> Output {
        self.dir.write("stage/Dockerfile", dockerfile);
        let mut command = self.engine.docker();
        command.args(["build", "--progress=plain", "--network=host", "--tag=app"]);
        command
            .arg(format!("--build-arg=PREFLIGHT={again}"))
            .args(target.map(|name| format!("--target={name}")));
        command.arg(self.dir.join("stage")).output().unwrap()
    }
}

/// The script, run as the documentation says.
fn preflight(dir: &Dir, binary: &str, options: &[&str], build: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg(root().join("ci/buildkit/preflight.sh")).args(["--retries", "1"]).args(options);
    if !build.is_empty() {
        command.arg("--").args(build);
    }
    command
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .env("FAIRLEAD_BINARY", binary)
        .env_remove("GOPROXY");
    command
}

/// Copies a program into a file system, with what it links to.
fn with_libraries(program: &Path, folder: &Path, name: &str) {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new);
    let libraries = libraries.map(|library| (library, library.strip_prefix("/").unwrap()));
    for (from, to) in libraries.chain([(program, Path::new(name))]) {
        let to = folder.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

/// The Dockerfile of the documentation, with these mirrors in place of its examples.
fn dockerfile(registry: &str, go: &Upstream) -> String {
    let text = std::fs::read_to_string(root().join("ci/buildkit/Dockerfile.preflight")).unwrap();
    let options = canary("/pins").map(|option| format!("\"{option}\", ")).concat();
    let line = "\"--\", \"https://mirror.example/goproxy\"";
    for part in [
        line,
        "https://registry-mirror.example",
        "=https://mirror.example/goproxy",
        &format!("FROM {}", &BASE[8..]),
    ] {
        assert!(text.contains(part), "{part} is not in it");
    }
    text.replace(line, &format!("\"--retries=1\", {options}\"--\", \"{}\"", go.url()))
        .replace("https://registry-mirror.example", registry)
        .replace("=https://mirror.example/goproxy", &format!("={}", go.url()))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn base_images_are_pulled_only_when_the_mirrors_are_valid() {
    let (good, tampered, portal) = (mirror(), mirror(), mirror());
    tampered.fault("*.zip", Fault::Tampered);
    portal.fault("*", Fault::Portal);
    let Some(mut builder) = Builder::start().await else { return };
    builder.dir.write("plain/Dockerfile", PLAIN);
    builder.dir.write("plain/pins", modules().sums());
    behind_the_script(&mut builder, &good, &tampered, &portal);

    // The next ones are to ask for the base image again.
    builder.docker(&["builder", "prune", "--all", "--force"]);
    builder.fill_context();
    for (name, text) in
        [("preflight/pins", &*modules().sums()), ("go.mod", "module m.example\n"), ("go.sum", "")]
    {
        builder.dir.write(&format!("stage/{name}"), text);
    }
    with_the_stage(&mut builder, &good, &tampered, &portal);
}

fn behind_the_script(builder: &mut Builder, good: &Upstream, tampered: &Upstream, portal: &Upstream) {
    let registry = builder.registry.url.clone();
    let pins = canary("pins").map(|option| ["--option".to_owned(), option]).concat();
    let build = |builder: &Builder, go: &Upstream, more: &[&str]| {
        let mut options = vec!["--registry", &registry, "--goproxy"];
        let url = go.url();
        options.push(&url);
        options.extend(pins.iter().map(String::as_str));
        options.extend(more);
        builder.build_behind_script(&options)
    };
    for (go, code, why) in [(tampered, 3, "pin-mismatch"), (portal, 2, "portal")] {
        let output = build(builder, go, &[]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(why) && said.contains("the build is not run"), "{said}");
        assert!(!builder.pulled(), "{said}");
    }
    let output = build(builder, good, &[]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", builder.engine.log());
    assert!(builder.pulled(), "{told}");
    assert!(told.contains(&format!("go mod from {}", good.url())), "{told}");
}

fn with_the_stage(builder: &mut Builder, good: &Upstream, tampered: &Upstream, portal: &Upstream) {
    let registry = builder.registry.url.clone();
    for (again, (registry, go, code, why)) in [
        (&*registry, tampered, 3, "pin-mismatch"),
        // Not a registry.
        (&*portal.url(), good, 2, "portal"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = dockerfile(registry, go);
        // The stage alone: no base image is asked for.
        let output = builder.build_with_stage(&file, Some("preflight"), again);
        let told = said(&output);
        assert!(!output.status.success() && told.contains(&format!("exit code: {code}")), "{told}");
        assert!(told.contains(why), "{told}");
        assert!(!builder.pulled(), "{told}");
        // All stages: the steps behind the copy do not run.
        let output = builder.build_with_stage(&file, None, again + 10);
        let told = said(&output);
        assert!(!output.status.success() && told.contains(&format!("exit code: {code}")), "{told}");
        assert!(!told.contains("go mod from"), "{told}");
        assert!(builder.pulled(), "BuildKit asks for all base images at once: {told}");
    }
    let file = dockerfile(&registry, good);
    let output = builder.build_with_stage(&file, Some("preflight"), 20);
    assert!(output.status.success() && !builder.pulled(), "{}", said(&output));
    let asked = good.requests("*");
    let output = builder.build_with_stage(&file, Some("preflight"), 21);
    assert!(
        output.status.success() && good.requests("*") > asked,
        "another PREFLIGHT asks again: {}",
        said(&output)
    );
    let output = builder.build_with_stage(&file, None, 21);
    let told = said(&output);
    assert!(output.status.success(), "{told}\n{}", builder.engine.log());
    for step in ["mod", "build"] {
        assert!(told.contains(&format!("go {step} from {}", good.url())), "{told}");
    }
    builder.docker(&["image", "inspect", "app"]);
}
