//! `fairlead mirror check`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use fairlead_conf::Secret;
use fairlead_gomod::gosum::GoSum;
use fairlead_http::fetch::{RedirectPolicy, Timeouts};
use fairlead_mirror::check::{
    self, CacheOptions, Canary, CheckOptions, Event, Kind, Leg, RequiredHeader, State, Trust, Verdict, What,
};
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::proof::SumDbSpec;
use fairlead_mirror::report::{self, TableStyle};
use fairlead_net::tls::Pem;
use url::Url;

use super::WrongUsage;
use super::progress::Progress;

/// `fairlead mirror check`
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 valid, 1 unreachable (DNS, connect, time-out), 2 protocol, TLS, HTTP or an HTML page, 3 integrity (hash,
checksum database), 4 stale or degraded with --strict, 64 usage, 70 internal. Several mirrors: the gravest (3, 2, 1, 4, 0).")]
pub(super) struct Check {
    /// Mirrors to check
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// What they mirror
    #[arg(long, value_enum, default_value_t = KindName::Goproxy)]
    kind: KindName,
    /// Requests in flight at a time, over all mirrors
    #[arg(short, long, default_value_t = 4, value_parser = super::jobs, value_name = "N")]
    jobs: usize,
    /// For one request, body included
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
    /// For name resolution
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    dns_timeout: Duration,
    /// For connecting
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    connect_timeout: Duration,
    /// For the TLS handshake
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    tls_timeout: Duration,
    /// From the request to the head of its answer
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    first_byte_timeout: Duration,
    /// For all of it
    #[arg(long, value_parser = duration, value_name = "TIME")]
    deadline: Option<Duration>,
    /// Attempts of each request, the first included; what is final is not tried again
    #[arg(long, default_value_t = 3, value_name = "N")]
    retries: u32,
    /// Longest pause between attempts
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "TIME")]
    retry_delay: Duration,
    /// Which redirects are followed
    #[arg(long, value_enum, default_value_t = RedirectName::HttpsOnly)]
    redirects: RedirectName,
    /// Exit 4 when a mirror is stale or degraded
    #[arg(long)]
    strict: bool,
    /// Exit 2 instead of 3 or 4, for callers that know no others
    #[arg(long)]
    fold_exit_codes: bool,
    /// A module that must be there, or with `!` must not; replaces the usual set; may come several times
    #[arg(long = "canary", value_name = "[!]PATH@VERSION")]
    canaries: Vec<String>,
    /// go.sum whose hashes the canaries of --canary are held against
    #[arg(long, requires = "canaries", value_name = "GO_SUM")]
    pins: Option<PathBuf>,
    /// A private module path that must not be served
    #[arg(long, value_name = "MODULE")]
    private: Option<String>,
    /// A fresh mirror to compare with
    #[arg(long, value_name = "URL")]
    reference: Option<Url>,
    /// How far behind the reference it may be
    #[arg(long, default_value = "24h", value_parser = duration, value_name = "TIME")]
    max_lag: Duration,
    /// Checksum database, as GOSUMDB; default: GOSUMDB, else sum.golang.org
    #[arg(long, value_name = "NAME[+KEY][ URL]|off")]
    sumdb: Option<String>,
    /// A header that answers must have, with a pattern for its value
    #[arg(long, value_name = "NAME: REGEX")]
    require_header: Option<String>,
    /// Certificate authorities beside the system's (PEM)
    #[arg(long = "root-ca", value_name = "FILE")]
    roots: Vec<PathBuf>,
    /// Variable with the token of which the digest must stand in the TXT record _mirror-auth.HOST
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// Name server that is asked for it
    #[arg(long, value_name = "IP:PORT")]
    name_server: Option<std::net::SocketAddr>,
    /// Which reasons for trust must hold: all, any, or a list of tls, ownership, content
    #[arg(long, default_value = "all", value_parser = trust, value_name = "all|any|LIST")]
    trust: Trust,
    /// Image whose manifest must be there (--kind oci)
    #[arg(long, value_name = "NAME[:TAG|@DIGEST]")]
    image: Option<String>,
    /// Suite (--kind debian, ubuntu)
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// Public keys that must have signed the archive (--kind debian, ubuntu; needs gpgv)
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Branch and repository (--kind alpine)
    #[arg(long, value_name = "BRANCH/NAME")]
    repository: Option<String>,
    /// Architecture (--kind alpine)
    #[arg(long, value_name = "NAME")]
    arch: Option<String>,
    /// Public keys of which one must have signed the index: a folder, or one key's file (--kind alpine); default: /etc/apk/keys,
    /// and no verification where the key is not there
    #[arg(long, value_name = "FOLDER|FILE")]
    keys: Option<PathBuf>,
    /// How long a good result is taken for granted; bad ones a tenth of it
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "TIME")]
    cache_ttl: Duration,
    /// Probe now, and keep nothing
    #[arg(long)]
    no_cache: bool,
    /// Folder of kept results; default: the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Trust these mirrors again after an integrity failure, and probe them
    #[arg(long)]
    acknowledge: bool,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the report here, and the table to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say how each mirror came to its state, with the evidence
    #[arg(long)]
    explain: bool,
    /// Print the mirrors that may be used as a GOPROXY list, best first, and nothing else; exit 0 when there is one
    #[arg(long, conflicts_with = "explain")]
    pick: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    Goproxy,
    Oci,
    Debian,
    Ubuntu,
    Alpine,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RedirectName {
    /// None
    Deny,
    /// To the same host
    SameHost,
    /// Anywhere, but not from https to http
    HttpsOnly,
    /// Anywhere
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    Text,
    /// One JSON array
    Json,
    /// One JSON object a line, for log shippers (ECS fields)
    Jsonl,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
    /// For test reports
    Junit,
}

