//! Every set as a stream of frames: what `scan_corrsets` reads from.
//!
//! A thread of its own has some stretches of the sets searched after another, and waits where nobody takes what it found, so memory
//! is bounded by the frames in flight: for each thread, two that are made and two that wait. It ends when the scan is dropped.
//!
//! How many sets a stretch has follows from what came before: some thousands of rows, but no longer than a moment. Where
//! hardly any set is a row, because constraints or what rows must reach leave most of them out together, stretches
//! become as long as it takes to get over these. What turns out to have too many rows is given up and cut.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3_polars::export::polars_core::runtime::RAYON;
use pyo3_polars::{PyDataFrame, PySeries};

use polars::prelude::*;

use super::columns::Columns;
use super::constraints::{Bounds, Membership};
use super::expression::saturate;
use super::inputs::Inputs;
use super::interrupt::{Watch, raised, watched};
use super::output::{needed, output_frame};
use super::python::{by_role, named, python_error};
use crate::error::Error;
use crate::isa::InstructionSet;
use crate::matrix::ResponseMatrix;
use crate::moments::RankBy;
use crate::parallel;
use crate::ranking::SetTable;
use crate::responses::Duplicates;
use crate::search::{Blueprint, Constraints, Control, Every, Request, SearchStrategy, Shard, Stretches};
use crate::whole::Total;

/// Sets of the first stretch, and of the shortest: so few that the head of a stream is there at once.
const FIRST_STRETCH: u128 = 1 << 12;

/// Rows with which a stretch is given up: a hundred MB.
const MOST_ROWS: usize = 1 << 21;

/// Rows from which a frame is large enough for what each frame and each stretch costs.
const FRAME_ROWS: usize = 1 << 17;

/// Stretches for each thread that are searched at once, one thread each: it has something to do while others end theirs.
const STRETCHES_PER_THREAD: usize = 2;

/// What stretches that are searched at once should take, so that rows are not long in coming. What comes later may be
/// harder to search.
const MOMENT: Duration = Duration::from_millis(100);

/// What they should not take, if shorter ones are possible.
const LONG_TIME: Duration = Duration::from_secs(1);

/// How often a thread that waits for a frame looks for Ctrl-C.
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

#[pyclass(frozen)]
pub struct Scan {
    frames: Mutex<Receiver<Found>>,
    /// Until its end is known.
    search: Mutex<Option<JoinHandle<()>>>,
    control: Arc<Control>,
    /// One without rows.
    nothing: DataFrame,
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
    total: String,
    shard: (u64, u64),
    /// The columns to make.
    columns: Vec<String>,
    /// Name and least value of the correlation that rows must reach.
    floor: Option<(String, f64)>,
    bounds: Bounds,
    membership: Membership,
}

