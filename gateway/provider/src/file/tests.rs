//! What a user does to files, and what the gateway hears of it.

use std::fs;
use std::path::Path;

use fairlead_diag::Finding;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::codes;

/// Far beyond what is promised, for machines under load.
const LONG: Duration = Duration::from_secs(20);
/// Shorter than the poll: what arrives within it came by an event.
const NO_MORE: Duration = Duration::from_millis(400);

fn router(name: &str, path: &str) -> String {
    format!("http:\n  routers:\n    {name}: {{rule: 'Path(`/{path}`)', service: s}}\n")
}

/// Replaces a file as editors and deployments do.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

fn directory(folder: &TempDir) -> FileOptions {
    FileOptions { filename: None, directory: Some(folder.path().to_owned()), watch: true }
}

/// `name=rule` of all routers, in order.
fn routers(message: &Message) -> Vec<String> {
    let routers = message.dynamic.http.routers.iter();
    routers
        .map(|(name, router)| format!("{name}={}", router.node.at(&["rule"]).unwrap().text().unwrap()))
        .collect()
}

fn rule(name: &str, path: &str) -> String {
    format!("{name}=Path(`/{path}`)")
}

fn with_code<'a>(message: &'a Message, code: &fairlead_diag::Code) -> Vec<&'a Finding> {
    message.findings.iter().filter(|finding| finding.code == code).collect()
}

/// A running provider.
struct Running {
    messages: mpsc::Receiver<Message>,
    reload: Reload,
    stop: CancellationToken,
}

impl Running {
    fn start(options: FileOptions) -> Running {
        Running::run(FileProvider::new(options))
    }

    fn run(provider: FileProvider) -> Running {
        let (sender, messages) = mpsc::channel(4);
        let (reload, stop) = (provider.reload_handle(), CancellationToken::new());
        fairlead_rt::spawn("file provider", Box::new(provider).run(sender, stop.clone()));
        Running { messages, reload, stop }
    }

    /// The next message that shows these routers; those before it are passed over, as a change may be seen half-way.
    async fn until(&mut self, expected: &[String]) -> Message {
        let mut last = Vec::new();
        let found = timeout(LONG, async {
            loop {
                let message = self.messages.recv().await.expect("the provider runs");
                last = routers(&message);
                if last == expected {
                    return message;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("expected {expected:?}, last heard of {last:?}"))
    }

    async fn nothing(&mut self) {
        let heard = timeout(NO_MORE, self.messages.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[test]
fn a_directory_is_read_in_order_and_only_its_configuration_files() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("m/deep")).unwrap();
    fs::create_dir_all(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join("z.yml"), router("z", "z")).unwrap();
    fs::write(folder.path().join("a.toml"), "[http.routers.a]\nrule = 'Path(`/a`)'\nservice = 's'\n")
        .unwrap();
    let json = r#"{"http": {"routers": {"m": {"rule": "Path(`/m`)", "service": "s"}}}}"#;
    fs::write(folder.path().join("m/deep/m.json"), json).unwrap();
    for ignored in [".hidden.yml", "b.yml~", ".a.yml.swp", "#c.yml#", "notes.txt", ".git/config.yml"] {
        fs::write(folder.path().join(ignored), router("ignored", "x")).unwrap();
    }
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!(routers(&message), [rule("a", "a"), rule("m", "m"), rule("z", "z")]);
    assert!(message.findings.is_empty(), "{:?}", message.findings);
}

#[test]
fn a_directory_that_links_to_itself_is_read_once() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yml"), router("a", "a")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!((routers(&message), message.findings.len()), (vec![rule("a", "a")], 0));
}

#[test]
fn of_two_files_with_one_name_the_first_counts_and_both_are_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yml"), router("r", "first")).unwrap();
    fs::write(folder.path().join("b.yml"), router("r", "second")).unwrap();
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!(routers(&message), [rule("r", "first")]);
    let found = with_code(&message, &codes::DUPLICATE);
    let places: Vec<String> = found[0].labels.iter().map(|label| label.origin.to_string()).collect();
    let place = |file: &str| format!("{}:3:5", folder.path().join(file).display());
    assert_eq!(places, [place("b.yml"), place("a.yml")]);
}

#[test]
fn a_file_that_cannot_be_read_yields_a_finding_and_the_others_live() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yml"), b"http: \xff\xfe").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("b.yml")).unwrap();
    fs::write(folder.path().join("c.yml"), router("c", "c") + "http2: {}\n").unwrap();
    fs::write(folder.path().join("d.yml"), "http:\n  ruoters: {}\n").unwrap();
    fs::write(folder.path().join("e.yml"), "http: [").unwrap();
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!(routers(&message), [rule("c", "c")]);
    for file in ["a.yml", "b.yml", "c.yml", "d.yml", "e.yml"] {
        let path = folder.path().join(file).display().to_string();
        let told = message
            .findings
            .iter()
            .any(|finding| finding.origin().is_some_and(|origin| origin.to_string().starts_with(&path)));
        assert!(told, "{file}: {:?}", message.findings);
    }
}

#[test]
fn templates_are_rendered_and_their_faults_located() {
    let folder = TempDir::new().unwrap();
    let text = "http:\n  routers:\n{{ range $i := until 2 }}\n    r{{ $i }}: {rule: 'Path(`/{{ $i }}`)', service: s}\n{{ end }}\n";
    fs::write(folder.path().join("a.yml"), text).unwrap();
    fs::write(folder.path().join("b.yml"), "http:\n  routers: {{ nope }}\n").unwrap();
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!(routers(&message), [rule("r0", "0"), rule("r1", "1")], "{:?}", message.findings);
    let found = with_code(&message, &codes::TEMPLATE);
    let place = found[0].origin().unwrap().to_string();
    assert!(place.starts_with(&format!("{}:2:", folder.path().join("b.yml").display())), "{place}");
}

#[test]
fn too_many_bytes_are_refused_and_not_read() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yml"), router("a", "a")).unwrap();
    let large = fs::File::create(folder.path().join("b.yml")).unwrap();
    large.set_len(65 << 20).unwrap();
    let message = FileProvider::new(directory(&folder)).read_once();
    assert_eq!(routers(&message), [rule("a", "a")]);
    assert_eq!(with_code(&message, &codes::TOO_LARGE).len(), 1);
}

