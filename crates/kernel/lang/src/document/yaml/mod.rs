//! YAML as Go's `yaml.v2` reads and writes it: version 1.1 of the plain words (`yes`, `0777`), merged maps, the first
//! document of a text, and long lines that are folded.

mod emit;
mod order;
mod parse;
mod resolve;
mod scalar;
mod tabs;

pub use emit::to_yaml;
pub use parse::from_yaml;
