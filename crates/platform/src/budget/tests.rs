//! Budgets alone and under threads.

use super::*;
use crate::thread::spawn;

#[test]
fn grants_count_in_every_budget_above() {
    let whole = Budget::new(100);
    let runs = whole.child("runs", 80);
    let mut grant = runs.try_take(60).unwrap();
    assert_eq!((whole.used(), runs.used(), runs.name(), runs.limit()), (60, 60, "runs", 80));
    let error = runs.try_take(21).unwrap_err();
    assert_eq!(error, Exhausted { budget: "runs".to_owned(), wanted: 21, used: 60, limit: 80 });
    let other = whole.try_take(30).unwrap();
    assert_eq!(runs.try_take(20).unwrap_err().budget, "memory");
    assert_eq!(runs.used(), 60, "a refusal above takes nothing here");
    grant.resize(10).unwrap();
    grant.grow(5).unwrap();
    grant.grow(u64::MAX).unwrap_err();
    let part = grant.split(7);
    assert_eq!((grant.bytes(), part.bytes(), runs.used()), (8, 7, 15));
    grant.shrink(100);
    drop((grant, part, other));
    assert_eq!((whole.used(), runs.used(), whole.peak(), runs.peak()), (0, 0, 90, 60));
}

#[test]
fn threads_never_pass_the_limit_and_give_everything_back() {
    let whole = Budget::new(1000);
    let parts = [whole.child("a", 700), whole.child("b", 700)];
    let work = |budget: Budget, whole: Budget| {
        move || {
            for n in 0..20_000u64 {
                if let Ok(mut grant) = budget.try_take(n % 300) {
                    let _ = grant.grow(n % 50);
                    assert!(whole.used() <= whole.limit() && budget.used() <= budget.limit());
                }
            }
        }
    };
    let threads: Vec<_> = (0..4).map(|i| spawn("taker", work(parts[i % 2].clone(), whole.clone())).unwrap()).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((whole.used(), parts[0].used(), parts[1].used()), (0, 0, 0));
    assert!(whole.peak() <= 1000 && whole.peak() >= 250);
}
