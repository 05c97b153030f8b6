//! What can be wrong with the options of a middleware.

fairlead_diag::codes! {
    /// A regular expression does not compile.
    BAD_REGEX = "FLD-GW-3001", Error, "invalid regular expression",
        "A middleware option holds a regular expression that does not compile, so the middleware cannot be built and every \
         router that uses it is left out. Expressions follow RE2 syntax, as in Go: no look-around and no back-references.";
    /// An address range does not parse.
    BAD_RANGE = "FLD-GW-3002", Error, "invalid IP range",
        "An address range is neither an IP address nor CIDR notation such as 10.0.0.0/8 or 2001:db8::/32. The middleware \
         cannot be built and every router that uses it is left out.";
    /// A user line is not `name:hash`.
    BAD_USER = "FLD-GW-3003", Error, "invalid user entry",
        "A user entry of an authentication middleware is not `name:hash`. basicAuth takes lines as `htpasswd -nB user` prints \
         them; in a Docker Compose file each `$` must be doubled.";
    /// A hash of a kind that no password can match.
    USELESS_HASH = "FLD-GW-3004", Warning, "unknown password hash",
        "The hash of a user entry is none of bcrypt ($2a$, $2b$, $2y$), MD5 ($apr1$, $1$) or SHA-1 ({SHA}), so this user can never \
         log in. The usual cause is a `$` that was doubled or swallowed on the way, or a plain password. Make a new line with \
         `htpasswd -nB user`.";
    /// The users file cannot be read.
    BAD_USERS_FILE = "FLD-GW-3005", Error, "users file cannot be read",
        "The file named by usersFile is missing, not readable, not text or too large (1 MiB at most). The middleware cannot be \
         built and every router that uses it is left out.";
    /// A status or a range of statuses does not parse.
    BAD_STATUS = "FLD-GW-3006", Error, "invalid status code or range",
        "A status must be a number from 100 to 599, a range such as 500-599, or several of them with commas between.";
    /// A required option is missing.
    MISSING = "FLD-GW-3007", Error, "required option missing",
        "The middleware cannot work without this option, so it cannot be built and every router that uses it is left out.";
    /// Two options exclude each other.
    EXCLUSIVE = "FLD-GW-3008", Error, "options exclude each other",
        "Two options of this middleware cannot be used together; remove one of them.";
    /// A number is out of its bounds.
    OUT_OF_BOUNDS = "FLD-GW-3009", Error, "value out of bounds",
        "The value is outside the bounds of its option, so the middleware cannot be built.";
    /// A header name or value that cannot be sent.
    BAD_HEADER = "FLD-GW-3010", Error, "invalid header name or value",
        "A header name may hold letters, digits and - _ . ! # $ % & ' * + ^ ` | ~ only, and a value must not hold line breaks or \
         other control characters.";
    /// A deprecated option that does nothing.
    DEPRECATED = "FLD-GW-3011", Warning, "deprecated option",
        "This option is accepted for old configurations; the message says what it still does and what replaces it.";
    /// A prefix that cannot be meant.
    BAD_PREFIX = "FLD-GW-3012", Warning, "prefix without a leading slash",
        "Paths always start with `/`, so a prefix without it never matches (stripPrefix) or glues two segments together.";
    /// A path that is not percent-encoded well.
    BAD_PATH = "FLD-GW-3013", Warning, "invalid escape in a path",
        "The new path of replacePath holds a `%` that no two hexadecimal digits follow, so every request through the middleware is \
         answered 500, as in Traefik. Write `%25` for a percent sign.";
    /// Users without any name.
    NO_USERS = "FLD-GW-3014", Error, "no users",
        "An authentication middleware has neither users nor a file with users, so nobody could pass. It is left out with the \
         routers that name it.";
}
