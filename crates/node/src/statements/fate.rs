//! What becomes of rows that were handed over: the statement waits until another thread has made them durable, or could not.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// An outcome that is not known yet.
pub(super) struct Fate<E>(Arc<State<E>>);

struct State<E> {
    known: Mutex<Option<Result<(), E>>>,
    told: Condvar,
}

impl<E: Send + 'static> Fate<E> {
    pub(super) fn new() -> Self {
        Self(Arc::new(State { known: Mutex::new(None), told: Condvar::new() }))
    }

    /// What tells the outcome, once.
    pub(super) fn teller(&self) -> Box<dyn FnOnce(Result<(), E>) + Send> {
        let state = self.0.clone();
        Box::new(move |result| {
            *state.known.lock() = Some(result);
            state.told.notify_all();
        })
    }

    /// Waits for the outcome.
    pub(super) fn wait(self) -> Result<(), E> {
        let mut known = self.0.known.lock();
        loop {
            match known.take() {
                Some(result) => return result,
                None => self.0.told.wait(&mut known),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_learns_what_another_thread_tells() {
        for outcome in [Ok(()), Err("full")] {
            let fate = Fate::new();
            let tell = fate.teller();
            std::thread::scope(|scope| {
                scope.spawn(move || tell(outcome));
                assert_eq!(fate.wait(), outcome);
            });
        }
    }
}
