//! A bar while a search runs. A thread of its own looks how far the search is, which does nothing for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use serde::Deserialize;

use crate::search::Control;

/// Where a bar is shown.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    Never,
    /// Where somebody can see it grow.
    Auto,
    Always,
}

/// Often enough for the eye, seldom enough to cost nothing.
const PERIOD: Duration = Duration::from_millis(100);

/// Runs `search`, of so many `sets`, under `control`, beside a bar if one is wanted.
pub fn shown<T>(progress: Progress, sets: Option<u128>, control: &Control, search: impl FnOnce() -> T) -> T {
    if progress == Progress::Never {
        return search();
    }
    thread::scope(|scope| {
        let (end, ended) = channel();
        scope.spawn(move || {
            let is_always = progress == Progress::Always;
            // A bar that fails is no reason to lose the search.
            if let Err(error) = show(sets, is_always, control, ended) {
                Python::attach(|py| error.write_unraisable(py, None));
            }
        });
        let found = search();
        drop(end);
        found
    })
}

fn show(sets: Option<u128>, is_always: bool, control: &Control, ended: Receiver<()>) -> PyResult<()> {
    let bar = Python::attach(|py| {
        let module = py.import("polars_corrset._progress")?;
        PyResult::Ok(module.call_method1("Bar", (sets, is_always))?.unbind())
    })?;
    loop {
        let is_running = ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout);
        let method = if is_running { "show" } else { "close" };
        Python::attach(|py| bar.call_method1(py, method, (control.done(),)))?;
        if !is_running {
            return Ok(());
        }
    }
}
