//! The `.netrc` file: a user and a password by machine.

use std::path::PathBuf;

/// More of a file is not read.
const MAX_BYTES: u64 = 1 << 20;

/// The entries of a file, in its order.
#[derive(Default)]
pub(super) struct Netrc {
    machines: Vec<Machine>,
}

#[derive(Default)]
struct Machine {
    /// `None` for every machine.
    name: Option<String>,
    login: String,
    password: String,
}

impl Netrc {
    /// Reads the file that `NETRC` names, or `.netrc` in the home folder. There need not be one.
    pub(super) fn load() -> Self {
        let named = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
        let Some(path) = named.or_else(|| std::env::home_dir().map(|home| home.join(".netrc"))) else {
            return Netrc::default();
        };
        match read(&path) {
            Ok(text) => Netrc::parse(&text),
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "cannot read netrc file");
                }
                Netrc::default()
            }
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut netrc = Netrc::default();
        let mut in_macro = false;
        for line in text.lines() {
            // A macro ends at an empty line.
            in_macro &= !line.trim().is_empty();
            if !in_macro {
                in_macro = netrc.read_line(line);
            }
        }
        netrc
    }

    /// Reads one line; whether a macro begins on it.
    fn read_line(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "machine" => {
                    let name = words.next().map(str::to_ascii_lowercase).unwrap_or_default();
                    self.machines.push(Machine { name: Some(name), ..Machine::default() });
                }
                "default" => self.machines.push(Machine::default()),
                "login" | "password" | "account" => {
                    let value = words.next().unwrap_or_default().to_owned();
                    match (word, self.machines.last_mut()) {
                        ("login", Some(machine)) => machine.login = value,
                        ("password", Some(machine)) => machine.password = value,
                        _ => {}
                    }
                }
                "macdef" => return true,
                word if word.starts_with('#') => return false,
                _ => {}
            }
        }
        false
    }

    /// User and password for a host.
    pub(super) fn find(&self, host: &str) -> Option<(&str, &str)> {
        let suits = |machine: &&Machine| machine.name.as_ref().is_none_or(|name| name == host);
        let machine = self.machines.iter().find(suits)?;
        (!machine.login.is_empty()).then_some((&machine.login, &machine.password))
    }
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_found_in_order() {
        let netrc = Netrc::parse(
            "# a comment\n\
             machine A.example login ann password one\n\
             machine b.example\n\tlogin bob\n\tpassword two account x\n\
             macdef init\n machine evil.example login no password no\n\n\
             machine a.example login late password late\n\
             machine half.example password alone\n\
             default login any password three # the end\n\
             machine after.example login never password never\n",
        );
        for (host, found) in [
            ("a.example", Some(("ann", "one"))),
            ("b.example", Some(("bob", "two"))),
            ("evil.example", Some(("any", "three"))),
            ("after.example", Some(("any", "three"))),
            ("half.example", None),
        ] {
            assert_eq!(netrc.find(host), found, "{host}");
        }
        assert_eq!(Netrc::parse("machine a login x password y").find("b"), None);
        assert_eq!(Netrc::parse("login x password y machine").find(""), None);
    }
}
