//! Ctrl-C while a search runs.
//!
//! Python's handler of SIGINT takes a note, which Python acts on when the plugin has returned: the search would run to its
//! end. So while a search runs, a handler stands before the one that is there, counts, and calls that.
//!
//! It is set up for each search and taken away after it, since programs change their handler in between: IPython does for
//! each cell, and asyncio for each run. A handler that is put there once and for all, as by the crate signal-hook, is gone
//! from then on.

use std::sync::atomic::AtomicUsize;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::search::Control;

pub use handler::Watch;

/// Interrupts that came while a search ran.
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

/// A control that Ctrl-C stops, as long as its watch lives.
pub fn watched() -> (Watch, Control) {
    (Watch::new(), Control::interrupted_by(&INTERRUPTS))
}

/// The error for a computation that Ctrl-C stopped.
pub fn raised(py: Python<'_>) -> PyErr {
    // Where this is Python's main thread, its handler says what an interrupt means.
    py.check_signals().err().unwrap_or_else(|| PyKeyboardInterrupt::new_err(()))
}

/// What was found; or nothing where Python raises `KeyboardInterrupt` instead: it would raise an error of ours before that.
pub fn unless_raised<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(Error::Interrupted) if is_raised_anyway() => Ok(T::default()),
        found => found,
    }
}

/// Whether Python turns the interrupt of a query into `KeyboardInterrupt` by itself, whatever the query returns.
fn is_raised_anyway() -> bool {
    Python::attach(|py| {
        let is_raised = || py.import("polars_corrset._interrupt")?.call_method0("is_raised")?.extract();
        is_raised().or_else(|error: PyErr| {
            // On the main thread it is raised here, with the first line of Python. It is put back.
            if error.is_instance_of::<PyKeyboardInterrupt>(py) {
                let answer = is_raised();
                py.import("_thread")?.call_method0("interrupt_main")?;
                answer
            } else {
                Err(error)
            }
        })
    })
    .unwrap_or(false)
}

#[cfg(unix)]
mod handler {
    use std::mem::{MaybeUninit, transmute};
    use std::ptr::{null, null_mut};
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::sync::{Mutex, PoisonError};

    use libc::{SA_SIGINFO, SIG_DFL, SIG_IGN, SIGINT, c_int, c_void, sigaction, siginfo_t};

    use super::INTERRUPTS;

    type WithInfo = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
    type Plain = extern "C" fn(c_int);

    /// The handler that ours stands before, as an address: a signal handler may not lock.
    static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
    static PREVIOUS_TAKES_INFO: AtomicBool = AtomicBool::new(false);

    /// The searches that run, and what was there before the first of them, if ours stands before it.
    static WATCHES: Mutex<(usize, Option<sigaction>)> = Mutex::new((0, None));

    extern "C" fn count(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        INTERRUPTS.fetch_add(1, SeqCst);
        let previous = PREVIOUS.load(SeqCst);
        if PREVIOUS_TAKES_INFO.load(SeqCst) {
            // SAFETY: `Watch::new` stored the address of a handler, neither of the two that are no functions, and that
            // it was set up to take these arguments.
            unsafe { transmute::<usize, WithInfo>(previous)(signal, info, context) };
        } else {
            // SAFETY: as above.
            unsafe { transmute::<usize, Plain>(previous)(signal) };
        }
    }

    fn current() -> Option<sigaction> {
        let mut action = MaybeUninit::<sigaction>::uninit();
        // SAFETY: `action` is writable, and without a new action nothing changes.
        let result = unsafe { sigaction(SIGINT, null(), action.as_mut_ptr()) };
        // SAFETY: written where the call says it succeeded.
        (result == 0).then(|| unsafe { action.assume_init() })
    }

    fn set(action: &sigaction) {
        // SAFETY: `action` is one that was in force, or that with `count` in place of its handler. `count` is safe to
        // call in a signal: it uses atomics and what was called there before.
        unsafe { sigaction(SIGINT, action, null_mut()) };
    }

    fn ours() -> usize {
        count as WithInfo as usize
    }

    /// Our handler stands while one of these lives.
    pub struct Watch;

    impl Watch {
        pub fn new() -> Self {
            let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
            watches.0 += 1;
            // Where a signal is ignored or ends the process, that is what is wanted.
            if let Some(action) = current()
                && ![SIG_IGN, SIG_DFL, ours()].contains(&action.sa_sigaction)
            {
                PREVIOUS.store(action.sa_sigaction, SeqCst);
                PREVIOUS_TAKES_INFO.store(action.sa_flags & SA_SIGINFO != 0, SeqCst);
                set(&sigaction { sa_sigaction: ours(), sa_flags: action.sa_flags | SA_SIGINFO, ..action });
                watches.1 = Some(action);
            }
            Self
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
            watches.0 -= 1;
            if watches.0 == 0
                && let Some(previous) = watches.1.take()
                // Whoever put another handler there meanwhile wants that one.
                && current().is_some_and(|action| action.sa_sigaction == ours())
            {
                set(&previous);
            }
        }
    }
}

/// Where there are no signals, a search runs to its end.
#[cfg(not(unix))]
mod handler {
    pub struct Watch;

    impl Watch {
        pub fn new() -> Self {
            Self
        }
    }
}
