//! Every set as a stream of frames: what `scan_corrsets` reads from.
//!
//! A thread of its own searches one stretch of the sets after another and waits where nobody takes what it found, so memory
//! is bounded by the frames in flight. It ends when the scan is dropped.

use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3_polars::export::polars_core::runtime::RAYON;
use pyo3_polars::{PyDataFrame, PySeries};

use polars::prelude::*;

use super::columns::Columns;
use super::inputs::Inputs;
use super::interrupt::{Watch, raised, watched};
use super::output::output_frame;
use super::python::{by_role, named, python_error};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::ResponseMatrix;
use crate::moments::RankBy;
use crate::ranking::SetTable;
use crate::responses::Duplicates;
use crate::search::{Control, Request, Run, Shard, with_stretches};

/// Sets of the first stretch: so few that the head of a stream is there at once.
const FIRST_STRETCH: u128 = 1 << 12;

/// Sets of the longest stretch. All of them may be rows, a few hundred MB, when what came before were hardly any.
const LONGEST_STRETCH: u128 = 1 << 22;

/// Rows from which a frame is large enough for what each frame and each stretch costs.
const FRAME_ROWS: usize = 1 << 18;

/// Tables that wait to be taken: the search goes on while one is being used.
const TABLES_AHEAD: usize = 1;

/// How often a thread that waits for a table looks for Ctrl-C.
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

#[pyclass(frozen)]
pub struct Scan {
    found: Mutex<Receiver<Result<SetTable>>>,
    control: Arc<Control>,
    request: Request,
    questions: Series,
    /// Without rows, to word errors.
    columns: Columns,
    sets: u128,
}

/// What Python's `scan_corrsets` asks for, checked there.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    k: u64,
    min_users: u64,
    duplicates: String,
    shard: (u64, u64),
    /// Name and least value of the correlation that rows must reach.
    floor: Option<(String, f64)>,
}

#[pymethods]
impl Scan {
    /// Reads the responses, columns by the name of the parameter, and starts the search.
    #[new]
    fn new(py: Python<'_>, inputs: Vec<(String, PySeries)>, options: Options) -> PyResult<Self> {
        let duplicates = named::<Duplicates>(&options.duplicates)?;
        let floor = match &options.floor {
            Some((name, floor)) => Some((named::<RankBy>(name)?, *floor)),
            None => None,
        };
        let request = Request {
            k: usize::try_from(options.k).unwrap_or(usize::MAX),
            top: None,
            min_users: u32::try_from(options.min_users).unwrap_or(u32::MAX),
            rank_by: floor.map_or(RankBy::R, |(rank_by, _)| rank_by),
        };
        let (index, count) = options.shard;
        let inputs = by_role(&inputs)?;
        let start = || {
            let columns = Columns::new(&Inputs::by_role(inputs)?)?;
            let coded = RAYON.install(|| columns.matrix(duplicates))?;
            let (matrix, columns) = (coded.matrix, columns.without_rows()?);
            let positions = Shard { index, count }.positions(matrix.questions(), request.k);
            let positions = positions.map_err(|error| columns.explain(error))?;
            let sets = positions.end - positions.start;
            let (send, found) = sync_channel(TABLES_AHEAD);
            let (watch, control) = watched();
            let control = Arc::new(control);
            let floor = floor.map(|(_, floor)| floor);
            let under = Arc::clone(&control);
            let walk = Walk { matrix, request, floor, positions, send, control: under, _watch: watch };
            thread::Builder::new().name("corrset-scan".into()).spawn(move || walk.run())?;
            Ok(Self { found: Mutex::new(found), control, request, questions: coded.questions, columns, sets })
        };
        py.detach(start).map_err(python_error)
    }

    /// How many sets there are to look at.
    #[getter]
    fn sets(&self) -> u128 {
        self.sets
    }

    /// The share of this scan's sets that is done.
    #[getter]
    fn done(&self) -> f64 {
        self.control.done()
    }

    /// The `columns` of the next sets, or of none if these take long; `None` after the last.
    fn next(&self, py: Python<'_>, columns: Vec<String>) -> PyResult<Option<PyDataFrame>> {
        // Held by one thread at a time, as a stream has one reader; others wait without the interpreter.
        let found = py.detach(|| {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.recv_timeout(SIGNAL_CHECK)
        });
        let table = match found {
            Ok(Ok(table)) => table,
            Ok(Err(Error::Interrupted)) => return Err(raised(py)),
            Ok(Err(error)) => return Err(python_error(self.columns.explain(error))),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals()?;
                SetTable::default()
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        };
        let frame = py.detach(|| output_frame(&table, &self.request, &self.questions, &columns));
        Ok(Some(PyDataFrame(frame.map_err(python_error)?)))
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// The search of a scan, which a thread owns.
struct Walk {
    matrix: ResponseMatrix,
    request: Request,
    floor: Option<f64>,
    positions: Range<u128>,
    send: SyncSender<Result<SetTable>>,
    control: Arc<Control>,
    _watch: Watch,
}

impl Walk {
    fn run(self) {
        let result = InstructionSet::from_environment().and_then(|isa| {
            let Self { matrix, request, floor, positions, send, control, .. } = &self;
            with_stretches(isa, matrix, request, *floor, |stretches| {
                let Range { start: first, end: last } = positions.clone();
                let (mut start, mut length) = (first, FIRST_STRETCH);
                while start < last {
                    let end = last.min(start.saturating_add(length));
                    let share = (end - start) as f64 / (last - first) as f64;
                    let run = Run { within: Some(start..end), share, ..Run::all(control) };
                    let table = RAYON.install(|| stretches.stretch(&run))?;
                    length = next_length(length, table.len());
                    start = end;
                    if !table.is_empty() && send.send(Ok(table)).is_err() {
                        break;
                    }
                }
                Ok(())
            })?
        });
        if let Err(error) = result {
            // Nobody to tell is nobody who waits.
            let _ = self.send.send(Err(error));
        }
    }
}

/// Sets of a stretch that follows one of `length` sets, of which `rows` were rows.
fn next_length(length: u128, rows: usize) -> u128 {
    if rows > FRAME_ROWS {
        length / 2
    } else if rows <= FRAME_ROWS / 2 {
        (length * 2).min(LONGEST_STRETCH)
    } else {
        length
    }
}
