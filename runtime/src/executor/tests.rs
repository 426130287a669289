use super::*;
use std::cell::{Cell, RefCell};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn executor() -> (Executor, Handle) {
    let executor = Executor::new().unwrap();
    let handle = executor.handle().clone();
    (executor, handle)
}

#[test]
fn tasks_run_beside_each_other_and_give_their_results() {
    let (executor, handle) = executor();
    let order = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (0..3)
        .map(|number| {
            let order = order.clone();
            handle.spawn(async move {
                for _ in 0..2 {
                    order.borrow_mut().push(number);
                    yield_now().await;
                }
                number * 10
            })
        })
        .collect();
    executor.block_on(async {
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await, Ok(number * 10));
        }
    });
    assert_eq!(*order.borrow(), [0, 1, 2, 0, 1, 2]);
}

/// Where drivers had their turns among `count` tasks that were ready at once, each of which wakes the driver. Before them
/// the executor goes through `rounds` without anything to wait for.
fn turns_of_a_driver(rounds: usize, count: usize) -> Vec<usize> {
    let (executor, handle) = executor();
    let order = Rc::new(RefCell::new(Vec::new()));
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let driver = {
        let (order, waker) = (order.clone(), waker.clone());
        handle.spawn_driver(std::future::poll_fn(move |context| {
            order.borrow_mut().push("driver");
            *waker.borrow_mut() = Some(context.waker().clone());
            Poll::<()>::Pending
        }))
    };
    executor.block_on(async {
        for _ in 0..rounds {
            yield_now().await;
        }
        order.borrow_mut().clear();
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (order, waker) = (order.clone(), waker.clone());
                handle.spawn(async move {
                    order.borrow_mut().push("task");
                    waker.borrow().as_ref().unwrap().wake_by_ref();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        yield_now().await;
    });
    driver.abort();
    let order = order.borrow();
    let turns: Vec<_> = (0..order.len()).filter(|at| order[*at] == "driver").collect();
    assert_eq!(order.len() - turns.len(), count);
    turns
}

#[test]
fn a_driver_has_its_turn_among_many_tasks_that_wake_it() {
    let count = 4 * SMALLEST_PART;
    let part = count / PARTS;
    let turns = turns_of_a_driver(0, count);
    // The executor has only begun, so it may have kept others waiting: a turn after each part.
    assert_eq!(turns, [part, 2 * part + 1], "of {count} tasks");
}

#[test]
fn a_driver_waits_for_all_tasks_where_the_executor_did_not_have_to_wait() {
    let count = 4 * SMALLEST_PART;
    assert_eq!(turns_of_a_driver(ROUNDS, count), [count]);
    // But not for any number of them.
    let turns = turns_of_a_driver(ROUNDS, 2 * LARGEST_PART + 1);
    assert_eq!(turns, [LARGEST_PART, 2 * LARGEST_PART + 1, 2 * LARGEST_PART + 3]);
}

/// Two tasks work so long that the timer of one is due again at the end of every turn.
#[test]
fn a_timer_that_is_always_due_does_not_keep_descriptors_from_being_heard() {
    const STEP: Duration = Duration::from_micros(20);
    let (executor, handle) = executor();
    let work = |until: Instant| while clock::now() <= until {};
    let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let heard = Rc::new(Cell::new(false));
    let reader = {
        let (here, heard) = (handle.watch(here).unwrap(), heard.clone());
        handle.spawn(async move {
            let mut byte = [0];
            here.read_with(|mut stream| io::Read::read(&mut stream, &mut byte)).await.unwrap();
            heard.set(true);
        })
    };
    executor.block_on(async {
        for turn in 0..100 {
            if turn == 1 {
                io::Write::write_all(&mut &there, &[1]).unwrap();
            }
            let due = clock::now() + STEP;
            handle.spawn_detached(async move { work(due) });
            handle.sleep_until(due).await;
        }
        assert!(heard.get(), "in a hundred turns");
        reader.await.unwrap();
    });
}

/// Nothing to do is nothing done: no wait that ends for nothing, and no looking.
#[test]
fn an_idle_executor_does_not_look_for_events() {
    let (executor, handle) = executor();
    let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let here = handle.watch(here).unwrap();
    handle.spawn_detached(async move {
        let mut byte = [0];
        let _ = here.read_with(|mut stream| io::Read::read(&mut stream, &mut byte)).await;
    });
    executor.block_on(async {
        handle.sleep(Duration::from_millis(5)).await;
        let before = handle.stats();
        for _ in 0..5 {
            handle.sleep(Duration::from_millis(20)).await;
        }
        let after = handle.stats();
        assert_eq!(after.polls - before.polls, 5);
        // A stopped process that goes on has its wait interrupted.
        assert!(after.waits - before.waits <= 10, "{before:?} {after:?}");
    });
}

#[test]
fn a_task_that_waits_for_a_descriptor_goes_on_when_something_comes() {
    let (executor, handle) = executor();
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    b.set_nonblocking(true).unwrap();
    let address = b.local_addr().unwrap();
    let b = handle.watch(b).unwrap();
    let waiting = Rc::new(Cell::new(false));
    let task = {
        let waiting = waiting.clone();
        handle.spawn(async move {
            let mut buffer = [0; 8];
            b.read_with(|socket| {
                let result = socket.recv(&mut buffer);
                waiting.set(result.is_err());
                result
            })
            .await
        })
    };
    executor.block_on(async {
        while !waiting.get() {
            yield_now().await;
        }
        a.send_to(b"abc", address).unwrap();
        assert_eq!(task.await.unwrap().unwrap(), 3);
    });
}

#[test]
fn timers_fire_in_order_and_never_early() {
    // A sleep whose time has come before it is asked for the first time sets no timer: again, until all have set theirs.
    let order = std::iter::repeat_with(order_of_timers).take(1000).flatten().next();
    assert_eq!(order, Some(vec![1, 2, 1_000, 4, 7]));
}

/// In which order tasks go on that wait for so many half milliseconds; `None` if they began to wait too late for that.
fn order_of_timers() -> Option<Vec<u64>> {
    let (executor, handle) = executor();
    let order = Rc::new(RefCell::new(Vec::new()));
    let start = clock::now();
    let tasks: Vec<_> = [7u64, 1, 4, 1_000, 2]
        .into_iter()
        .map(|milliseconds| {
            let (order, handle) = (order.clone(), handle.clone());
            let deadline = start + Duration::from_micros(500 * milliseconds);
            handle.clone().spawn(async move {
                let mut sleep = handle.sleep_until(deadline);
                if milliseconds == 1_000 {
                    // Moved while it runs.
                    std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut sleep).poll(context).is_ready())).await;
                    sleep.reset(start + Duration::from_micros(1_500));
                }
                let deadline = sleep.deadline();
                let mut is_in_time = None;
                std::future::poll_fn(|context| {
                    let polled = Pin::new(&mut sleep).poll(context);
                    is_in_time.get_or_insert(polled.is_pending());
                    polled
                })
                .await;
                assert!(clock::now() >= deadline);
                order.borrow_mut().push(milliseconds);
                is_in_time == Some(true)
            })
        })
        .collect();
    let mut are_in_time = true;
    executor.block_on(async {
        for task in tasks {
            are_in_time &= task.await.unwrap();
        }
    });
    are_in_time.then(|| order.take())
}

