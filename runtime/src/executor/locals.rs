//! What somebody keeps on an executor: values that stay on its thread, of an owner that is shared by several threads.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// The values of one executor.
#[derive(Default)]
pub(crate) struct Locals {
    values: RefCell<Vec<Local>>,
}

/// The value of an owner. The weak reference keeps the owner's place in memory from being given to another one.
struct Local {
    owner: Weak<dyn Any + Send + Sync>,
    value: Rc<dyn Any>,
}

impl Locals {
    /// The value of `owner`, which `make` makes if there is none.
    pub(crate) fn get<O, T>(&self, owner: &Arc<O>, make: impl FnOnce() -> T) -> Rc<T>
    where
        O: Any + Send + Sync,
        T: 'static,
    {
        if let Some(value) = self.find(owner) {
            return value;
        }
        let value = Rc::new(make());
        let shared: Arc<dyn Any + Send + Sync> = owner.clone();
        let mut values = self.values.borrow_mut();
        // Those whose owner is gone are asked for by nobody.
        let (kept, gone) = values.drain(..).partition(|local| local.owner.strong_count() > 0);
        *values = kept;
        values.push(Local { owner: Arc::downgrade(&shared), value: value.clone() });
        drop(values);
        drop::<Vec<Local>>(gone);
        value
    }

    fn find<O, T: 'static>(&self, owner: &Arc<O>) -> Option<Rc<T>> {
        let values = self.values.borrow();
        let is_its = |local: &&Local| local.owner.as_ptr().cast::<O>() == Arc::as_ptr(owner);
        values.iter().filter(is_its).find_map(|local| local.value.clone().downcast().ok())
    }

    /// Drops all values: they may hold handles, and handles the executor.
    pub(crate) fn clear(&self) {
        let values = self.values.take();
        drop(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Executor;
    use std::cell::Cell;

    #[test]
    fn each_owner_has_a_value_as_long_as_it_lives() {
        let executor = Executor::new().unwrap();
        let handle = executor.handle();
        let (one, other) = (Arc::new(1), Arc::new(2));
        let count = |owner: &Arc<i32>| handle.local(owner, || Cell::new(0_u32));
        count(&one).set(7);
        assert_eq!((count(&one).get(), count(&other).get()), (7, 0));
        assert_eq!(*handle.local(&one, String::new), "", "a value of another type is another one");
        let value = Rc::downgrade(&count(&one));
        drop(one);
        assert!(value.upgrade().is_some(), "until another owner comes");
        count(&Arc::new(3));
        assert!(value.upgrade().is_none());
    }

    #[test]
    fn the_end_of_an_executor_is_that_of_its_values() {
        let executor = Executor::new().unwrap();
        let owner = Arc::new(());
        let handle = executor.handle().clone();
        let value = Rc::downgrade(&executor.handle().local(&owner, || handle));
        drop(executor);
        assert!(value.upgrade().is_none());
    }
}
