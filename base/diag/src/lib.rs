//! Findings: the one shape in which every part of Fairlead says that something is wrong.
//!
//! A [`Finding`] says *what* ([`Code`] and message), *where* (labelled [`Origin`]s), *why* (evidence) and *what to
//! do* (help). Whoever finds something pushes it into [`Findings`]; whoever shows it picks a renderer:
//! [`render::text`], [`render::json`] or [`render::sarif`]. The crate knows no system and does no I/O but reading
//! the quoted source line when text is rendered.

mod code;
mod finding;
mod origin;
pub mod render;

pub use code::{Code, Severity};
pub use finding::{Finding, Findings, Label};
pub use origin::{Origin, Position};
pub use render::explain;
