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
}
