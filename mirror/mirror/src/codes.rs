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
}