#[test]
fn no_source_and_a_missing_directory_are_findings() {
    let none = FileOptions { filename: None, directory: None, watch: false };
    let message = FileProvider::new(none).read_once();
    assert_eq!(with_code(&message, &codes::NO_SOURCE).len(), 1);
    let folder = TempDir::new().unwrap();
    let missing = FileOptions { directory: Some(folder.path().join("no")), filename: None, watch: false };
    let message = FileProvider::new(missing).read_once();
    assert_eq!(with_code(&message, &codes::UNLISTABLE).len(), 1);
}

#[tokio::test]
async fn a_broken_file_keeps_its_last_good_version_while_the_others_change() {
    let folder = TempDir::new().unwrap();
    let (a, b) = (folder.path().join("a.yml"), folder.path().join("b.yml"));
    put(&a, &router("a", "1"));
    put(&b, &router("b", "1"));
    let mut running = Running::start(directory(&folder));
    running.until(&[rule("a", "1"), rule("b", "1")]).await;
    put(&a, "http: {routers: {a: {rule: 5, priority: high}}}");
    put(&b, &router("b", "2"));
    let message = running.until(&[rule("a", "1"), rule("b", "2")]).await;
    let kept = with_code(&message, &codes::KEPT_LAST_GOOD);
    assert_eq!(kept.len(), 1, "{:?}", message.findings);
    assert!(kept[0].message.contains("a.yml") && kept[0].evidence[0].0 == "since");
    assert!(message.findings.has_errors());
    put(&a, &router("a", "3"));
    let message = running.until(&[rule("a", "3"), rule("b", "2")]).await;
    assert!(message.findings.is_empty(), "{:?}", message.findings);
}

/// Calls every changed router on the path `/bad` an error.
fn strict(new: &Dynamic, before: &Dynamic) -> Findings {
    let changed =
        new.http.routers.iter().filter(|(name, router)| before.http.routers.get(*name) != Some(router));
    let bad = changed.filter(|(_, router)| &*router.value.rule == "Path(`/bad`)");
    bad.map(|(_, router)| Finding::new(&fairlead_model::codes::NO_RULE, "bad").at(&router.origin)).collect()
}

#[tokio::test]
async fn a_version_that_the_judge_refuses_does_not_replace_one_in_force() {
    let folder = TempDir::new().unwrap();
    let (a, b) = (folder.path().join("a.yml"), folder.path().join("b.yml"));
    put(&a, &router("a", "1"));
    let provider = FileProvider::new(directory(&folder)).judged_by(strict);
    let mut running = Running::run(provider);
    running.until(&[rule("a", "1")]).await;
    put(&a, &router("a", "bad"));
    put(&b, &router("b", "bad"));
    let message = running.until(&[rule("a", "1"), rule("b", "bad")]).await;
    assert_eq!(with_code(&message, &codes::KEPT_LAST_GOOD).len(), 1, "{:?}", message.findings);
    let told = message.findings.iter().filter(|finding| finding.message == "bad");
    let place = format!("{}:3:5", a.display());
    assert_eq!(told.map(|finding| finding.origin().unwrap().to_string()).collect::<Vec<_>>(), [place]);
    put(&a, &router("a", "2"));
    let message = running.until(&[rule("a", "2"), rule("b", "bad")]).await;
    assert!(message.findings.is_empty(), "{:?}", message.findings);
}