#[pymethods]
impl Scan {
    /// Reads the responses, columns by the name of the parameter, and starts the search.
    #[new]
    fn new(py: Python<'_>, inputs: Vec<(String, PySeries)>, options: Options) -> PyResult<Self> {
        let duplicates = named::<Duplicates>(&options.duplicates)?;
        let total = named::<Total>(&options.total)?;
        let floor = match &options.floor {
            Some((name, floor)) => Some((named::<RankBy>(name)?, *floor)),
            None => None,
        };
        let request = Request {
            k: saturate(options.k, usize::MAX),
            top: None,
            min_users: saturate(options.min_users, u32::MAX),
            rank_by: floor.map_or(RankBy::R, |(rank_by, _)| rank_by),
        };
        let (index, count) = options.shard;
        let inputs = by_role(&inputs)?;
        let start = || {
            let inputs = Inputs::by_role(inputs)?;
            let columns = Columns::new(&inputs)?;
            let coded = RAYON.install(|| columns.matrix(duplicates, total))?;
            let columns = columns.without_rows()?;
            let constraints = inputs.constraints(&coded, &options.bounds)?;
            let narrow = options.membership.narrow(&constraints, &coded.questions, request.k)?;
            let share = Share { shard: Shard { index, count }, constraints, narrow };
            let found = share.blueprint(coded.matrix, request);
            let (blueprint, positions) = found.map_err(|error| columns.explain(error))?;
            let sets = positions.end - positions.start;
            let (send, frames) = sync_channel(stretches_at_once());
            let (watch, control) = watched();
            let control = Arc::new(control);
            let output = Output { request, names: options.columns, questions: coded.questions };
            let nothing = output.frame(SetTable::default())?;
            let walk = Walk {
                blueprint,
                output,
                floor: floor.map(|(_, floor)| floor),
                positions,
                send,
                control: Arc::clone(&control),
                _watch: watch,
            };
            let search = thread::Builder::new().name("corrset-scan".into()).spawn(move || walk.run())?;
            let search = Mutex::new(Some(search));
            Ok(Self { frames: Mutex::new(frames), search, control, nothing, columns, sets })
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

    /// The next sets, or none if these take long; `None` after the last.
    fn next(&self, py: Python<'_>) -> PyResult<Option<PyDataFrame>> {
        // Held by one thread at a time, as a stream has one reader; others wait without the interpreter.
        let found = py.detach(|| {
            let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.recv_timeout(SIGNAL_CHECK)
        });
        match found {
            Ok(Ok(frame)) => Ok(Some(PyDataFrame(frame))),
            Ok(Err(Failure::Search(Error::Interrupted))) => Err(raised(py)),
            Ok(Err(Failure::Search(error))) => Err(python_error(self.columns.explain(error))),
            Ok(Err(Failure::Frame(error))) => Err(python_error(error)),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals()?;
                Ok(Some(PyDataFrame(self.nothing.clone())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
                match search.take().map(JoinHandle::join) {
                    // It has said why on stderr.
                    Some(Err(_)) => Err(python_error(
                        polars_err!(ComputeError: "the search ended before it had all sets"),
                    )),
                    _ => Ok(None),
                }
            }
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// Which sets are searched: those of a shard of the sets that fulfil `constraints`, as far as they also fulfil narrower
/// ones.
struct Share {
    shard: Shard,
    constraints: Constraints,
    narrow: Constraints,
}

impl Share {
    /// The search for sets that fulfil the narrower constraints, and the positions of those of the shard.
    fn blueprint(
        self,
        matrix: ResponseMatrix,
        request: Request,
    ) -> Result<(Blueprint<'static>, Range<u128>), Error> {
        let Self { shard, constraints, narrow } = self;
        if shard == Shard::WHOLE || narrow == constraints {
            let blueprint = Blueprint::new(Cow::Owned(matrix), request, &narrow)?;
            let positions = shard.positions(blueprint.space())?;
            return Ok((blueprint, positions));
        }
        // Fewer questions make other shards. But leaving sets out leaves the others in their order, so those of a shard stay
        // between the sets that it begins and ends with.
        let ends = {
            let all = Blueprint::new(Cow::Borrowed(&matrix), request, &constraints)?;
            let Range { start, end } = shard.positions(all.space())?;
            [start, end].map(|position| all.set_at(position))
        };
        let blueprint = Blueprint::new(Cow::Owned(matrix), request, &narrow)?;
        let space = blueprint.space();
        let uncountable = Error::Uncountable { k: space.chosen(), questions: space.open() };
        let [start, end] = ends.map(|set| blueprint.position_from(set.as_deref()));
        let positions = start.zip(end).map(|(start, end)| start..end).ok_or(uncountable)?;
        Ok((blueprint, positions))
    }
}

/// What the search sends.
type Found = std::result::Result<DataFrame, Failure>;

/// Why there is no next frame.
enum Failure {
    Search(Error),
    Frame(PolarsError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Search(error)
    }
}

impl From<PolarsError> for Failure {
    fn from(error: PolarsError) -> Self {
        Self::Frame(error)
    }
}

/// What becomes of sets.
struct Output {
    request: Request,
    /// Of the columns.
    names: Vec<String>,
    questions: Series,
}

impl Output {
    fn frame(&self, sets: SetTable) -> PolarsResult<DataFrame> {
        output_frame(sets, &self.request, &self.questions, &self.names)
    }
}

/// The search of a scan, which a thread owns.
struct Walk {
    blueprint: Blueprint<'static>,
    output: Output,
    floor: Option<f64>,
    positions: Range<u128>,
    send: SyncSender<Found>,
    control: Arc<Control>,
    _watch: Watch,
}

impl Walk {
    fn run(self) {
        let walked = InstructionSet::from_environment().and_then(|isa| {
            let Self { blueprint, output, floor, .. } = &self;
            let (strategy, columns) = (SearchStrategy::from_environment()?, needed(&output.names));
            let every = RAYON.install(|| Every::new(isa, blueprint, strategy, columns, *floor))?;
            // Not on the pool: it waits for readers.
            every.walk(|stretches| self.walk(stretches))
        });
        if let Err(failure) = walked.map_err(Failure::from).flatten() {
            // Nobody to tell is nobody who waits.
            let _ = self.send.send(Err(failure));
        }
    }

    fn walk(&self, stretches: &Stretches) -> std::result::Result<(), Failure> {
        let Self { output, positions, send, control, .. } = self;
        let sets = positions.end - positions.start;
        let frame = |within: &Range<u128>| {
            let found = stretches.stretch(within.clone(), MOST_ROWS, control)?;
            Ok(found.map(|sets| output.frame(sets)).transpose()?)
        };
        let (mut start, mut length) = (positions.start, FIRST_STRETCH);
        while start < positions.end {
            let together = stretches_from(start..positions.end, length);
            let began = Instant::now();
            let found: Vec<std::result::Result<Option<DataFrame>, Failure>> =
                RAYON.install(|| parallel::map_each(&together, frame));
            let took = began.elapsed();
            let mut most = 0;
            for (within, frame) in together.iter().zip(found) {
                // What follows one that was given up comes once more, in order.
                let Some(frame) = frame? else {
                    most = MOST_ROWS;
                    break;
                };
                control.advance((within.end - start) as f64 / sets as f64);
                start = within.end;
                most = frame.height().max(most);
                if frame.height() > 0 && send.send(Ok(frame)).is_err() {
                    return Ok(());
                }
            }
            length = next_length(length, most, took);
        }
        Ok(())
    }
}

/// The first of `positions` in stretches of `length`, as many as are searched at once.
fn stretches_from(positions: Range<u128>, length: u128) -> Vec<Range<u128>> {
    let Range { start, end } = positions;
    let starts = (0..stretches_at_once() as u128).map(|i| start.saturating_add(i.saturating_mul(length)));
    let starts = starts.take_while(|&start| start < end);
    starts.map(|start| start..end.min(start.saturating_add(length))).collect()
}

/// Sets of a stretch that follows some of `length` sets, of which `rows` were rows at most, and which took so long.
fn next_length(length: u128, rows: usize, took: Duration) -> u128 {
    if rows > FRAME_ROWS || took > LONG_TIME {
        (length / 2).max(FIRST_STRETCH)
    } else if rows <= FRAME_ROWS / 2 && took < MOMENT {
        length.saturating_mul(2)
    } else {
        length
    }
}

fn stretches_at_once() -> usize {
    STRETCHES_PER_THREAD * RAYON.current_num_threads()
}
