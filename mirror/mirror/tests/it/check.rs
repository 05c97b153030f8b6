//! `mirror check` in front of mirrors that misbehave in every known way.

mod bounds;
mod faults;
mod kept;
mod kinds;
mod stage;
mod tls;
