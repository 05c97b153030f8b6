//! Black-box suite against a gateway binary.
//!
//! A case is data: a YAML file under `cases/` with a static and a dynamic configuration, backends, certificates, and steps
//! with what each must bring. [`Case`] is its form, [`Stage`] what it needs around it (folder, ports, peers, certificates),
//! [`Subject`] the running binary, and [`play`] what happens. `FAIRLEAD_SUBJECT` names the binary and
//! `FAIRLEAD_SUBJECT_KIND` says whether it is `fairlead` (the default) or `traefik`; where the two differ on purpose a step
//! says so with a reason, and `docs/reference/compatibility.md` lists every reason.

mod answer;
mod binary;
mod case;
mod client;
mod differences;
mod expect;
mod http1;
mod http2;
mod play;
mod stage;
mod subject;
mod wire;

pub use answer::Answer;
pub use binary::{Kind, binary};
pub use case::{Case, Differs, Step, Write};
pub use client::{Ask, Protocol, ask};
pub use differences::{Difference, case_files, differences};
pub use expect::Expect;
pub use play::play;
pub use stage::{Stage, free_port};
pub use subject::{Subject, eventually};
pub use wire::{Hello, Wire, connect};