/// Checks; the exit code is that of the gravest verdict.
pub(super) fn run(options: &Check) -> anyhow::Result<ExitCode> {
    let urls = options.urls.iter().map(|text| url(text)).collect::<Result<Vec<_>, _>>()?;
    let check_options = check_options(options)?;
    let streaming = options.format == Format::Jsonl && options.output.is_none();
    if options.acknowledge {
        acknowledge(&urls, &check_options)?;
    }
    let progress = Progress::new("checked", options.pick || streaming);
    let done = AtomicUsize::new(0);
    let tell = |event: &Event<'_>| match event.what {
        _ if streaming => {
            // Whoever reads the log may have gone; the exit code still counts.
            let _ = write!(anstream::stdout(), "{}", report::jsonl::line(event));
        }
        What::Finished(_) => progress.tell(done.fetch_add(1, Ordering::Relaxed) + 1, urls.len()),
        What::Looked(layer) => progress.say(&format!("{}: {}", event.url, layer.name)),
        What::Started => progress.say(event.url),
    };
    let verdicts = super::runtime()?
        .block_on(check::check(&urls, &check_options, &tell))
        .map_err(|error| WrongUsage(error.to_string()))?;
    drop(progress);
    print(options, &urls, &verdicts)?;
    if options.pick && !pick(&urls, &verdicts).is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(check::exit_code(&verdicts, &check_options)))
}

/// An integrity failure is forgotten only by people.
fn acknowledge(urls: &[Url], options: &CheckOptions) -> anyhow::Result<()> {
    let Some(cache) = &options.cache else {
        return Err(WrongUsage("--acknowledge needs the cache, where it is remembered".to_owned()).into());
    };
    for url in urls {
        check::acknowledge(&cache.folder, options.kind, url)?;
    }
    Ok(())
}

fn url(text: &str) -> Result<Url, WrongUsage> {
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let hidden = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"));
    match Url::parse(&full) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        Ok(_) => Err(WrongUsage(format!("{hidden}: neither http nor https"))),
        Err(error) => Err(WrongUsage(format!("{hidden} is no URL: {error}"))),
    }
}