#[tokio::test]
async fn an_object_of_no_certain_type_is_left_out_of_a_first_version_and_holds_back_a_later_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.yml");
    let two = "  middlewares:\n    m: {addPrefix: {prefix: /a}, stripPrefix: {prefixes: [/a]}}\n";
    let none = "    n: {}\n";
    put(&path, &(router("a", "1") + two));
    let mut running = Running::start(directory(&folder));
    let message = running.until(&[rule("a", "1")]).await;
    assert_eq!(with_code(&message, &fairlead_model::codes::MULTI_TYPE).len(), 1);
    put(&path, &(router("a", "2") + two));
    let message = running.until(&[rule("a", "2")]).await;
    assert!(with_code(&message, &codes::KEPT_LAST_GOOD).is_empty(), "{:?}", message.findings);
    put(&path, &(router("a", "3") + two + none));
    put(&folder.path().join("b.yml"), &router("b", "1"));
    let message = running.until(&[rule("a", "2"), rule("b", "1")]).await;
    assert_eq!(with_code(&message, &fairlead_model::codes::NO_TYPE).len(), 1);
    assert_eq!(with_code(&message, &codes::KEPT_LAST_GOOD).len(), 1);
}

#[tokio::test]
async fn a_change_in_place_arrives_even_when_the_size_stays() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.yml");
    fs::write(&path, router("a", "0")).unwrap();
    let mut running = Running::start(directory(&folder));
    running.until(&[rule("a", "0")]).await;
    for i in 1..6 {
        fs::write(&path, router("a", &i.to_string())).unwrap();
        running.until(&[rule("a", &i.to_string())]).await;
    }
}

#[tokio::test]
async fn equal_content_and_files_beside_cause_no_message() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.yml");
    put(&path, &router("a", "1"));
    let mut running = Running::start(directory(&folder));
    running.until(&[rule("a", "1")]).await;
    put(&path, &router("a", "1"));
    put(&path, &format!("# a comment\n{}", router("a", "1")));
    fs::write(folder.path().join("access.log"), "a line\n").unwrap();
    running.nothing().await;
}

#[tokio::test]
async fn files_come_and_go_in_directories_that_come_and_go() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("later/conf.d");
    let options = FileOptions { filename: None, directory: Some(folder.clone()), watch: true };
    let mut running = Running::start(options);
    let message = running.until(&[]).await;
    assert_eq!(with_code(&message, &codes::UNLISTABLE).len(), 1);
    fs::create_dir_all(folder.join("sub")).unwrap();
    put(&folder.join("sub/a.yml"), &router("a", "1"));
    running.until(&[rule("a", "1")]).await;
    put(&folder.join("b.yml"), &router("b", "1"));
    running.until(&[rule("b", "1"), rule("a", "1")]).await;
    fs::remove_dir_all(folder.join("sub")).unwrap();
    running.until(&[rule("b", "1")]).await;
    // A directory that vanishes whole, such as a mount, takes no traffic with it.
    fs::rename(&folder, root.path().join("gone")).unwrap();
    let message = timeout(LONG, running.messages.recv()).await.unwrap().unwrap();
    assert_eq!(routers(&message), [rule("b", "1")]);
    assert_eq!(with_code(&message, &codes::UNLISTABLE).len(), 1);
    fs::create_dir_all(&folder).unwrap();
    put(&folder.join("c.yml"), &router("c", "1"));
    running.until(&[rule("c", "1")]).await;
}

#[tokio::test]
async fn the_link_swap_of_a_kubernetes_config_map_is_seen() {
    let folder = TempDir::new().unwrap();
    let version = |name: &str, path: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("a.yml"), router("a", path)).unwrap();
        let link = folder.path().join("..data_tmp");
        std::os::unix::fs::symlink(name, &link).unwrap();
        fs::rename(link, folder.path().join("..data")).unwrap();
    };
    version("..2026_1", "1");
    std::os::unix::fs::symlink("..data/a.yml", folder.path().join("a.yml")).unwrap();
    let file = FileOptions { filename: Some(folder.path().join("a.yml")), directory: None, watch: true };
    let mut both = [Running::start(directory(&folder)), Running::start(file)];
    for running in &mut both {
        running.until(&[rule("a", "1")]).await;
    }
    version("..2026_2", "2");
    fs::remove_dir_all(folder.path().join("..2026_1")).unwrap();
    for running in &mut both {
        running.until(&[rule("a", "2")]).await;
    }
}

#[tokio::test]
async fn a_single_file_that_vanishes_stays_in_force() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("only.yml");
    put(&path, &router("a", "1"));
    let mut running =
        Running::start(FileOptions { filename: Some(path.clone()), directory: None, watch: true });
    running.until(&[rule("a", "1")]).await;
    fs::remove_file(&path).unwrap();
    let message = running.until(&[rule("a", "1")]).await;
    assert_eq!(with_code(&message, &codes::KEPT_LAST_GOOD).len(), 1);
    put(&path, &router("a", "2"));
    running.until(&[rule("a", "2")]).await;
}

#[tokio::test]
async fn without_watching_only_a_request_reloads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.yml");
    put(&path, &router("a", "1"));
    let mut running = Running::start(FileOptions { watch: false, ..directory(&folder) });
    running.until(&[rule("a", "1")]).await;
    put(&path, &router("a", "2"));
    running.nothing().await;
    running.reload.request();
    running.until(&[rule("a", "2")]).await;
}

#[tokio::test]
async fn a_stopped_provider_ends() {
    let folder = TempDir::new().unwrap();
    let mut running = Running::start(directory(&folder));
    running.until(&[]).await;
    running.stop.cancel();
    assert!(timeout(LONG, running.messages.recv()).await.unwrap().is_none());
}
