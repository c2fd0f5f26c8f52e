//! Threads, each with a name that shows in `top -H` and in panics.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread; an error if the machine has no room for one more. Linux shows the first 15 bytes of the name.
pub fn spawn<T, F>(name: &str, work: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().name(name.to_owned()).spawn(work)
}

/// Does the same work on this thread and on up to so many others, and returns when all of them have ended it. Fewer help where the
/// machine has no room for threads.
pub fn helped(name: &str, helpers: usize, work: &(dyn Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            if Builder::new().name(name.to_owned()).spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_threads_do_the_work() {
        let done = AtomicUsize::new(0);
        super::helped("helper", 3, &|| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 4);
    }

    #[test]
    fn a_thread_knows_its_name() {
        let name = super::spawn("committer", || std::thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(name.join().unwrap().as_deref(), Some("committer"));
    }
}
