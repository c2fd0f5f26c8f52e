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

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_knows_its_name() {
        let name = super::spawn("committer", || std::thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(name.join().unwrap().as_deref(), Some("committer"));
    }
}
