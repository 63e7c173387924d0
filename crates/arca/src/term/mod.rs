//! What the user sees: formats, tables, colors, prompts.

mod duration;
mod go;
mod json;
mod rows;
mod screen;
mod secret;
mod table;
mod wrap;
mod yaml;

pub(crate) use duration::human;
pub(crate) use go::display;
pub(crate) use json::pretty;
pub(crate) use rows::of_members;
pub use screen::Stream;
pub(crate) use screen::{Format, Screen, Unprintable};
pub(crate) use secret::field as field_of_secret;
pub(crate) use table::{aligned, banner, headed};
pub(crate) use wrap::wrap;
