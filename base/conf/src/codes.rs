//! What can be wrong with a configuration before its meaning is looked at.

fairlead_diag::codes! {
    /// The file is not well-formed YAML, TOML or JSON.
    SYNTAX = "FLD-CONF-0001", Error, "configuration cannot be parsed",
        "The text is not well-formed, so nothing of it was taken over. The place named is where the parser gave up; the \
         mistake is there or just before it. In YAML, look for a missing space after `:`, a tab in the indentation, a key \
         that stands deeper or shallower than its neighbours, and text that begins with `@`, `` ` ``, `*`, `&`, `!` or `{` \
         and is not quoted. A rule such as `Host(`a.example`)` is fine unquoted, but it must not contain `: ` or ` #`.";
    /// A key that no option has.
    UNKNOWN_KEY = "FLD-CONF-0002", Error, "unknown key",
        "No option has this name at this place, so the value would have no effect. Most often it is a misspelling, an \
         option of another section (wrong indentation), or an option of an older version. Keys compare without case. The \
         nearest known key is suggested when one is close enough.";
    /// A value of a type that the option cannot take.
    WRONG_TYPE = "FLD-CONF-0003", Error, "wrong type of value",
        "The option takes another type of value than the one written: for example a list where a section is expected, or \
         text where a number is expected. The option is treated as if it were not set, so that all other problems can be \
         shown in the same run.";
    /// A value of the right type that the option does not take.
    BAD_VALUE = "FLD-CONF-0004", Error, "value not accepted",
        "The value has the right type, but it is outside what the option takes: a number out of range, a word that is none \
         of the choices, a duration without unit. The message names what is accepted.";
    /// A required key is absent.
    MISSING_KEY = "FLD-CONF-0005", Error, "required key is missing",
        "This section needs the key to make sense, and there is no default for it. Add the key to the section named.";
    /// The same key twice in one map.
    DUPLICATE_KEY = "FLD-CONF-0006", Error, "key given twice",
        "One map has the same key twice. YAML and TOML forbid that, and tools disagree on which one wins, so none of the \
         file is taken over. Remove or rename one of the two; both places are named.";
    /// A key without a value.
    EMPTY_VALUE = "FLD-CONF-0007", Warning, "key without a value",
        "The key is there but nothing follows it, so the option keeps its default. Give it a value or remove it. Often the \
         lines meant to belong to it are not indented far enough.";
    /// The file expands beyond the bounds.
    TOO_LARGE = "FLD-CONF-0008", Error, "configuration is too large",
        "The text, its nesting or what its aliases expand to goes beyond the bounds that protect the process (64 levels, a \
         million values). A few lines of YAML with nested aliases can expand to gigabytes. Split the file, or write the \
         values out instead of aliasing aliases.";
    /// A command-line flag that cannot be understood.
    BAD_FLAG = "FLD-CONF-0009", Error, "flag cannot be understood",
        "Flags name an option by its path: `--entryPoints.web.address=:80`. A boolean or a section may stand alone \
         (`--api.insecure`, `--ping`); every other flag needs a value after `=` or as the next argument.";
    /// More findings than are worth listing.
    TOO_MANY = "FLD-CONF-0010", Error, "too many problems",
        "More than a hundred problems were found in one source; the rest is not listed. Mend the first ones and try again.";
    /// A file that cannot be read.
    UNREADABLE = "FLD-CONF-0011", Error, "file cannot be read",
        "The file named by the configuration is absent, is not readable for the user the process runs as, is too large, or \
         is not UTF-8 text. Paths are relative to the working directory of the process.";
    /// A format that is not known by its extension.
    UNKNOWN_FORMAT = "FLD-CONF-0012", Error, "unknown file format",
        "The format of a configuration file is known by its extension: `.yml` or `.yaml`, `.toml`, `.json`.";
    /// A value given by two sources.
    OVERRIDDEN = "FLD-CONF-0013", Info, "value overridden",
        "Two sources set the same option, and the later one wins. Nothing is wrong when that is meant.";
    /// Feature of the format that has no meaning in a configuration.
    UNSUPPORTED = "FLD-CONF-0014", Error, "not supported in a configuration",
        "The file uses a feature of its format that has no meaning here, such as a map or a list as a key.";
}
