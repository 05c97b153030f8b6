//! Findings about sources of dynamic configuration: `FLD-GW-2…`.

fairlead_diag::codes! {
    /// Neither a file nor a directory is named.
    NO_SOURCE = "FLD-GW-2001", Error, "the file provider has no source",
        "`providers.file` names neither `filename` nor `directory`, so it has nothing to read. Set one of them.";
    /// Both a file and a directory are named.
    TWO_SOURCES = "FLD-GW-2002", Warning, "the file provider has two sources",
        "`providers.file` names both `filename` and `directory`. As in Traefik the directory is read and the file is \
         not. Remove one of the two.";
    /// A directory cannot be listed.
    UNLISTABLE = "FLD-GW-2003", Error, "a directory of the file provider cannot be listed",
        "The directory does not exist, is no directory, or may not be read. What was read from it before stays in \
         force. Fairlead keeps looking and takes the directory up as soon as it appears.";
    /// A broken file keeps its last good version.
    KEPT_LAST_GOOD = "FLD-GW-2004", Warning, "an older version of a file is in force",
        "The file has an error, so that its last version without errors stays in force; all other files are up to \
         date. Mend the errors reported for the file: the new version is taken up as soon as it is saved.";
    /// Two files declare the same name.
    DUPLICATE = "FLD-GW-2005", Error, "a name is declared in two files",
        "Two files of the directory declare an object of the same kind and name. The one in the file that sorts first \
         is used, the other is skipped. Rename one of them.";
    /// All files together are too large.
    TOO_LARGE = "FLD-GW-2006", Error, "the files are too large together",
        "The files of the file provider hold more than 64 MiB, or are more than 10,000, or lie more than 32 \
         directories deep. What lies beyond the limit is not read.";
    /// A template cannot be rendered.
    TEMPLATE = "FLD-GW-2007", Error, "a template cannot be rendered",
        "The file contains `{{`, so it is rendered as a Go template before it is parsed, and that failed. Mend the \
         template, or write ``{{ `{{` }}`` where two braces are meant.";
    /// Changes are noticed late.
    NO_EVENTS = "FLD-GW-2008", Warning, "file system events are not available",
        "The system reports no changes of the files, perhaps because its limit of watches is reached \
         (`fs.inotify.max_user_watches`). Fairlead looks every two seconds instead.";
}
