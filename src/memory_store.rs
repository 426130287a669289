//! What a client keeps in memory of what servers gave it, behind a lock: tickets and tokens.

/// Tickets and tokens that a client keeps for each server: as many tickets as connections may begin at once before new ones come.
pub(crate) const PER_SERVER: usize = 4;
/// Tickets and tokens that a client keeps in all: some 100 KB and some 40 KB.
pub(crate) const IN_ALL: usize = 256;

/// A store of this name around a cache of this type, which its `Debug` calls as the field is called.
macro_rules! memory_store {
    ($(#[$words:meta])* $store:ident { $values:ident: $cache:ident }) => {
        $(#[$words])*
        pub struct $store {
            $values: std::sync::Mutex<$cache>,
        }

        impl $store {
            /// Nothing, and room for so many: for each server, and in all.
            pub const fn new(per_server: usize, in_all: usize) -> $store {
                $store { $values: std::sync::Mutex::new($cache::new(per_server, in_all)) }
            }

            /// How many there are.
            pub fn len(&self) -> usize {
                self.cache().len()
            }

            /// Whether there is none.
            pub fn is_empty(&self) -> bool {
                self.cache().is_empty()
            }

            /// Forgets all: the next connections begin anew.
            pub fn clear(&self) {
                self.cache().clear();
            }

            fn cache(&self) -> std::sync::MutexGuard<'_, $cache> {
                self.$values.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
            }
        }

        impl Default for $store {
            fn default() -> $store {
                $store::new(crate::memory_store::PER_SERVER, crate::memory_store::IN_ALL)
            }
        }

        impl std::fmt::Debug for $store {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($store)).field(stringify!($values), &self.len()).finish()
            }
        }
    };
}

pub(crate) use memory_store;
