//! The node's own threads: the committer, which makes batches durable; the flusher, which puts rows into segments; the
//! compactor, which merges those; the housekeeper, which drops expired shards and stops overdue queries.
//!
//! None fails in silence: what storage cannot recover from and every panic go to the log and to `Options::on_fatal`, after
//! the gate is shut so that nothing is acknowledged any more. All stop within a fraction of a second once asked.

mod housekeeping;
mod storage;

use crate::node::{Gate, Inner, NodeError};
use parking_lot::{Condvar, Mutex};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Tells threads to stop; they rest on it.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Rests for `span`, less if asked to stop; true if asked.
    fn rest(&self, span: Duration) -> bool {
        let mut asked = self.asked.lock();
        if !*asked {
            self.changed.wait_for(&mut asked, span);
        }
        *asked
    }

    /// Whether asked to stop.
    fn asked(&self) -> bool {
        *self.asked.lock()
    }

    fn ask(&self) {
        *self.asked.lock() = true;
        self.changed.notify_all();
    }
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Threads {
    stop: Arc<Stop>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts them; if one cannot be started, those before it are stopped.
    pub(crate) fn start(inner: &Arc<Inner>) -> Result<Self, NodeError> {
        let works: [(&str, Work); 4] = [
            ("committer", storage::commit),
            ("flusher", storage::flush),
            ("compactor", storage::compact),
            ("housekeeper", housekeeping::keep_house),
        ];
        let mut threads = Self { stop: Arc::default(), handles: Vec::new() };
        for (name, work) in works {
            let (inner, stop) = (inner.clone(), threads.stop.clone());
            match platform::thread::spawn(name, move || guarded(&inner, &stop, name, work)) {
                Ok(handle) => threads.handles.push(handle),
                Err(error) => {
                    threads.stop();
                    return Err(NodeError::Thread(error.to_string()));
                }
            }
        }
        Ok(threads)
    }

    /// Asks them to stop and joins them.
    pub(crate) fn stop(self) {
        self.stop.ask();
        for handle in self.handles {
            // A panic has been told of already.
            let _ = handle.join();
        }
    }
}

/// What a thread does until it is asked to stop; an error ends the node.
type Work = fn(&Inner, &Stop) -> Result<(), String>;

fn guarded(inner: &Inner, stop: &Stop, name: &str, work: Work) {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(inner, stop)));
    let why = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(why)) => format!("{name}: {why}"),
        Err(panic) => format!("{name} panicked: {}", panic_text(&*panic)),
    };
    tracing::error!("{why}");
    (inner.options.on_fatal)(&why);
    // Whoever survives the hook (a test) finds a node that takes no writes. After the hook: a writer may hold the gate.
    *inner.gate.write() = Gate::Shut;
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no text".to_owned(),
    }
}