fn check_options(options: &Check) -> anyhow::Result<CheckOptions> {
    let defaults = CheckOptions::default();
    let mut wanted = CheckOptions {
        kind: options.kind.into(),
        jobs: options.jobs,
        timeouts: Timeouts {
            dns: options.dns_timeout,
            connect: options.connect_timeout,
            tls: options.tls_timeout,
            first_byte: options.first_byte_timeout,
            total: Some(options.timeout),
            ..defaults.timeouts
        },
        attempts: options.retries,
        retry_delay: options.retry_delay,
        deadline: options.deadline,
        redirects: options.redirects.into(),
        strict: options.strict,
        fold_exit_codes: options.fold_exit_codes,
        canaries: canaries(options)?,
        private: options.private.clone(),
        reference: options.reference.clone(),
        max_lag: options.max_lag,
        sumdb: sumdb(options)?,
        require_header: options.require_header.as_deref().map(required_header).transpose()?,
        roots: roots(&options.roots)?,
        token: options.token_env.as_deref().map(token).transpose()?,
        name_server: options.name_server,
        trust: options.trust.clone(),
        cache: cache(options)?,
        ..defaults
    };
    wanted.oci.image.clone_from(&options.image);
    wanted.debian.suite.clone_from(&options.suite);
    wanted.debian.keyring = options.keyring.as_ref().map(keyring).transpose()?;
    if let Some(repository) = &options.repository {
        wanted.alpine.repository.clone_from(repository);
    }
    if let Some(arch) = &options.arch {
        wanted.alpine.arch.clone_from(arch);
    }
    if let Some(keys) = &options.keys {
        std::fs::metadata(keys)
            .map_err(|error| WrongUsage(format!("cannot read {}: {error}", keys.display())))?;
        wanted.alpine.keys = Some(keys.clone());
    }
    Ok(wanted)
}

fn canaries(options: &Check) -> anyhow::Result<Vec<Canary>> {
    if options.canaries.is_empty() {
        return Ok(CheckOptions::default().canaries);
    }
    let pins = match &options.pins {
        Some(path) => GoSum::parse(&read(path)?).0,
        None => GoSum::default(),
    };
    let parse = |text: &String| {
        Canary::parse(text, &pins).map_err(|error| WrongUsage(format!("--canary {text}: {error}")).into())
    };
    options.canaries.iter().map(parse).collect()
}

fn sumdb(options: &Check) -> anyhow::Result<Option<SumDbSpec>> {
    let text = options.sumdb.clone().unwrap_or_else(|| GoEnv::read().effective("GOSUMDB").value);
    Ok(SumDbSpec::parse(&text).map_err(|error| WrongUsage(format!("checksum database: {error}")))?)
}

fn required_header(text: &str) -> Result<RequiredHeader, WrongUsage> {
    let bad = |why: &dyn std::fmt::Display| WrongUsage(format!("--require-header {text:?}: {why}"));
    let (name, pattern) = text.split_once(':').ok_or_else(|| bad(&"expected `Name: regex`"))?;
    Ok(RequiredHeader {
        name: name.trim().parse().map_err(|error| bad(&error))?,
        pattern: regex::Regex::new(pattern.trim()).map_err(|error| bad(&error))?,
    })
}

fn roots(paths: &[PathBuf]) -> anyhow::Result<Vec<Pem>> {
    paths.iter().map(|path| Ok(Pem::from(read(path)?))).collect()
}

fn read(path: &PathBuf) -> Result<Vec<u8>, WrongUsage> {
    std::fs::read(path).map_err(|error| WrongUsage(format!("cannot read {}: {error}", path.display())))
}

/// Without keys in it, the mirror would be the one who is accused.
fn keyring(path: &PathBuf) -> Result<PathBuf, WrongUsage> {
    if check::is_keyring(&read(path)?) {
        return Ok(path.clone());
    }
    let why = "no keyring that gpgv reads; `gpg --dearmor` makes one of an armoured key";
    Err(WrongUsage(format!("--keyring {}: {why}", path.display())))
}

/// The token comes through a variable: an argument would be seen by everybody on the machine.
fn token(name: &str) -> Result<Secret, WrongUsage> {
    match std::env::var(name) {
        Ok(token) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(WrongUsage(format!("--token-env: the variable {name} is not set"))),
    }
}