#[test]
fn a_timer_that_is_dropped_or_moved_to_never_wakes_nobody() {
    let (executor, handle) = executor();
    executor.block_on(async {
        let mut sleep = handle.sleep(Duration::from_micros(100));
        let poll = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut sleep).poll(context).is_pending()));
        poll.await;
        sleep.reset(Instant::MAX);
        assert!(handle.timeout(Duration::from_millis(1), &mut sleep).await.is_err());
        drop(handle.sleep(Duration::from_secs(1000)));
        assert_eq!(handle.timeout(Duration::from_secs(1000), async { 5 }).await, Ok(5));
    });
    assert_eq!(handle.core.arm_count(), 0);
}

#[test]
fn an_interval_comes_again_and_again() {
    let (executor, handle) = executor();
    executor.block_on(async {
        let start = clock::now();
        let mut interval = handle.interval(Duration::from_micros(300));
        for count in 1..4 {
            assert!(interval.tick().await >= start + Duration::from_micros(300) * count);
        }
    });
}

#[test]
fn another_thread_wakes_an_executor_that_sleeps() {
    let (executor, _) = executor();
    let done = Arc::new(AtomicBool::new(false));
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let thread = {
        let (done, waker) = (done.clone(), waker.clone());
        std::thread::spawn(move || {
            loop {
                if let Some(waker) = waker.lock().unwrap().take() {
                    done.store(true, Ordering::SeqCst);
                    waker.wake();
                    return;
                }
                std::thread::yield_now();
            }
        })
    };
    executor.block_on(std::future::poll_fn(|context| {
        if done.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *waker.lock().unwrap() = Some(context.waker().clone());
        Poll::Pending
    }));
    thread.join().unwrap();
}

#[test]
fn an_idle_executor_makes_no_turns() {
    let (executor, handle) = executor();
    executor.block_on(async {
        handle.spawn(std::future::pending::<()>());
        let before = handle.stats();
        handle.sleep(Duration::from_millis(30)).await;
        let after = handle.stats();
        // One sleep; a signal may end it early.
        assert!(after.waits - before.waits <= 4, "{before:?} {after:?}");
        assert!(after.polls - before.polls <= 4);
    });
}

