//! What a record says, for people: summaries, tables, plots, one HTML page.
//!
//! Everything here is a function of a [`Record`](harness_record::Record) or of
//! its parts and can be run on another machine than the one measured.
//! [`summarise`] turns samples into results; [`render`] prints them, [`render_with_calls`] each call by its number, too;
//! [`write_report`] draws them into the record's directory; [`render_gate`] prints
//! a comparison, [`render_attach`] windows on a running process; [`export`] writes a record for other tools; [`history`] puts many
//! records in order.

mod attach;
mod calls;
mod caption;
mod disturbance;
mod export;
mod files;
mod gate;
mod group;
mod history;
mod html;
mod modes;
mod plots;
mod render;
mod summary;
mod tables;
mod units;
mod verification;
mod view;

pub use attach::{render_attach, summarise_windows};
pub use calls::render_with_calls;
pub use disturbance::disturbances;
pub use export::{EXPORT_FORMATS, Export, ExportFormat, NothingToExport, export};
pub use files::{load, write_report};
pub use gate::render_gate;
pub use history::{
    ChangePoint, History, HistoryError, MachineHistory, NamedRecord, Point, Selection, Series,
    Subject, history, render_history,
};
pub use plots::{Plot, plot_history, plots};
pub use render::{Format, render};
pub use summary::{LEVEL, summarise};