fn cache(options: &Check) -> anyhow::Result<Option<CacheOptions>> {
    if options.no_cache || options.cache_ttl.is_zero() {
        return Ok(None);
    }
    let folder = match &options.cache {
        Some(folder) => folder.clone(),
        None => super::cache_folder("probe")?,
    };
    if let Err(error) = try_out(&folder) {
        let why = format!("nothing can be kept in {}: {error}", folder.display());
        if options.cache.is_some() {
            return Err(WrongUsage(format!("{why}; name another folder, or say --no-cache")).into());
        }
        anstream::eprintln!("fairlead: {why}; probing without what earlier runs have seen");
        return Ok(None);
    }
    Ok(Some(CacheOptions {
        ttl: options.cache_ttl,
        negative_ttl: options.cache_ttl / 10,
        ..CacheOptions::new(folder)
    }))
}

/// Whether files can be made in a folder. A mirror must not be blamed for ours.
fn try_out(folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!(".{}", std::process::id()));
    std::fs::write(&file, "").and_then(|()| std::fs::remove_file(&file))
}

fn print(options: &Check, urls: &[Url], verdicts: &[Verdict]) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    if let Some(path) = &options.output {
        std::fs::write(path, report(options.format, verdicts))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if options.pick {
        let good: Vec<String> = pick(urls, verdicts).into_iter().map(Url::to_string).collect();
        writeln!(out, "{}", good.join("|"))?;
    } else if options.format == Format::Jsonl && options.output.is_none() {
        // Every event has been written as it happened.
    } else if options.output.is_some() || options.format == Format::Text {
        write!(out, "{}", report::table(verdicts, &TableStyle { colour: std::io::stdout().is_terminal() }))?;
    } else {
        write!(out, "{}", report(options.format, verdicts))?;
    }
    if options.explain {
        for verdict in verdicts {
            write!(out, "\n{}", report::explain(verdict))?;
        }
    }
    Ok(())
}

fn report(format: Format, verdicts: &[Verdict]) -> String {
    match format {
        Format::Text => report::table(verdicts, &TableStyle { colour: false }),
        Format::Json => report::json(verdicts),
        Format::Jsonl => {
            verdicts.iter().map(|verdict| report::jsonl::verdict(verdict, verdict.checked_at)).collect()
        }
        Format::Junit => report::junit(verdicts),
        Format::Sarif => report::sarif(verdicts, env!("CARGO_PKG_VERSION")),
    }
}

/// Mirrors that may be used: the active first, then the degraded and the stale; each in the order given.
fn pick<'a>(urls: &'a [Url], verdicts: &[Verdict]) -> Vec<&'a Url> {
    let rank = |state: State| match state {
        State::Active => Some(0),
        State::Degraded => Some(1),
        State::Stale => Some(2),
        _ => None,
    };
    let mut good: Vec<(u8, &Url)> =
        urls.iter().zip(verdicts).filter_map(|(url, verdict)| Some((rank(verdict.state)?, url))).collect();
    good.sort_by_key(|(rank, _)| *rank);
    good.into_iter().map(|(_, url)| url).collect()
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Goproxy => Kind::Goproxy,
            KindName::Oci => Kind::Oci,
            KindName::Debian => Kind::Debian,
            KindName::Ubuntu => Kind::Ubuntu,
            KindName::Alpine => Kind::Alpine,
        }
    }
}

impl From<RedirectName> for RedirectPolicy {
    fn from(name: RedirectName) -> Self {
        match name {
            RedirectName::Deny => RedirectPolicy::Deny,
            RedirectName::SameHost => RedirectPolicy::SameHost,
            RedirectName::HttpsOnly => RedirectPolicy::HttpsOnly,
            RedirectName::Allow => RedirectPolicy::Allow,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: fairlead_conf::Duration = text.parse().map_err(|error| format!("{error}"))?;
    Ok(parsed.into())
}

fn trust(text: &str) -> Result<Trust, String> {
    let leg = |word: &str| match word.trim() {
        "tls" => Ok(Leg::Tls),
        "ownership" => Ok(Leg::Ownership),
        "content" => Ok(Leg::Content),
        other => Err(format!("{other:?} is none of tls, ownership, content")),
    };
    match text {
        "all" => Ok(Trust::All),
        "any" => Ok(Trust::Any),
        list => list.split(',').map(leg).collect::<Result<_, _>>().map(Trust::List),
    }
}