#[test]
fn waking_twice_polls_once() {
    let (executor, handle) = executor();
    let polls = Rc::new(Cell::new(0));
    let stored = Rc::new(RefCell::new(None::<Waker>));
    {
        let (polls, stored) = (polls.clone(), stored.clone());
        handle.spawn(std::future::poll_fn(move |context| {
            polls.set(polls.get() + 1);
            *stored.borrow_mut() = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
    }
    executor.block_on(async {
        yield_now().await;
        for _ in 0..5 {
            stored.borrow().as_ref().unwrap().wake_by_ref();
        }
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(polls.get(), 2);
}

#[test]
fn aborted_tasks_are_dropped_and_say_so() {
    let (executor, handle) = executor();
    let alive = Rc::new(());
    let held = alive.clone();
    let task = handle.spawn(async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    executor.block_on(async {
        yield_now().await;
        task.abort();
        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(task.is_finished());
        // Its place serves another, which the old handle does not touch.
        let next = handle.spawn(async { 1 });
        task.abort();
        assert_eq!(next.await, Ok(1));
        assert_eq!(task.await, Err(Aborted));
    });
}

#[test]
fn dropping_the_executor_drops_its_tasks() {
    let (executor, handle) = executor();
    let alive = Rc::new(());
    let held = (alive.clone(), handle.clone());
    let task = handle.spawn(async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    executor.block_on(yield_now());
    drop(executor);
    assert_eq!(Rc::strong_count(&alive), 1);
    assert!(task.is_finished());
    assert!(handle.spawn(async {}).is_finished());
}

#[test]
fn tasks_woken_beside_the_last_poll_of_main_are_not_forgotten() {
    let (executor, handle) = executor();
    let task = handle.spawn(async { 7 });
    executor.block_on(async {});
    assert_eq!(executor.block_on(task), Ok(7));
}

/// Wakes by the executor's own thread and by others meet at the same task: whatever one of them did before its wake, the task sees without
/// another wake of that one.
#[test]
fn no_wake_of_any_thread_is_lost() {
    const ROUNDS: usize = 5_000;
    let (executor, handle) = executor();
    let (done, seen) = (Arc::new([const { AtomicUsize::new(0) }; 2]), Arc::new([const { AtomicUsize::new(0) }; 2]));
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let wake_until_seen = |place: usize| {
        let (done, seen, waker) = (done.clone(), seen.clone(), waker.clone());
        move || {
            let begun = std::time::Instant::now();
            for round in 1..=ROUNDS {
                done[place].store(round, Ordering::Release);
                waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
                while seen[place].load(Ordering::Acquire) != round {
                    if begun.elapsed() > Duration::from_secs(60) {
                        return;
                    }
                    std::thread::yield_now();
                }
            }
        }
    };
    let threads = [0, 1].map(&wake_until_seen);
    let (waker, mut polls) = (waker.clone(), 0);
    let waits = handle.spawn(std::future::poll_fn(move |context| {
        waker.lock().unwrap().get_or_insert_with(|| context.waker().clone());
        polls += 1;
        if polls % 3 == 0 {
            context.waker().wake_by_ref();
        }
        let all: Vec<usize> = done.iter().map(|done| done.load(Ordering::Acquire)).collect();
        seen.iter().zip(&all).for_each(|(seen, done)| seen.store(*done, Ordering::Release));
        if all == [ROUNDS; 2] { Poll::Ready(()) } else { Poll::Pending }
    }));
    executor.block_on(async {
        yield_now().await;
        let threads = threads.map(std::thread::spawn);
        assert_eq!(handle.timeout(Duration::from_secs(60), waits).await, Ok(Ok(())), "a wake was lost");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// What a task of one executor does while it runs another reaches the tasks of both.
#[test]
fn an_executor_in_a_task_of_another() {
    let (executor, handle) = executor();
    let woken = Rc::new(Cell::new(0));
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let waiting = handle.spawn({
        let (woken, waker) = (woken.clone(), waker.clone());
        std::future::poll_fn(move |context| {
            *waker.borrow_mut() = Some(context.waker().clone());
            if woken.get() < 3 { Poll::Pending } else { Poll::Ready(woken.get()) }
        })
    });
    let wake = move || {
        woken.set(woken.get() + 1);
        waker.borrow().as_ref().unwrap().wake_by_ref();
    };
    executor.block_on(async move {
        yield_now().await;
        wake();
        let inner = Executor::new().unwrap();
        let task = inner.handle().spawn(async {
            yield_now().await;
            7
        });
        inner.block_on(async {
            wake();
            assert_eq!(task.await, Ok(7));
        });
        yield_now().await;
        wake();
        assert_eq!(waiting.await, Ok(3));
    });
}

/// The waker of a task that has ended is for the next one, unless somebody has kept it.
#[test]
fn a_waker_outlives_its_task() {
    let (executor, handle) = executor();
    let kept = Rc::new(RefCell::new(Vec::<Waker>::new()));
    let polls = Rc::new(Cell::new(0));
    executor.block_on(async {
        for _ in 0..3 {
            let kept = kept.clone();
            let keep = std::future::poll_fn(move |context| {
                kept.borrow_mut().push(context.waker().clone());
                Poll::Ready(())
            });
            assert_eq!(handle.spawn(keep).await, Ok(()));
        }
        let counted = polls.clone();
        let last = handle.spawn(std::future::poll_fn(move |_| {
            counted.set(counted.get() + 1);
            Poll::<()>::Pending
        }));
        yield_now().await;
        let kept = kept.take();
        let [first, second, third] = &kept[..] else { panic!("three tasks") };
        assert!(!first.will_wake(second) && !second.will_wake(third));
        [first, second, third].into_iter().for_each(Waker::wake_by_ref);
        yield_now().await;
        assert_eq!(polls.get(), 1);
        last.abort();
    });
}
