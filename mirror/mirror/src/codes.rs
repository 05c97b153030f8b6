//! Finding codes of the mirror: settings, probes and proofs.

fairlead_diag::codes! {
    /// An upstream list, a key or a pattern that cannot be read.
    BAD_SETTING = "FLD-MIR-0001", Error, "mirror setting cannot be used",
        "An option of the `mirror` section has a value that makes no sense, such as an upstream that is no URL, a pattern that is malformed or a verifier key that does not parse. \
         The mirror is not started with it: a mirror that guesses is worse than none.";
    /// A pattern that can never match.
    DEAD_PATTERN = "FLD-MIR-0002", Warning, "pattern can never match a module",
        "GOPRIVATE-like patterns are comma-separated globs on prefixes of module paths. An address range such as 10.0.0.0/8 or a URL never matches a module path, \
         so what it was meant to keep private is not.";
    /// An answer of an upstream that could not be proved.
    REFUSED = "FLD-MIR-0003", Error, "answer of an upstream was refused",
        "What came back is not what go.sum or the checksum database says, or no module at all (an HTML page, a broken archive). It is in quarantine, was not given to anybody, \
         and the next upstream was asked. Look at the upstream: a portal or cache in between, a damaged mirror, or an attack.";
    /// A line of a go.sum that is none.
    BAD_GO_SUM = "FLD-MIR-0010", Error, "go.sum line cannot be read",
        "A line of go.sum has three fields: module path, version (with /go.mod for that file) and hash. The go command refuses the file because of this line. \
         Most often a merge conflict was committed: take both sides' lines, then run `go mod tidy`.";
    /// A hash that differs from the database's.
    SUM_MISMATCH = "FLD-MIR-0011", Error, "go.sum disagrees with the checksum database",
        "The hash in go.sum is not the one that the checksum database has recorded for this version, and the database's record is proved. Either the module was changed under a version that had been \
         published, or a mirror gave other bytes when go.sum was written. Do not build with it before you know which.";
    /// A version that the database does not know.
    SUM_ABSENT = "FLD-MIR-0012", Error, "version is not in the checksum database",
        "Nobody else has seen this version. If the module is private, name it in GOPRIVATE (or GONOSUMDB); if it is public, the version was taken back or never existed.";
    /// A hash of an unknown algorithm.
    SUM_ALGORITHM = "FLD-MIR-0013", Warning, "go.sum line uses an unknown algorithm",
        "Only h1: hashes are recorded by the checksum database. The line is tolerated, as the go command tolerates it, and proves nothing.";
    /// The database could not be asked.
    SUM_UNREACHABLE = "FLD-MIR-0014", Error, "checksum database cannot be reached",
        "Neither a proxy of the GOPROXY list nor the database itself answered, so the line is not proved. Check the network, or name a mirror that passes the database on (GOSUMDB=\"sum.golang.org https://…\").";
    /// A database that contradicts itself.
    SUMDB_UNTRUSTED = "FLD-MIR-0015", Error, "checksum database cannot be trusted",
        "Its answer is not signed, not in the log it signed, or belongs to another history than the one seen before (a fork or a rollback). Somebody between you and the database changes its answers, or the database \
         itself misbehaves. The message has both tree heads: keep them, they are the evidence.";
    /// A variable that cannot be read.
    ENV_UNREADABLE = "FLD-MIR-0020", Error, "Go variable cannot be used",
        "The go command will refuse the value too, most often in the middle of a build. Mend the variable where the finding says it was found; `go env -w NAME=value` writes the file, the environment wins over it.";
    /// Private names that get out.
    ENV_LEAK = "FLD-MIR-0021", Warning, "private module names are told to others",
        "GONOPROXY keeps modules from proxies, GONOSUMDB keeps them from the checksum database, and GOPRIVATE is only the default of both. Setting one of the two by hand leaves the other as it is, \
         so that private names still go out. Set GOPRIVATE, and neither of the others.";
    /// A comma where a bar is meant.
    ENV_COMMA = "FLD-MIR-0022", Warning, "a failing proxy will end the build",
        "Between entries of GOPROXY a comma goes on after 404 and 410 only, a `|` after any failure. The go command itself never retries and has no time-outs. A list of equal mirrors wants `|`, or one mirror in front that fails over by itself.";
    /// A value without effect.
    ENV_DEAD = "FLD-MIR-0023", Warning, "part of a Go variable has no effect",
        "The go command ignores this part, so it does not do what it was written for.";
    /// Nothing verifies.
    ENV_UNVERIFIED = "FLD-MIR-0024", Warning, "new modules are not verified",
        "With GOSUMDB=off only go.sum protects you, and only for what is in it already. Name private modules in GOPRIVATE instead of switching the database off, or point GOSUMDB at a mirror that passes it on.";
    /// GOINSECURE and what it does not do.
    ENV_INSECURE = "FLD-MIR-0025", Info, "GOINSECURE does less than people think",
        "It allows plain http and bad certificates for version control of the modules it names. It changes nothing for proxies, and checksums are still asked for.";
    /// Old advice.
    ENV_LEFTOVER = "FLD-MIR-0026", Info, "Go variable is a leftover of older releases",
        "It was needed once. Take it away, so that nobody wonders.";
    /// A tenant that the map does not have.
    UNKNOWN_TENANT = "FLD-MIR-0027", Warning, "tenant is not in the map",
        "The default of the map was used. With `unknown: error` in the map it would be an error instead.";
    /// A mirror that cannot be asked.
    MIRROR_UNREACHABLE = "FLD-MIR-0030", Error, "mirror cannot be reached",
        "Name resolution, connecting, the handshake or the answer failed or took too long. The layers of the verdict say which was the first to fail: everything above it was not looked at. \
         Such a state heals by itself with the next good probe.";
    /// A certificate or a handshake.
    MIRROR_TLS = "FLD-MIR-0031", Error, "mirror's TLS is not valid",
        "The chain that the server sent does not lead to a trusted authority, is for another name, or is out of its time. `tls-incomplete` means that the server leaves out the intermediate certificate: \
         browsers often find it by themselves, the go command does not. A private authority is made known with the option for root certificates.";
    /// A status or a redirect.
    MIRROR_HTTP = "FLD-MIR-0032", Error, "mirror answers with the wrong status",
        "The GOPROXY protocol knows 200, 404 and 410; anything else fails a build, and so do redirects without end or from https to http. `syncing` is a 503 with a time to come back, \
         `edge-origin` a 502 or 504 of a cache that cannot reach the mirror behind it.";
    /// HTML where documents should be.
    MIRROR_PORTAL = "FLD-MIR-0033", Error, "an HTML page answers instead of the mirror",
        "A login portal, a block page or an error page with status 200 stands between you and the mirror, or the URL is that of its web pages. Open the URL of the evidence in a browser.";
    /// Answers that are not of the protocol.
    MIRROR_PROTOCOL = "FLD-MIR-0034", Error, "mirror does not speak the protocol",
        "An answer has status 200 and is not what the protocol says: another version than the one asked for, a list without versions, metadata that has expired or names files that are not there.";
    /// Bytes that are not those.
    MIRROR_UNTRUSTED = "FLD-MIR-0035", Error, "mirror gave away other bytes than it should have",
        "A file does not hash to what is pinned or proved, a module exists that cannot, or a checksum database is shown in another history than before. Do not build with this mirror before you know why. \
         The state stays until it is acknowledged with `fairlead mirror check --acknowledge`.";
    /// A mirror that is behind.
    MIRROR_STALE = "FLD-MIR-0036", Warning, "mirror is behind",
        "Its newest version is older than the reference's by more than the allowed lag. Builds work, and new releases are not seen.";
    /// A mirror that could be better.
    MIRROR_DEGRADED = "FLD-MIR-0037", Warning, "mirror is usable, and not as it should be",
        "Slow answers, a certificate that ends soon, a wrong clock, an absence that is not said with 404 or 410, or a check that could not be made. With the strict option it is exit code 4.";
    /// Worth knowing.
    MIRROR_NOTE = "FLD-MIR-0038", Info, "worth knowing about a mirror",
        "Nothing is wrong: optional parts of the protocol that are there or not, and headers that say something.";
    /// Old evidence that nobody has looked at.
    MIRROR_UNACKNOWLEDGED = "FLD-MIR-0039", Error, "mirror was untrusted before, and nobody has said why",
        "An earlier probe found bytes that should not be. A mirror that behaves today may be one that was repaired, or one that knows who asks. Look at the evidence, then acknowledge it with \
         `fairlead mirror check --acknowledge`.";
    /// A mirror whose owner is not proved.
    MIRROR_OWNERSHIP = "FLD-MIR-0040", Error, "mirror's owner is not proved",
        "The TXT record `_mirror-auth.HOST` must have `sha256=` and 64 hexadecimal digits: the SHA-256 of the host name, a newline and the token. Any one of several records may match. \
         The trust option says whether this proof is needed.";
}
