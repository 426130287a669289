use super::*;
use crate::Executor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

const SMALL: Limits = Limits {
    working: 2,
    max_threads: 4,
    max_waiting: 8,
    slow: Duration::from_millis(5),
    patience: Duration::from_secs(60),
    idle: Duration::from_secs(60),
};

/// A call that does not return until it is told to.
fn stuck() -> (Sender<()>, impl FnOnce() + Send) {
    let (release, wait): (Sender<()>, Receiver<()>) = channel();
    (release, move || wait.recv().unwrap_or(()))
}

fn threads(pool: &ReaderPool) -> usize {
    pool.owner.shared.lock().threads
}

/// Waits for what other threads do.
fn until(what: impl Fn() -> bool) {
    let start = clock::now();
    while !what() {
        assert!(clock::now() - start < Duration::from_secs(30), "it never came");
        thread::yield_now();
    }
}

#[test]
fn results_come_back_to_the_tasks_that_wait() {
    let pool = ReaderPool::new();
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let tasks: Vec<_> = (0..500_usize)
            .map(|number| {
                let pool = pool.clone();
                handle.spawn(async move { pool.run(move || number * 2).await.unwrap() })
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await, Ok(number * 2));
        }
    });
    assert!(threads(&pool) <= WORKING, "{pool:?}");
}

#[test]
fn calls_that_hang_hold_up_none_but_themselves() {
    let pool = ReaderPool::with(SMALL);
    let (releases, calls): (Vec<_>, Vec<_>) = (0..3).map(|_| stuck()).unzip();
    let hanging: Vec<_> = calls.into_iter().map(|call| pool.run(call)).collect();
    Executor::new().unwrap().block_on(async {
        for number in 0..20 {
            assert_eq!(pool.run(move || number).await.unwrap(), number);
        }
        drop(releases);
        for job in hanging {
            job.await.unwrap();
        }
    });
}

#[test]
fn when_every_thread_hangs_each_wait_has_an_end() {
    let pool = ReaderPool::with(Limits { patience: Duration::from_millis(50), ..SMALL });
    let (releases, calls): (Vec<_>, Vec<_>) = (0..SMALL.max_threads).map(|_| stuck()).unzip();
    let hanging: Vec<_> = calls.into_iter().map(|call| pool.run(call)).collect();
    let begun = clock::now();
    Executor::new().unwrap().block_on(async {
        let behind = pool.run(|| ());
        for job in hanging.into_iter().chain([behind]) {
            assert!(matches!(job.await, Err(JobError::Late)));
        }
        assert!(threads(&pool) <= SMALL.max_threads);
        drop(releases);
        until(|| pool.owner.shared.lock().running.is_empty());
        // They serve again. On a machine that is busy for as long as a job may take, one of them may be late by that.
        let served = loop {
            match pool.run(|| 7).await {
                Err(JobError::Late) => assert!(clock::now() - begun < Duration::from_secs(30), "all are late"),
                served => break served.unwrap(),
            }
        };
        assert_eq!(served, 7);
    });
}

#[test]
fn more_than_may_wait_is_refused_at_once() {
    let pool = ReaderPool::with(Limits { working: 1, slow: Duration::from_secs(60), ..SMALL });
    let (release, call) = stuck();
    let first = pool.run(call);
    until(|| pool.owner.shared.lock().waiting.is_empty());
    let waiting: Vec<_> = (0..SMALL.max_waiting).map(|number| pool.run(move || number)).collect();
    Executor::new().unwrap().block_on(async {
        assert!(matches!(pool.run(|| ()).await, Err(JobError::Full)));
        drop(release);
        first.await.unwrap();
        for (number, job) in waiting.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), number);
        }
    });
}

#[test]
fn a_job_that_nobody_wants_is_not_made() {
    let pool = ReaderPool::with(Limits { working: 1, slow: Duration::from_secs(60), ..SMALL });
    let (release, call) = stuck();
    let first = pool.run(call);
    let made = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..4)
        .map(|_| {
            let made = made.clone();
            pool.run(move || made.fetch_add(1, Ordering::Relaxed))
        })
        .collect();
    let last = pool.run(|| ());
    drop(jobs);
    drop(release);
    Executor::new().unwrap().block_on(async {
        first.await.unwrap();
        last.await.unwrap();
    });
    assert_eq!(made.load(Ordering::Relaxed), 0);
}

/// Threads that end as soon as they have nothing to do, while several executors hand over jobs now and then: none is
/// forgotten, which would be told as one that is late.
#[test]
fn no_job_is_forgotten_while_threads_come_and_go() {
    let (idle, slow, patience) = (Duration::from_micros(20), Duration::from_secs(30), Duration::from_secs(20));
    let pool = ReaderPool::with(Limits { idle, slow, patience, ..SMALL });
    thread::scope(|scope| {
        for seed in 1..4_u32 {
            let pool = pool.clone();
            scope.spawn(move || {
                let executor = Executor::new().unwrap();
                let mut random = seed;
                for number in 0..1000 {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let second = pool.run(move || number + 1);
                    assert_eq!(executor.block_on(pool.run(move || number)).unwrap(), number);
                    assert_eq!(executor.block_on(second).unwrap(), number + 1);
                    (0..random >> 18).for_each(|_| core::hint::spin_loop());
                }
            });
        }
    });
}

#[test]
fn a_panic_is_the_jobs_own() {
    let pool = ReaderPool::with(SMALL);
    Executor::new().unwrap().block_on(async {
        assert!(matches!(pool.run(|| panic!("on purpose")).await, Err(JobError::Panicked)));
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn threads_end_when_there_is_nothing_to_do_and_with_the_pool() {
    let pool = ReaderPool::with(Limits { idle: Duration::from_millis(5), ..SMALL });
    Executor::new().unwrap().block_on(async {
        pool.run(|| ()).await.unwrap();
        until(|| threads(&pool) == 0);
        pool.run(|| ()).await.unwrap();
    });
    let pool = ReaderPool::with(SMALL);
    let shared = Arc::downgrade(&pool.owner.shared);
    let (release, call) = stuck();
    let job = pool.run(call);
    drop(pool);
    assert!(shared.upgrade().is_some_and(|shared| !shared.lock().closed), "somebody waits");
    drop(job);
    drop(release);
    until(|| shared.strong_count() == 0);
}
